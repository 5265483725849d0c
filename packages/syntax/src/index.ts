export type {
  AssertExpr,
  AttrName,
  AttrsExpr,
  BinaryExpr,
  BinaryOperator,
  Binding,
  Bindings,
  CallExpr,
  CurPosExpr,
  DynamicBinding,
  DynamicName,
  ErrorExpr,
  Expr,
  FloatExpr,
  Formal,
  Formals,
  HasAttrExpr,
  IfExpr,
  IntExpr,
  InterpolatedExpr,
  LambdaExpr,
  LegacyLetExpr,
  LetExpr,
  ListExpr,
  NegateExpr,
  Node,
  NotExpr,
  PathExpr,
  SearchPathExpr,
  SelectExpr,
  StaticName,
  StringExpr,
  VariableExpr,
  WithExpr,
} from "./ast.ts"
export { parse, parseBindings, type ParsedBindings, type ParsedExpr, type ParseOptions } from "./parser/parser.ts"
export { documentationText } from "./documentation.ts"
export {
  describe,
  describeWarning,
  isIncomplete,
  type ProblemDetail,
  type ProblemPlace,
  type SyntaxProblem,
  type SyntaxWarning,
} from "./problem.ts"
export { SourceFile, type DeferredSource } from "./source.ts"
export { printFloat } from "./print/float.ts"
export { printName, printString } from "./print/name.ts"
export { type PathContext, resolvePath } from "./print/path.ts"
export { printParsed } from "./print/print.ts"
export { printTree } from "./print/tree.ts"
