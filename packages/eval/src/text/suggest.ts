/** "Did you mean …?", with the distances, limits and wording of C++ Nix (libutil/suggestions.cc). */

/** More are not listed. */
const SUGGESTIONS_MAX = 5
/** Names further away than this are not suggested. */
const DISTANCE_MAX = 2

/** How many bytes must be inserted, deleted or replaced to get from `a` to `b` (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  let current = previous.slice()
  for (let i = 0; i < a.length; i++) {
    current[0] = i + 1
    for (let j = 0; j < b.length; j++) {
      const replaced = previous[j]! + (a.charCodeAt(i) === b.charCodeAt(j) ? 0 : 1)
      current[j + 1] = Math.min(previous[j + 1]! + 1, current[j]! + 1, replaced)
    }
    ;[previous, current] = [current, previous]
  }
  return previous[b.length]!
}

/** The names closest to `wanted`, nearest first, equally near ones in byte order. */
export function suggestions(names: Iterable<string>, wanted: string): string[] {
  const near: { name: string; distance: number }[] = []
  for (const name of new Set(names)) {
    // The lengths alone rule out most of a large set.
    if (Math.abs(name.length - wanted.length) > DISTANCE_MAX) continue
    const distance = editDistance(wanted, name)
    if (distance <= DISTANCE_MAX) near.push({ name, distance })
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
  return near.slice(0, SUGGESTIONS_MAX).map(({ name }) => name)
}

/** `Did you mean one of a, b or c?`, or `undefined` if nothing is near. `paint` colours each name. */
export function didYouMean(
  names: Iterable<string>,
  wanted: string,
  paint: (name: string) => string = (name) => name,
): string | undefined {
  const near = suggestions(names, wanted).map(paint)
  const last = near.pop()
  if (last === undefined) return undefined
  return near.length === 0 ? `Did you mean ${last}?` : `Did you mean one of ${near.join(", ")} or ${last}?`
}
