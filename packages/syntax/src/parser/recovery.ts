/**
 * Going on after a syntax error, so that one parse finds more than one problem. Nothing here influences the first
 * problem, and nothing made from here on is ever evaluated: this is heuristics, and only has to be good in most cases.
 *
 * In order of preference: pretend that a missing `;` or closing bracket was there; leave out tokens until what follows
 * fits; drop what was begun and go on behind it, at a token that ends or separates things.
 */
import { ACTION_ROWS, ACTION_ROW, GOTO_ROWS, GOTO_ROW, NONTERMINALS } from "../gen/tables.ts"
import { BRACE_CLOSE, END, QUOTE, TOKENS, TOKEN_COUNT, tokenNumber } from "../grammar/tokens.ts"
import type { Lexer } from "../lexer/lexer.ts"
import { ACTIONS, ACTION_WITHOUT_TOKEN, GOTOS, NONTERMINAL_COUNT, RULE_LEFT, RULE_LENGTH } from "./automaton.ts"

/** How to change the stack so that the machine can go on with the token it stumbled over, or a later one. */
export interface Repair {
  /** Height to cut the stack back to. */
  readonly top: number
  /** Nonterminal to push then, as if it had been there. */
  readonly push: number | undefined
  /** Index of a dropped entry whose value the pushed nonterminal takes over, if there is one. */
  readonly keep: number | undefined
  /** Token to pretend before the one to go on with. */
  readonly insert: number | undefined
}

const numbers = (names: string): ReadonlySet<number> => new Set(names.split(" ").map(tokenNumber))
const OPENING = numbers("( [ { ${ ''(")
const CLOSING = numbers(") ] } )''")
/** Tokens that end or separate things: worth dropping something unfinished for. */
const SYNCHRONISING = numbers(") ] } )'' ; , in then else PATH_END")
const SEMICOLON = tokenNumber(";")
/** Symbols after which a `;` separates nothing, and had better be left out. */
const BEFORE_BINDING: ReadonlySet<string> = new Set(["{", "let", "binds", "binds1"])
const BRACKETS: ReadonlySet<string> = new Set(["(", "[", "{", "let"])
const INSERTABLE = [...numbers("; ) ] }")]

export const BINDINGS: number = NONTERMINALS.indexOf("binds1")
const PUSHABLE = [undefined, NONTERMINALS.indexOf("expr_simple"), NONTERMINALS.indexOf("expr"), BINDINGS]

/** Tokens after which the lexer is in another mode, and those that end a mode. A quote can be either. */
const MODE_OPENING = numbers("{ ${ ''( PATH HPATH")
const MODE_CLOSING = numbers("} )'' PATH_END \"")
/** Symbols that stand in the stack while the lexer is in a mode that they began. */
const MODE_SYMBOLS: ReadonlySet<string> = new Set(["{", "${", "''(", '"', "path_start"])

/** Steps that all searches of one parse may take together, so that hopeless input is not hopelessly slow. */
const STEPS_MAX = 200_000

export class Recovery {
  readonly #states: readonly number[]
  readonly #lexer: Lexer
  #steps = 0

  /** `states` is the machine's stack, which goes on changing. */
  constructor(states: readonly number[], lexer: Lexer) {
    this.#states = states
    this.#lexer = lexer
  }

