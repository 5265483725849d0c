/**
 * Names as the engine's own copies. Names cut out of a source text are separate strings: whoever looks one up or compares two
 * reads all of them. Of internalized ones the hash is known, and comparing two compares pointers.
 */

/** The engine's own copy of a name. */
export function internalize(name: string): string {
  let known = internalized.get(name)
  if (known === undefined) {
    if (internalized.size === KEPT_MAX) internalized.clear()
    // A hash table from the start: a literal would be given a hidden class for each name, at twice the price.
    const keys = Object.create(null) as Record<string, number>
    keys[name] = 0
    known = Object.keys(keys)[0]!
    internalized.set(known, known)
  }
  return known
}

/** The engine keeps what is internalized as long as it is used; this only saves asking it, and may forget. */
const internalized = new Map<string, string>()
/** All of nixpkgs has some hundred thousand. */
const KEPT_MAX = 262_144

/**
 * The engine's own copy of the name that stands there, of at least one character. Nine of ten were met a moment ago: of those
 * nothing is cut out.
 */
export function nameIn(text: string, from: number, to: number): string {
  const letters =
    text.charCodeAt(from) ^
    (text.charCodeAt((from + to) >> 1) << 3) ^
    (text.charCodeAt(to - 1) << 6) ^
    ((to - from) << 9)
  const place = letters & (MET_MAX - 1)
  const met = lastMet[place]!
  if (met.length === to - from && text.startsWith(met, from)) return met
  return (lastMet[place] = internalize(text.slice(from, to)))
}
/** The name that was met last, by its length and three of its letters, by which names that people give differ. */
const MET_MAX = 1 << 14
const lastMet = new Array<string>(MET_MAX).fill("")
