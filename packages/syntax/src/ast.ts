/**
 * The syntax tree of a Nix expression, after the rules that C++ Nix applies while parsing: attribute paths
 * are nested sets, repeated sets are merged, indentation is stripped, `f x y` is one call.
 *
 * Offsets are byte offsets into the file. Source text, names and string contents are *byte strings*: JavaScript
 * strings with one char (0–255) per byte, since Nix strings are bytes and not text.
 */

/** `[from, to)` is what the editor underlines; parentheses around an expression belong to neither. */
export interface Node {
  readonly from: number
  readonly to: number
}

export type Expr =
  | IntExpr
  | FloatExpr
  | StringExpr
  | InterpolatedExpr
  | PathExpr
  | SearchPathExpr
  | VariableExpr
  | CurPosExpr
  | SelectExpr
  | HasAttrExpr
  | ListExpr
  | AttrsExpr
  | LetExpr
  | LegacyLetExpr
  | WithExpr
  | AssertExpr
  | IfExpr
  | LambdaExpr
  | CallExpr
  | NotExpr
  | NegateExpr
  | BinaryExpr
  | ErrorExpr

/** An int64: a `number` up to 2^53 - 1, else a `bigint`. */
export interface IntExpr extends Node {
  readonly kind: "int"
  readonly value: number | bigint
}
export interface FloatExpr extends Node {
  readonly kind: "float"
  readonly value: number
}
/** A string with nothing interpolated. `form` is for the printer's and the linter's sake; the meaning is the same. */
export interface StringExpr extends Node {
  readonly kind: "string"
  readonly form: "quoted" | "indented" | "uri"
  readonly value: string
}
/**
 * A string or path with `${…}` in it. `parts` alternate freely; literal pieces are `StringExpr`s (for a path the first
 * part is a `PathExpr`). `partAt[i]` is where C++ Nix says part i is: the `${`, or the start of the literal piece.
 */
export interface InterpolatedExpr extends Node {
  readonly kind: "interpolated"
  readonly form: "quoted" | "indented" | "path"
  readonly parts: readonly Expr[]
  readonly partAt: readonly number[]
  /** What C++ Nix reports as the position of the whole. */
  readonly at: number
}
/** A path literal as written: absolute, relative (`./a`, `a/b`) or `~/…`. Whoever compiles it resolves it. */
export interface PathExpr extends Node {
  readonly kind: "path"
  readonly text: string
}
/** `<nixpkgs/lib>`; `text` is what stands between the angle brackets. */
export interface SearchPathExpr extends Node {
  readonly kind: "search-path"
  readonly text: string
}
export interface VariableExpr extends Node {
  readonly kind: "variable"
  readonly name: string
}
/** `__curPos` */
export interface CurPosExpr extends Node {
  readonly kind: "cur-pos"
}

/** One step of an attribute path: a known name, or an expression that computes it. */
export type AttrName = StaticName | DynamicName
export interface StaticName extends Node {
  readonly name: string
  readonly expr?: undefined
}
export interface DynamicName extends Node {
  readonly name?: undefined
  readonly expr: Expr
}

/** `subject.path or fallback`. `from` includes parentheses around the subject: C++ Nix reports that position. */
export interface SelectExpr extends Node {
  readonly kind: "select"
  readonly subject: Expr
  readonly path: readonly AttrName[]
  readonly fallback: Expr | undefined
}
export interface HasAttrExpr extends Node {
  readonly kind: "has-attr"
  readonly subject: Expr
  readonly path: readonly AttrName[]
}
export interface ListExpr extends Node {
  readonly kind: "list"
  readonly items: readonly Expr[]
}

/**
 * The bindings of `{ … }`, `rec { … }`, `let … in`, merged. `statics` are in order of first definition and have distinct
 * names; `dynamics` apply after them, in order.
 */
