/**
 * The engine's own copy of a name. Names cut out of a source text are separate strings, and comparing two of those reads
 * both; comparing two internalized ones compares pointers.
 */
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