  /**
   * Looks for a way on from the state at `top`, which has no action for `token`, reading further tokens as needed. Says
   * which token to go on with; the lexer then stands behind it, in the mode that fits the repaired stack. Returns
   * `undefined` if there is no way: at the end of the text, or when searching has taken too long.
   */
  find(top: number, token: number): { readonly repair: Repair; readonly token: number } | undefined {
    const repair = this.#insertion(top, token)
    if (repair !== undefined) {
      this.#synchronise(repair, token)
      return { repair, token }
    }
    const lexer = this.#lexer
    let depth = 0
    for (let skipped = 0; token !== END && this.#steps < STEPS_MAX; token = lexer.next(), skipped++) {
      const stray = token === SEMICOLON && BEFORE_BINDING.has(symbolOf(this.#states[top]!))
      if (depth === 0 && !stray && (skipped > 0 || SYNCHRONISING.has(token))) {
        const repair = this.#cut(top, token)
        if (repair !== undefined) {
          this.#synchronise(repair, token)
          return { repair, token }
        }
      }
      if (OPENING.has(token) || (token === QUOTE && lexer.inString)) depth++
      else if (depth > 0 && (CLOSING.has(token) || token === QUOTE)) depth--
    }
    return undefined
  }

  /** Makes the lexer forget the brackets that the repair has dropped, and remember those that it has not. */
  #synchronise({ top, insert }: Repair, token: number): void {
    const lexer = this.#lexer
    let depth = insert === BRACE_CLOSE ? -1 : 0
    for (let i = 0; i <= top; i++) if (MODE_SYMBOLS.has(symbolOf(this.#states[i]!))) depth++
    const opens = MODE_OPENING.has(token) || (token === QUOTE && lexer.inString)
    if (opens) depth++
    else if (MODE_CLOSING.has(token)) depth--
    lexer.setDepth(Math.max(0, depth), opens)
  }

  #insertion(top: number, token: number): Repair | undefined {
    const insert = INSERTABLE.find((insert) => this.#accepts(top, undefined, [insert, token]))
    return insert === undefined ? undefined : { top, push: undefined, keep: undefined, insert }
  }

  /** The least that has to be dropped before `token` fits. Only a synchronising token may drop an open bracket. */
  #cut(top: number, token: number): Repair | undefined {
    const anything = SYNCHRONISING.has(token)
    for (let cut = top; cut >= 0 && this.#steps < STEPS_MAX; cut--) {
      // Bindings made so far are worth keeping.
      if (cut < top && isBindings(this.#states[cut + 1]!) && this.#accepts(cut, BINDINGS, [token])) {
        return { top: cut, push: BINDINGS, keep: cut + 1, insert: undefined }
      }
      for (const push of PUSHABLE) {
        if (this.#accepts(cut, push, [token])) return { top: cut, push, keep: undefined, insert: undefined }
      }
      const symbol = symbolOf(this.#states[cut]!)
      // What is around an interpolation stays in any case: the text goes on within it.
      if (symbol === "${" || (!anything && BRACKETS.has(symbol))) break
    }
    return undefined
  }

  /** Whether the machine, with the stack cut to `top` and `push` put on it, can shift all of `tokens`. */
  #accepts(top: number, push: number | undefined, tokens: readonly number[]): boolean {
    const states = this.#states
    const pushed: number[] = []
    if (push !== undefined) {
      const state = GOTOS[states[top]! * NONTERMINAL_COUNT + push]!
      if (state < 0) return false
      pushed.push(state)
    }
    for (const token of tokens) {
      for (;;) {
        this.#steps++
        const state = pushed.at(-1) ?? states[top]!
        const action = ACTION_WITHOUT_TOKEN[state]! || ACTIONS[state * TOKEN_COUNT + token]!
        if (action === 0) return false
        if (action > 0) {
          pushed.push(action - 1)
          break
        }
        const rule = -action - 1
        for (let i = RULE_LENGTH[rule]!; i > 0; i--) {
          if (pushed.length > 0) pushed.pop()
          else top--
        }
        pushed.push(GOTOS[(pushed.at(-1) ?? states[top]!) * NONTERMINAL_COUNT + RULE_LEFT[rule]!]!)
      }
    }
    return true
  }
}

function isBindings(state: number): boolean {
  const symbol = symbolOf(state)
  return symbol === "binds" || symbol === "binds1"
}

/** By state: the name of the symbol that leads into it. Needed after errors only, so made on first use. */
let symbols: readonly string[] | undefined
function symbolOf(state: number): string {
  if (symbols === undefined) {
    const names: string[] = []
    ACTION_ROW.forEach((row) => {
      const entries = ACTION_ROWS[row]!
      for (let i = 0; i < entries.length; i += 2) {
        if (entries[i + 1]! > 0) names[entries[i + 1]! - 1] = TOKENS[entries[i]!]![0]
      }
    })
    GOTO_ROW.forEach((row) => {
      const entries = GOTO_ROWS[row]!
      for (let i = 0; i < entries.length; i += 2) names[entries[i + 1]!] = NONTERMINALS[entries[i]!]!
    })
    symbols = names
  }
  return symbols[state] ?? ""
}