export interface Bindings {
  readonly statics: readonly Binding[]
  readonly dynamics: readonly DynamicBinding[]
  /** The sources of `inherit (expr) …`, referred to by index. */
  readonly inheritFrom: readonly Expr[]
}
export interface Binding {
  readonly name: string
  /** Offset C++ Nix reports for this attribute (the start of its attribute path, or its name within `inherit`). */
  readonly at: number
  readonly value:
    | { readonly kind: "plain"; readonly expr: Expr }
    /** `inherit name;`: the variable `name` of the scope *around* the bindings. */
    | { readonly kind: "inherit" }
    /** `inherit (source) name;`, `source` an index into `inheritFrom`, which sees the bindings' own scope if there is one. */
    | { readonly kind: "inherit-from"; readonly source: number }
  /** The documentation comment before the binding: what stands between its opening two stars and its end. */
  readonly doc?: string | undefined
}
export interface DynamicBinding {
  readonly name: Expr
  readonly at: number
  readonly value: Expr
}
export interface AttrsExpr extends Node {
  readonly kind: "attrs"
  readonly recursive: boolean
  readonly bindings: Bindings
  /** False for the sets made by `a.b = …`, whose position C++ Nix does not know. */
  readonly explicit: boolean
}
export interface LetExpr extends Node {
  readonly kind: "let"
  readonly bindings: Bindings
  readonly body: Expr
}
/** `let { …; body = …; }`, the same as `(rec { … }).body`. */
export interface LegacyLetExpr extends Node {
  readonly kind: "legacy-let"
  readonly attrs: AttrsExpr
}
export interface WithExpr extends Node {
  readonly kind: "with"
  readonly subject: Expr
  readonly body: Expr
}
export interface AssertExpr extends Node {
  readonly kind: "assert"
  readonly condition: Expr
  readonly body: Expr
}
export interface IfExpr extends Node {
  readonly kind: "if"
  readonly condition: Expr
  readonly consequence: Expr
  readonly alternative: Expr
}
/** `param: body`, `{ formals }: body`, `param@{ formals }: body`. `from` is the position C++ Nix reports. */
export interface LambdaExpr extends Node {
  readonly kind: "lambda"
  readonly param: string | undefined
  readonly paramAt: number
  readonly formals: Formals | undefined
  readonly body: Expr
  /** Its own documentation comment, else that of the function or binding whose value it is; text as in {@link Binding}. */
  readonly doc?: string | undefined
}
export interface Formals {
  /** In source order, names distinct. */
  readonly items: readonly Formal[]
  readonly ellipsis: boolean
}
export interface Formal {
  readonly name: string
  readonly at: number
  readonly fallback: Expr | undefined
}
/** `fn a b c`, also `(fn a) b`: C++ Nix joins them too. */
export interface CallExpr extends Node {
  readonly kind: "call"
  readonly fn: Expr
  readonly args: readonly Expr[]
  /** What C++ Nix reports: the start, or the operator of a pipe. */
  readonly at: number
  /** Set where the argument is a bare `or`, as in `f or`. */
  readonly cursedOr?: boolean
}
/** `!operand` */
export interface NotExpr extends Node {
  readonly kind: "not"
  readonly operand: Expr
}
/** `-operand`, which Nix reads as `__sub 0 operand`. */
export interface NegateExpr extends Node {
  readonly kind: "negate"
  readonly operand: Expr
}
export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "++"
  | "//"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "&&"
  | "||"
  | "->"
export interface BinaryExpr extends Node {
  readonly kind: "binary"
  readonly operator: BinaryOperator
  readonly left: Expr
  readonly right: Expr
  /** Offset of the operator. */
  readonly at: number
  /** Offset of the left operand, parentheses included (C++ Nix reports it for `+`). */
  readonly leftAt: number
  readonly rightAt: number
}
/** Stands where a problem was reported and the parser went on. Never reaches the compiler. */
export interface ErrorExpr extends Node {
  readonly kind: "error"
}
