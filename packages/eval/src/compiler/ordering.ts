import { WORDS } from "./opcodes.ts"
import type { Unit } from "./unit.ts"

/** What a comparator does that does nothing else: `a: b: a < b` orders ascending, `a: b: a > b` descending. */
export type Ordering = "ascending" | "descending"

const LESS = WORDS.less
const VARIABLE = WORDS.variable

/** The ordering that the lambda with this index is, if its code shows that it is one. */
export function orderingOf(unit: Unit, index: number): Ordering | undefined {
  const { words } = unit
  const { entry, lambda } = unit.code(index)
  if (words[entry] !== LESS || lambda?.params.length !== 2) return undefined
  // less at (variable owner slot at) (variable owner slot at)
  const [left, right] = [entry + 2, entry + 6]
  const isOwn = (at: number): boolean => words[at] === VARIABLE && words[at + 1] === index
  if (!isOwn(left) || !isOwn(right)) return undefined
  const [a, b] = lambda.params
  if (a!.formals !== undefined || b!.formals !== undefined) return undefined
  if (words[left + 2] === a!.slot && words[right + 2] === b!.slot) return "ascending"
  return words[left + 2] === b!.slot && words[right + 2] === a!.slot ? "descending" : undefined
}
