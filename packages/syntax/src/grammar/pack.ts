/** The automaton as TypeScript: the text of gen/tables.ts. Runs in tables.test.ts only. */
import { ACCEPT, buildAutomaton } from "./lalr.ts"
import { PRECEDENCE, RULES } from "./rules.ts"
import { TOKENS } from "./tokens.ts"

/** Text of gen/tables.ts for the grammar in rules.ts. */
export function tablesModule(): string {
  const { nonterminals, states } = buildAutomaton({
    terminals: TOKENS.map((token) => token[0]),
    productions: RULES,
    precedence: PRECEDENCE,
  })
  const flat = (entries: ReadonlyMap<number, number>): number[] => [...entries].toSorted((a, b) => a[0] - b[0]).flat()
  const actions = distinct(states.map((state) => flat(state.actions)))
  const gotos = distinct(states.map((state) => flat(state.gotos)))
  const lines = (rows: readonly (readonly number[])[]): string => rows.map((row) => `  [${row.join(",")}],\n`).join("")
  return `// Generated from grammar/rules.ts by \`npm run tables\` in this package. Do not edit.

/** The action that ends the parse. */
export const ACCEPT = ${ACCEPT}

export const NONTERMINALS: readonly string[] = ${JSON.stringify(nonterminals)}

/** By state: the rule to reduce where its row in ACTION_ROWS has no entry, or -1. */
export const DEFAULT_RULE: readonly number[] = [${states.map((state) => state.defaultReduction ?? -1).join(",")}]

/** By state: its row in ACTION_ROWS. */
export const ACTION_ROW: readonly number[] = [${actions.indices.join(",")}]
/** \`token, action\` in turn: n > 0 shifts into state n - 1, n < 0 reduces rule -n - 1, 0 is an error. */
export const ACTION_ROWS: readonly (readonly number[])[] = [
${lines(actions.rows)}]

/** By state: its row in GOTO_ROWS. */
export const GOTO_ROW: readonly number[] = [${gotos.indices.join(",")}]
/** \`nonterminal, state\` in turn. */
export const GOTO_ROWS: readonly (readonly number[])[] = [
${lines(gotos.rows)}]
`
}

/** The different ones among `all`, and for each of `all` which of them it is. */
function distinct(all: readonly (readonly number[])[]): {
  rows: readonly (readonly number[])[]
  indices: readonly number[]
} {
  const known = new Map<string, number>()
  const rows: (readonly number[])[] = []
  const indices = all.map((row) => {
    const key = row.join()
    let index = known.get(key)
    if (index === undefined) {
      index = rows.push(row) - 1
      known.set(key, index)
    }
    return index
  })
  return { rows, indices }
}
