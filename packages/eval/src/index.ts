export { AttrSet, attrsFrom, Shape, type Position } from "./attrs.ts"
export { BUILTINS, makeGlobals } from "./builtins/globals.ts"
export { coerceToString, ContextBuilder } from "./coerce.ts"
export { nixText, nixWarning, type NixTextOptions } from "./diagnostics/nix.ts"
export { colored, plain, type Palette } from "./diagnostics/palette.ts"
export { Evaluation, type EvaluationOptions, type Limits } from "./evaluation.ts"
export { IoError, noIo, type Awaitable, type EvalIO, type FileType } from "./io.ts"
export { forceDeep } from "./force-deep.ts"
export { PositionTable, type Place } from "./positions.ts"
export { describe, Failure, type EvalProblem, type ProblemCode, type Trace } from "./problem.ts"
export { printShort } from "./print/short.ts"
export { printValue } from "./print/value.ts"
export { autoCall, parseSelectionPath, select, type AutoArguments } from "./select.ts"
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
