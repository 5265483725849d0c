/**
 * Tokens to syntax tree: an LALR(1) machine. Its stack is an array, so no nesting in a text can overflow the JavaScript
 * stack; and since its tables follow bison's rules, it finds the errors C++ Nix finds, where C++ Nix finds them.
 */
import type { AttrsExpr, Bindings, ErrorExpr, Expr } from "../ast.ts"
import { END, TOKENS, TOKEN_COUNT } from "../grammar/tokens.ts"
import { type DocComment, Lexer } from "../lexer/lexer.ts"
import { isIncomplete, type ProblemDetail, type SyntaxProblem, type SyntaxWarning } from "../problem.ts"
import { SourceFile } from "../source.ts"
import {
  ACCEPT,
  ACTIONS,
  ACTION_WITHOUT_TOKEN,
  GOTOS,
  NONTERMINAL_COUNT,
  RULE_ACTION,
  RULE_LEFT,
  RULE_LENGTH,
  expectedTokens,
} from "./automaton.ts"
import { newAttrs } from "./bindings.ts"
import type { Build } from "./build.ts"
import { BINDINGS, Recovery } from "./recovery.ts"

export interface ParseOptions {
  /** Whether `|>` and `<|` are allowed: an experimental feature of Nix, off by default. */
  readonly pipeOperators?: boolean
}

/** What a parse found besides the tree. */
interface Findings {
  /** In the order they were found: the first is the one C++ Nix reports. */
  readonly problems: readonly SyntaxProblem[]
  readonly warnings: readonly SyntaxWarning[]
}
/** What could be made of a text. Evaluate it only if there are no problems. */
export interface ParsedExpr extends Findings {
  readonly expr: Expr
}
export interface ParsedBindings extends Findings {
  readonly bindings: Bindings
}

/** A parse gives up after this many problems: what follows is unlikely to be Nix. */
const PROBLEMS_MAX = 100

class Parser implements Build {
  readonly text: string
  readonly values: unknown[] = [undefined]
  readonly froms: number[] = [0]
  readonly tos: number[] = [0]
  readonly problems: SyntaxProblem[] = []
  readonly warnings: SyntaxWarning[] = []
  readonly docs: ReadonlyMap<number, DocComment>
  /** The states of the machine, parallel to `values`. */
  readonly #states: number[] = [0]
  readonly #lexer: Lexer

  constructor(file: SourceFile, options: ParseOptions, repl: boolean) {
    this.text = file.text
    const report = (detail: ProblemDetail, from: number, to: number, at: number): void =>
      this.report(detail, from, to, at)
    this.#lexer = new Lexer(file.text, report, { pipeOperators: options.pipeOperators === true, repl })
    this.docs = this.#lexer.docs
  }

  report(detail: ProblemDetail, from: number, to: number, at: number): void {
    this.problems.push({ ...detail, from, to, at })
  }

  findings(): Findings {
    return { problems: this.problems, warnings: this.warnings }
  }

