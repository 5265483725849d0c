/** The shortest way from one sequence to another: Myers' greedy algorithm, which is fast where little differs. */

/** Consecutive items of both, of one only, in order. */
export type Edit =
  | { readonly kind: "same"; readonly items: readonly string[] }
  | { readonly kind: "removed"; readonly items: readonly string[] }
  | { readonly kind: "added"; readonly items: readonly string[] }

/** Edits from which on everything between is taken to be different: time and memory grow with their square. */
const EDITS_MAX = 1000

export function diffSequences(before: readonly string[], after: readonly string[]): Edit[] {
  let from = 0
  while (from < before.length && from < after.length && before[from] === after[from]) from++
  let ends = 0
  const room = Math.min(before.length, after.length) - from
  while (ends < room && before[before.length - 1 - ends] === after[after.length - 1 - ends]) ends++
  const edits = new Edits()
  edits.add("same", before.slice(0, from))
  shortest(before.slice(from, before.length - ends), after.slice(from, after.length - ends), edits)
  edits.add("same", before.slice(before.length - ends))
  return edits.list
}

class Edits {
  readonly list: { kind: Edit["kind"]; items: string[] }[] = []
  add(kind: Edit["kind"], items: readonly string[]): void {
    if (items.length === 0) return
    const last = this.list.at(-1)
    if (last?.kind === kind) last.items.push(...items)
    else this.list.push({ kind, items: [...items] })
  }
}

/**
 * `reached[k]` is how far in `before` one comes with so many edits where the places differ by `k`. The states before each
 * edit lead back from the end.
 */
function shortest(before: readonly string[], after: readonly string[], edits: Edits): void {
  const editsMax = Math.min(before.length + after.length, EDITS_MAX)
  const middle = editsMax + 1
  const reached = new Int32Array(2 * editsMax + 3)
  const states: Int32Array[] = []
  for (let count = 0; count <= editsMax; count++) {
    states.push(reached.slice(middle - count - 1, middle + count + 2))
    for (let k = -count; k <= count; k += 2) {
      const down = k === -count || (k !== count && reached[middle + k - 1]! < reached[middle + k + 1]!)
      let x = down ? reached[middle + k + 1]! : reached[middle + k - 1]! + 1
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x++
      reached[middle + k] = x
      if (x >= before.length && x - k >= after.length) return walkBack(before, after, states, edits)
    }
  }
  edits.add("removed", before)
  edits.add("added", after)
}

function walkBack(
  before: readonly string[],
  after: readonly string[],
  states: readonly Int32Array[],
  edits: Edits,
): void {
  const steps: (readonly [kind: Edit["kind"], item: string])[] = []
  let x = before.length
  let y = after.length
  for (let count = states.length - 1; count > 0; count--) {
    const state = states[count]!
    const at = (k: number): number => state[k + count + 1]!
    const k = x - y
    const down = k === -count || (k !== count && at(k - 1) < at(k + 1))
    const previous = down ? k + 1 : k - 1
    const fromX = at(previous)
    const fromY = fromX - previous
    for (; x > fromX && y > fromY; y--) steps.push(["same", before[--x]!])
    steps.push(down ? ["added", after[fromY]!] : ["removed", before[fromX]!])
    x = fromX
    y = fromY
  }
  while (x > 0) steps.push(["same", before[--x]!])
  for (const [kind, item] of steps.reverse()) edits.add(kind, [item])
}
