export { AttrSet, attrsFrom, Shape, type Position } from "./attrs.ts"
export { BUILTINS, makeGlobals } from "./builtins/globals.ts"
export { Evaluation, type EvaluationOptions, type Limits } from "./evaluation.ts"
export { IoError, noIo, type Awaitable, type EvalIO, type FileType } from "./io.ts"
export { PositionTable, type Place } from "./positions.ts"
export { describe, Failure, type EvalProblem, type ProblemCode, type Trace } from "./problem.ts"
export { typeName, typeOf } from "./type-name.ts"
export {
  Lambda,
  NixFloat,
  NixPath,
  NixString,
  PartialBuiltin,
  PartialLambda,
  Thunk,
  type Forced,
  type StringContext,
  type Value,
} from "./value.ts"
