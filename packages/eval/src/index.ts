export { AttrSet, attrsFrom } from "./attrs.ts"
export type { Position } from "./positions.ts"
export { Shape } from "./shape.ts"
export { BUILTINS, makeGlobals } from "./builtins/globals.ts"
export { coerceToString, ContextBuilder } from "./coerce.ts"
export { deeply } from "./deeply.ts"
export { frameText, type FrameTextOptions } from "./diagnostics/frame.ts"
export { nixMessage, nixText, type NixTextOptions } from "./diagnostics/nix.ts"
export { colored, plain, type Palette } from "./diagnostics/palette.ts"
export { problemRecord, type PlaceRecord, type ProblemRecord } from "./diagnostics/record.ts"
export {
  evaluate,
  evaluateSync,
  Evaluator,
  type EvaluateOptions,
  type EvaluatorOptions,
  type SourceOptions,
} from "./evaluate.ts"
export { Evaluation, type EvaluationOptions, type Limits, type MessageKind } from "./evaluation.ts"
export {
  AccessError,
  IoError,
  isPromise,
  noIo,
  type Awaitable,
  type DerivationOutputName,
  type EvalIO,
  type FileType,
  type OpenedFile,
} from "./io.ts"
export { EvalError, type SourcePlace, type TraceLine } from "./library/eval-error.ts"
export { NixValue, SyncValue, type NixType, type PlainValue } from "./library/nix-value.ts"
export type { ToJsOptions } from "./library/to-js.ts"
export { nixFunction, nixPath, toNix } from "./library/to-nix.ts"
export { memoryIo, type MemoryFile, type MemoryIoOptions } from "./memory-io.ts"
export { PositionTable, type Place } from "./positions.ts"
export { describe, Failure, type EvalProblem, type ProblemCode, type Trace } from "./problem.ts"
export { printJson } from "./print/json.ts"
export { printShort } from "./print/short.ts"
export { printValue } from "./print/value.ts"
export type { OnItem } from "./print/walk.ts"
export { printXml } from "./print/xml.ts"
export { autoCall, parseSelectionPath, select, type AutoArguments } from "./select.ts"
export { canonPath } from "./text/canon-path.ts"
export { didYouMean } from "./text/suggest.ts"
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
  type NixFunction,
  type StringContext,
  type Value,
} from "./value.ts"
export { httpIo, type Fetch, type HttpIoOptions } from "./http-io.ts"
export { disassemble, disassembleCode, type DisassembleOptions } from "./compiler/disassemble.ts"
export type { Unit } from "./compiler/unit.ts"
export type { CompilerObserver, RuntimeObserver, Site } from "./observe/observer.ts"
export { traceRuntime } from "./observe/trace.ts"
export { applyFixes, type Edit, type Finding } from "./lint/finding.ts"
export { lint, type LintOptions } from "./lint/lint.ts"
export { rulesPage } from "./lint/page.ts"
export { isPedantic, LINT_CODES, RULES, type LintCode, type Rule, type WarningCode } from "./lint/rules.ts"
export { coloredValues, plainValues, printPretty, type PrettyOptions, type ValuePalette } from "./print/pretty.ts"
export { Builtin } from "./builtins/builtin.ts"
export { asFailure, type Task } from "./vm/machine.ts"
export { isSettled, memoryUnitCache, type FileStamp, type UnitCache, type UnitShelf } from "./unit-cache.ts"
export { isSameWorld, WorldRecorder, type WorldRecord } from "./world-record.ts"
