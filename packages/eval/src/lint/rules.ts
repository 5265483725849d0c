/**
 * Every warning the linter knows, one row each: its stable code, when it is given, and an example. The documentation page
 * docs/guides/lint.md is made from this table, and a test gives every example to the linter.
 */
export interface Rule {
  readonly summary: string
  /** Pedantic ones are matters of taste, and only given on request. */
  readonly level: "warning" | "pedantic"
  readonly why: string
  readonly bad: string
  /** What to write instead; what the fix makes of `bad`, if there is a fix. */
  readonly good: string
  readonly fixable?: boolean
}

export const RULES = {
  // ------------------------------------------------------------------------------------------ what is never used
  "unused-let": {
    summary: "a variable bound by `let` is never used",
    level: "warning",
    why: "Also one that is used only by variables that are not used themselves. A name that starts with `_` is exempt.",
    bad: "let\n  a = 1;\n  b = 2;\nin a",
    good: "let\n  a = 1;\nin a",
    fixable: true,
  },
  "unused-formal": {
    summary: "a name in a function's set pattern is never used",
    level: "warning",
    why: "Unless the whole set has a name that is used, or the name starts with `_`.",
    bad: "{ a, b, ... }: a",
    good: "{ a, ... }: a",
  },
  "unused-at": {
    summary: "the name of a set pattern as a whole is never used",
    level: "warning",
    why: "The pattern does all the work.",
    bad: "args@{ a, b }: a + b",
    good: "{ a, b }: a + b",
    fixable: true,
  },
  "unused-argument": {
    summary: "the argument of a function is never used",
    level: "pedantic",
    why: "Start its name with `_` where the caller insists on passing it.",
    bad: "x: y: x",
    good: "x: _y: x",
    fixable: true,
  },
  "useless-with": {
    summary: "no variable in the body of a `with` can come from it",
    level: "warning",
    why: "What is bound by `let`, a function or the language itself always wins over a `with`.",
    bad: "x: with x; [ 1 ]",
    good: "x: [ 1 ]",
    fixable: true,
  },
  "useless-rec": {
    summary: "no attribute of a `rec` set refers to another",
    level: "warning",
    why: "Without `rec`, nobody has to look for what is not there.",
    bad: "rec { a = 1; b = 2; }",
    good: "{ a = 1; b = 2; }",
    fixable: true,
  },
  "useless-inherit": {
    summary: "`let inherit x;` binds a variable to itself",
    level: "warning",
    why: "The variable is there without it.",
    bad: "x: let inherit x; y = x; in y",
    good: "x: let y = x; in y",
    fixable: true,
  },
  "empty-inherit": {
    summary: "`inherit (x);` inherits nothing",
    level: "warning",
    why: "The expression in the parentheses is not even evaluated.",
    bad: "x: { inherit (x); a = 1; }",
    good: "x: { a = 1; }",
  },
  "empty-let": {
    summary: "`let in x` binds nothing",
    level: "warning",
    why: "It is the same as `x`.",
    bad: "x: let in x",
    good: "x: x",
    fixable: true,
  },
  // ------------------------------------------------------------------------------------------ what cannot happen
  "unreachable-branch": {
    summary: "the other branch of a condition that is always the same",
    level: "warning",
    why: "The condition is `true` or `false`, written out.",
    bad: "x: if true then x else 1",
    good: "x: x",
    fixable: true,
  },
  "constant-operand": {
    summary: "a logical operation of which one side is `true` or `false`, written out",
    level: "warning",
    why: "The result is the other side, or does not depend on it.",
    bad: "x: y: true && x < y",
    good: "x: y: x < y",
    fixable: true,
  },
  "useless-assert": {
    summary: "an assertion that always holds",
    level: "warning",
    why: "It is `assert true`.",
    bad: "x: assert true; x",
    good: "x: x",
    fixable: true,
  },
  "identical-branches": {
    summary: "both branches of an `if` are the same",
    level: "warning",
    why: "One of them was probably meant to be different.",
    bad: "x: if x then [ 1 ] else [ 1 ]",
    good: "x: [ 1 ]",
  },
  // ------------------------------------------------------------------------------------------ what does nothing
  "bool-comparison": {
    summary: "a comparison with `true` or `false`",
    level: "warning",
    why: "A Boolean is its own comparison with `true`. Not given where the other side is evidently something else at times.",
    bad: "x: x ? enable == true",
    good: "x: x ? enable",
    fixable: true,
  },
  "bool-if": {
    summary: "`if x then true else false`",
    level: "warning",
    why: "It is the same as `x`; the other way round it is `!x`.",
    bad: "a: b: if a < b then true else false",
    good: "a: b: a < b",
    fixable: true,
  },
  "double-negation": {
    summary: "`!(!x)`",
    level: "warning",
    why: "It is the same as `x`.",
    bad: "x: !(!x)",
    good: "x: x",
    fixable: true,
  },
  "negated-equality": {
    summary: "`!(a == b)`",
    level: "warning",
    why: "There is an operator for it.",
    bad: "a: b: !(a == b)",
    good: "a: b: a != b",
    fixable: true,
  },
  "useless-update": {
    summary: "`//` with an empty set",
    level: "warning",
    why: "The result is the other side.",
    bad: "x: x // { }",
    good: "x: x",
    fixable: true,
  },
  "useless-concat": {
    summary: "`++` with an empty list",
    level: "warning",
    why: "The result is the other side.",
    bad: "x: [ ] ++ x",
    good: "x: x",
    fixable: true,
  },
  "useless-parentheses": {
    summary: "parentheses around what needs none",
    level: "warning",
    why: "Around a name, a string or a list; around the whole of a value, condition, branch or body; around parentheses.",
    bad: "x: { a = (x + 1); }",
    good: "x: { a = x + 1; }",
    fixable: true,
  },
  "manual-inherit": {
    summary: "`x = x;`",
    level: "pedantic",
    why: "`inherit x;` says that nothing happens to the value on the way.",
    bad: "x: { x = x; }",
    good: "x: { inherit x; }",
    fixable: true,
  },
  // ------------------------------------------------------------------------------------------ what names hide
  "shadowed-builtin": {
    summary: "a variable has the name of something that is part of the language",
    level: "warning",
    why: "Readers take it for the builtin. Not given for `inherit`, nor for the attributes of `rec` sets.",
    bad: "toString: toString 1",
    good: "show: show 1",
  },
  "shadowed-operator": {
    summary: "a variable has the name that an operator stands for",
    level: "warning",
    why: "Where `__sub` is bound, `a - b` calls it; likewise `__mul`, `__div`, `__lessThan`, and `__findFile` and `__nixPath` for `<x>`.",
    bad: "let __sub = a: b: 0; in 3 - 2",
    good: "let sub = a: b: 0; in sub 3 2",
  },
  "shadowed-variable": {
    summary: "a variable hides another one of the same name",
    level: "pedantic",
    why: "Readers have to find out which is meant.",
    bad: "x: y: (x: x + y) x",
    good: "x: y: (z: z + y) x",
  },
  // ------------------------------------------------------------------------------------------ what is going away
  "deprecated-url": {
    summary: "a URL without quotes",
    level: "warning",
    why: "Deprecated since 2019; `x:y` looks like a function.",
    bad: "[ https://nixos.org ]",
    good: '[ "https://nixos.org" ]',
    fixable: true,
  },
  "deprecated-let": {
    summary: "`let { …; body = …; }`",
    level: "warning",
    why: "The oldest form of `let`, which hardly anybody knows any more.",
    bad: "let { x = 1; body = x; }",
    good: "let x = 1; in x",
  },
  "deprecated-overrides": {
    summary: "`__overrides` in a `rec` set",
    level: "warning",
    why: "Replaces attributes behind the reader's back; functions and `//` do it in the open.",
    bad: "rec { __overrides = { a = 2; }; a = 1; b = a; }",
    good: "let set = a: { inherit a; b = a; }; in set 2",
  },
  "deprecated-or": {
    summary: "`or` as a variable",
    level: "warning",
    why: "`f or` calls f with a variable of that name, and in `g f or` binds tighter than calling g.",
    bad: "let or = 1; f = x: x; in f or",
    good: "let other = 1; f = x: x; in f other",
  },
  "short-path": {
    summary: "a relative path that does not begin with `./` or `../`",
    level: "warning",
    why: "`a/b` is a path and `a / b` a division.",
    bad: "[ lib/default.nix ]",
    good: "[ ./lib/default.nix ]",
    fixable: true,
  },
  "absolute-path": {
    summary: "an absolute path",
    level: "warning",
    why: "It depends on the machine; pure evaluation refuses it.",
    bad: "import /etc/nixos/configuration.nix",
    good: "import ./configuration.nix",
  },
  "home-path": {
    summary: "a path in the home directory",
    level: "warning",
    why: "It depends on who evaluates; pure evaluation refuses it.",
    bad: "import ~/configuration.nix",
    good: "import ./configuration.nix",
  },
} as const satisfies Readonly<Record<string, Rule>>

export type WarningCode = keyof typeof RULES
/** What keeps a file from being looked at, or from running: always an error. */
export type ErrorCode = "syntax" | "undefined-variable"
export type LintCode = WarningCode | ErrorCode

export const LINT_CODES = Object.keys(RULES) as readonly WarningCode[]
export function isPedantic(code: WarningCode): boolean {
  return RULES[code].level === "pedantic"
}
