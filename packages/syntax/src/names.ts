/**
 * One string for each name, whatever text it stands in, and that the engine's own ("internalized") copy. Strings cut out of
 * texts are separate ones: comparing two of those reads both, and the engine looks for its copy of each that is used as a
 * key.
 */

/** A power of two. All of nixpkgs has some hundred thousand names, a package and what it needs some ten thousand. */
const SIZE = 32_768
/** Places that a name may have in the table, from that of its hash on. */
const PROBES = 4
/** Names met before; it may forget any of them. */
const names = new Array<string>(SIZE).fill("")

/** The name that `text`, a byte string, has at `[from, to)`. */
export function nameIn(text: string, from = 0, to = text.length): string {
  // Of some of its letters: all of them would take as long again as the rest.
  let hash = (to - from) ^ (text.charCodeAt(from) << 6) ^ (text.charCodeAt((from + to) >> 1) << 12)
  hash = Math.imul(hash ^ (text.charCodeAt(to - 1) << 18) ^ (text.charCodeAt(to - 3) << 24), 0x9e3779b1)
  hash ^= hash >>> 15
  for (let i = 0; i < PROBES; i++) {
    const known = names[(hash + i) & (SIZE - 1)]!
    if (known.length === to - from && standsAt(known, text, from)) return known
  }
  const name = internalized(text.slice(from, to))
  // In a free place, if there is one; or in place of who has the first, so that what is met often is found at once.
  let at = hash & (SIZE - 1)
  for (let i = 0; i < PROBES; i++) {
    if (names[(hash + i) & (SIZE - 1)] !== "") continue
    at = (hash + i) & (SIZE - 1)
    break
  }
  names[at] = name
  return name
}

function standsAt(name: string, text: string, from: number): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== text.charCodeAt(from + i)) return false
  return true
}

function internalized(name: string): string {
  // A hash table from the start: a literal would be given a hidden class for each name, at twice the price.
  const keys = Object.create(null) as Record<string, number>
  keys[name] = 0
  return Object.keys(keys)[0]!
}