  /** Runs the machine; the value of the start symbol, or `undefined` if a problem kept it from the end. */
  run(): unknown {
    const { values, froms, tos } = this
    const lexer = this.#lexer
    const states = this.#states
    const recovery = new Recovery(states, lexer)
    let top = 0
    let state = 0
    /** The token to act on, and the one to go on with after it; -1 is one yet to be read. */
    let token = -1
    let pending = -1
    for (;;) {
      let action = ACTION_WITHOUT_TOKEN[state]!
      if (action === 0) {
        if (token < 0) token = lexer.next()
        action = ACTIONS[state * TOKEN_COUNT + token]!
      }
      if (action < 0) {
        const rule = -action - 1
        const make = RULE_ACTION[rule]
        if (make !== undefined) {
          const length = RULE_LENGTH[rule]!
          const from = length === 0 ? tos[top]! : froms[top - length + 1]!
          const to = tos[top]!
          const base = top - length + 1
          const value = make(this, base, from, to)
          top = base
          values[top] = value
          froms[top] = from
          tos[top] = to
        }
        // Without an action the only symbol keeps its value and place and gets another name.
        state = GOTOS[states[top - 1]! * NONTERMINAL_COUNT + RULE_LEFT[rule]!]!
        states[top] = state
      } else if (action === ACCEPT) {
        return values[top]
      } else if (action > 0) {
        state = action - 1
        top++
        states[top] = state
        values[top] = lexer.value
        froms[top] = lexer.from
        tos[top] = lexer.to
        token = pending
        pending = -1
      } else {
        this.#reportUnexpected(state, token)
        const found = this.problems.length < PROBLEMS_MAX ? recovery.find(top, token) : undefined
        if (found === undefined) return undefined
        const { repair } = found
        top = repair.top
        if (repair.push !== undefined) {
          const from = tos[top]!
          top++
          states[top] = GOTOS[states[top - 1]! * NONTERMINAL_COUNT + repair.push]!
          if (repair.keep !== undefined) values[top] = values[repair.keep]
          else values[top] = repair.push === BINDINGS ? newAttrs(from, lexer.from, true) : errorExpr(from, lexer.from)
          froms[top] = from
          tos[top] = lexer.from
        }
        state = states[top]!
        token = repair.insert ?? found.token
        if (repair.insert !== undefined) pending = found.token
      }
    }
  }

  #reportUnexpected(state: number, token: number): void {
    const { from, to } = this.#lexer
    const unexpected = TOKENS[token]![1]
    // Where the text ended too soon, the place is after its last character.
    const at = token === END ? to : from
    this.report({ code: "unexpected-token", unexpected, expected: expectedTokens(state) }, at, to, at)
  }
}

function errorExpr(from: number, to: number): ErrorExpr {
  return { kind: "error", from, to }
}

/** Parses a whole file as one expression. Never throws, never overflows the stack. */
export function parse(file: SourceFile, options: ParseOptions = {}): ParsedExpr {
  const parser = new Parser(file, options, false)
  const expr = parser.run() as Expr | undefined
  return { expr: expr ?? errorExpr(0, file.text.length), ...parser.findings() }
}

/**
 * Parses bindings as one types them into a REPL: `x = 1; inherit (y) z;`, where the last `;` may be missing. What is no
 * bindings may still be an expression: call {@link parse} then, unless the first problem `isIncomplete`.
 */
export function parseBindings(file: SourceFile, options: ParseOptions = {}): ParsedBindings {
  const asTyped = new Parser(file, options, true)
  const attrs = asTyped.run() as AttrsExpr | undefined
  if (attrs !== undefined && asTyped.problems.length === 0) return { bindings: attrs.bindings, ...asTyped.findings() }
  const end = file.text.length
  const completed = new Parser(new SourceFile(file.path, `${file.text};`), options, true)
  const completedAttrs = completed.run() as AttrsExpr | undefined
  if (completedAttrs !== undefined && completed.problems.length === 0) {
    return { bindings: completedAttrs.bindings, ...completed.findings() }
  }
  const nothing = newAttrs(0, 0, false).bindings
  // Of the two attempts the completed one tells what the text lacks: `x` would otherwise seem to lack its `=`. But
  // `x = { y = 1;` waits for more text too, and is no expression.
  const [first] = asTyped.problems
  const [other] = parse(file, options).problems
  if (
    completed.problems[0]?.code === "unexpected-token" &&
    first !== undefined &&
    isIncomplete(first) &&
    other !== undefined &&
    !isIncomplete(other)
  ) {
    return { bindings: attrs?.bindings ?? nothing, ...asTyped.findings() }
  }
  const problems = completed.problems.map((problem): SyntaxProblem => ({
    ...problem,
    from: Math.min(problem.from, end),
    to: Math.min(problem.to, end),
    at: Math.min(problem.at, end),
  }))
  return { bindings: completedAttrs?.bindings ?? nothing, problems, warnings: completed.warnings }
}
