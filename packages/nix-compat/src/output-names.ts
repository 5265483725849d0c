/** Sets of the names of outputs. Most that one derivation needs of another are of one, and those are shared. */

const singles = new Map<string, ReadonlySet<string>>()
const SINGLES_MAX = 1000

/** `names` and `name`. */
export function withOutput(names: ReadonlySet<string> | undefined, name: string): ReadonlySet<string> {
  if (names !== undefined) return names.has(name) ? names : new Set(names).add(name)
  let single = singles.get(name)
  if (single === undefined) {
    single = new Set([name])
    if (singles.size < SINGLES_MAX) singles.set(name, single)
  }
  return single
}
