/**
 * The grammar of Nix 2.34, each rule with what it makes. gen/tables.ts is made from it by `npm run tables` in this
 * package; a test notices if that was forgotten.
 *
 * The shape of the rules is that of C++ Nix's grammar (parser.y), down to what looks redundant: which tokens a message
 * calls expected, and how far a text is read before an error is noticed, follow from it.
 *
 * Symbols are separated by spaces; terminals are those of tokens.ts. A rule without an action has one symbol and its value.
 */
import type { Action } from "../parser/build.ts"
import * as make from "../parser/nodes.ts"
import type { Precedence } from "./lalr.ts"

export interface Rule {
  readonly left: string
  readonly right: readonly string[]
  readonly action: Action | undefined
  readonly precedence: string | undefined
}

function rule(left: string, right: string, action?: Action, precedence?: string): Rule {
  return { left, right: right === "" ? [] : right.split(" "), action, precedence }
}

/** Loosest first. */
export const PRECEDENCE: readonly Precedence[] = [
  { associativity: "right", operators: ["->"] },
  { associativity: "left", operators: ["||"] },
  { associativity: "left", operators: ["&&"] },
  { associativity: "none", operators: ["==", "!="] },
  { associativity: "none", operators: ["<", ">", "<=", ">="] },
  { associativity: "right", operators: ["//"] },
  { associativity: "left", operators: ["NOT"] },
  { associativity: "left", operators: ["+", "-"] },
  { associativity: "left", operators: ["*", "/"] },
  { associativity: "right", operators: ["++"] },
  { associativity: "none", operators: ["?"] },
  { associativity: "none", operators: ["NEGATE"] },
]

const OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "&&", "||", "->", "//", "+", "-", "*", "/", "++"] as const

export const RULES: readonly Rule[] = [
  rule("start", "expr"),
  rule("start", "REPL binds1", make.second),

  rule("expr", "expr_function"),
  rule("expr_function", "ID : expr_function", make.lambdaOfName),
  rule("expr_function", "formal_set : expr_function", make.lambdaOfFormals),
  rule("expr_function", "formal_set @ ID : expr_function", make.lambdaOfFormalsAndName),
  rule("expr_function", "ID @ formal_set : expr_function", make.lambdaOfNameAndFormals),
  rule("expr_function", "assert expr ; expr_function", make.assertion),
  rule("expr_function", "with expr ; expr_function", make.withScope),
  rule("expr_function", "let binds in expr_function", make.letIn),
  rule("expr_function", "expr_if"),

  rule("expr_if", "if expr then expr else expr", make.conditional),
  rule("expr_if", "expr_pipe_from"),
  rule("expr_if", "expr_pipe_into"),
  rule("expr_if", "expr_op"),

  rule("expr_pipe_from", "expr_op <| expr_pipe_from", make.pipeFrom),
  rule("expr_pipe_from", "expr_op <| expr_op", make.pipeFrom),
  rule("expr_pipe_into", "expr_pipe_into |> expr_op", make.pipeInto),
  rule("expr_pipe_into", "expr_op |> expr_op", make.pipeInto),

  rule("expr_op", "! expr_op", make.not, "NOT"),
  rule("expr_op", "- expr_op", make.negate, "NEGATE"),
  ...OPERATORS.map((operator) => rule("expr_op", `expr_op ${operator} expr_op`, make.binary(operator))),
  rule("expr_op", "expr_op ? attrpath", make.hasAttr),
  rule("expr_op", "expr_app"),

  rule("expr_app", "expr_app expr_select", make.call),
  rule("expr_app", "expr_select"),

  rule("expr_select", "expr_simple . attrpath", make.select),
  rule("expr_select", "expr_simple . attrpath or expr_select", make.selectOr),
  rule("expr_select", "expr_simple or", make.callOr),
  rule("expr_select", "expr_simple"),

  rule("expr_simple", "ID", make.variable),
  rule("expr_simple", "INT", make.int),
  rule("expr_simple", "FLOAT", make.float),
  rule("expr_simple", '" string_parts "', make.quotedString),
  rule("expr_simple", "''( ind_string_parts )''", make.indentedString),
  rule("expr_simple", "path_start PATH_END", make.first),
  rule("expr_simple", "path_start string_parts_interpolated PATH_END", make.interpolatedPath),
  rule("expr_simple", "SPATH", make.searchPath),
  rule("expr_simple", "URI", make.uri),
  rule("expr_simple", "( expr )", make.second),
  rule("expr_simple", "let { binds }", make.legacyLet),
  rule("expr_simple", "rec { binds }", make.recursiveSet),
  rule("expr_simple", "{ binds1 }", make.plainSet),
  rule("expr_simple", "{ }", make.emptyBindings),
  rule("expr_simple", "[ list ]", make.list),

  rule("string_parts", "STR"),
  rule("string_parts", "string_parts_interpolated", make.interpolatedParts),
  rule("string_parts", "", make.emptyString),
  rule("string_parts_interpolated", "string_parts_interpolated STR", make.moreText),
  rule("string_parts_interpolated", "string_parts_interpolated ${ expr }", make.moreInterpolation),
  rule("string_parts_interpolated", "${ expr }", make.firstInterpolation),
  rule("string_parts_interpolated", "STR ${ expr }", make.textThenInterpolation),

  rule("path_start", "PATH", make.pathStart),
  rule("path_start", "HPATH", make.pathStart),

  rule("ind_string_parts", "ind_string_parts IND_STR", make.indentedText),
  rule("ind_string_parts", "ind_string_parts ${ expr }", make.indentedInterpolation),
  rule("ind_string_parts", "", make.indentedPieces),

  rule("binds", "binds1"),
  rule("binds", "", make.emptyBindings),
  rule("binds1", "binds1 attrpath = expr ;", make.moreBindings),
  rule("binds1", "binds inherit attrs ;", make.inherited),
  rule("binds1", "binds inherit ( expr ) attrs ;", make.inheritedFrom),
  rule("binds1", "attrpath = expr ;", make.firstBinding),

  rule("attrs", "attrs attr", make.moreNames),
  rule("attrs", "attrs string_attr", make.moreNames),
  rule("attrs", "", make.noNames),
  rule("attrpath", "attrpath . attr", make.longerPath),
  rule("attrpath", "attrpath . string_attr", make.longerPath),
  rule("attrpath", "attr", make.pathOfOne),
  rule("attrpath", "string_attr", make.pathOfOne),
  rule("attr", "ID", make.attrName),
  rule("attr", "or", make.attrName),
  rule("string_attr", '" string_parts "', make.quotedName),
  rule("string_attr", "${ expr }", make.computedName),

  rule("list", "list expr_select", make.moreItems),
  rule("list", "", make.emptyList),

  rule("formal_set", "{ formals , ... }", make.openFormals),
  rule("formal_set", "{ ... }", make.anyFormals),
  rule("formal_set", "{ formals , }", make.formals),
  rule("formal_set", "{ formals }", make.formals),
  rule("formal_set", "{ }", make.noFormals),
  rule("formals", "formals , formal", make.moreFormals),
  rule("formals", "formal", make.firstFormal),
  rule("formal", "ID", make.formal),
  rule("formal", "ID ? expr", make.formalWithFallback),
]
