/** The generated tables, unpacked into what the parser's loop reads. */
import { ACCEPT, ACTION_ROW, ACTION_ROWS, DEFAULT_RULE, GOTO_ROW, GOTO_ROWS, NONTERMINALS } from "../gen/tables.ts"
import { RULES } from "../grammar/rules.ts"
import { TOKENS, TOKEN_COUNT } from "../grammar/tokens.ts"
import type { Action } from "./build.ts"

export { ACCEPT }

const STATE_COUNT = DEFAULT_RULE.length
export const NONTERMINAL_COUNT: number = NONTERMINALS.length

/**
 * At `state * TOKEN_COUNT + token`: n > 0 shifts into state n - 1, n < 0 reduces rule -n - 1, 0 is an error. A default
 * reduction also answers to tokens that are errors, as in bison: the error then shows in a later state.
 */
export const ACTIONS: Int16Array = new Int16Array(STATE_COUNT * TOKEN_COUNT)
/** By state: the action (n < 0) where no token makes a difference, else 0. No token is read in such a state. */
export const ACTION_WITHOUT_TOKEN: Int16Array = new Int16Array(STATE_COUNT)
/** At `state * NONTERMINAL_COUNT + nonterminal`: the next state, or -1. */
export const GOTOS: Int16Array = new Int16Array(STATE_COUNT * NONTERMINAL_COUNT).fill(-1)

for (let state = 0; state < STATE_COUNT; state++) {
  const otherwise = -DEFAULT_RULE[state]! - 1
  const row = ACTION_ROWS[ACTION_ROW[state]!]!
  if (row.length === 0) ACTION_WITHOUT_TOKEN[state] = otherwise
  ACTIONS.fill(otherwise, state * TOKEN_COUNT, (state + 1) * TOKEN_COUNT)
  for (let i = 0; i < row.length; i += 2) ACTIONS[state * TOKEN_COUNT + row[i]!] = row[i + 1]!
  const gotos = GOTO_ROWS[GOTO_ROW[state]!]!
  for (let i = 0; i < gotos.length; i += 2) GOTOS[state * NONTERMINAL_COUNT + gotos[i]!] = gotos[i + 1]!
}

export const RULE_LEFT: Int16Array = Int16Array.from(RULES, (rule) => NONTERMINALS.indexOf(rule.left))
export const RULE_LENGTH: Int16Array = Int16Array.from(RULES, (rule) => rule.right.length)
export const RULE_ACTION: readonly (Action | undefined)[] = RULES.map((rule) => rule.action)

/** As many tokens as bison lists; where more would do, it lists none. */
const EXPECTED_MAX = 4

/** Display texts of the tokens that `state` has an action for, as messages list them. */
export function expectedTokens(state: number): readonly string[] {
  const row = ACTION_ROWS[ACTION_ROW[state]!]!
  const expected: string[] = []
  for (let i = 0; i < row.length; i += 2) {
    if (row[i + 1] !== 0) expected.push(TOKENS[row[i]!]![1])
  }
  return expected.length > EXPECTED_MAX ? [] : expected
}
