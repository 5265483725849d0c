/** Which input of one derivation corresponds to which of another. */
import { parseDrvName } from "../version.ts"

/** An input as far as it matters for what it corresponds to. */
export interface Alignable {
  /** The path of its derivation, or of the source. */
  readonly path: string
  readonly name: string
  /** Paths that the derivation which needs it may mention: its outputs, or itself. */
  readonly mentioned: readonly string[]
}

export interface Alignment<T> {
  /** Those with equal paths are not among them. */
  readonly pairs: readonly (readonly [before: T, after: T])[]
  readonly removed: readonly T[]
  readonly added: readonly T[]
}

/** Inputs of one name that are compared with each other; more are taken in their order. */
const RIVALS_MAX = 64

/**
 * Equal outputs first, then equal names, then names but for the version, then whatever is the whole value of the same
 * variable. Among several, those that come up in the same variables.
 *
 * @param textsBefore of the derivation that needs them, by names: variables, arguments…
 */
export function align<T extends Alignable>(
  before: readonly T[],
  after: readonly T[],
  textsBefore: ReadonlyMap<string, string>,
  textsAfter: ReadonlyMap<string, string>,
): Alignment<T> {
  const afterPaths = new Set(after.map(({ path }) => path))
  const beforePaths = new Set(before.map(({ path }) => path))
  const aligner = new Aligner(
    before.filter(({ path }) => !afterPaths.has(path)),
    after.filter(({ path }) => !beforePaths.has(path)),
  )
  aligner.by(({ mentioned }) => (mentioned.length === 0 ? undefined : mentioned.toSorted().join(" ")))
  const usesBefore = usesOf(aligner.before, textsBefore)
  const usesAfter = usesOf(aligner.after, textsAfter)
  aligner.arrange([...usesBefore.keys()], [...usesAfter.keys()])
  const shared = (a: T, b: T): number => {
    const uses = usesAfter.get(b)!
    let count = 0
    for (const use of usesBefore.get(a)!) if (uses.has(use)) count++
    return count
  }
  aligner.by(({ name }) => name, shared)
  aligner.by(({ name }) => parseDrvName(name).name, shared)
  const wholeBefore = wholeValues(aligner.before, textsBefore)
  const wholeAfter = wholeValues(aligner.after, textsAfter)
  for (const [variable, a] of wholeBefore) {
    const b = wholeAfter.get(variable)
    if (b !== undefined && aligner.before.has(a) && aligner.after.has(b)) aligner.pair(a, b)
  }
  return { pairs: aligner.pairs, removed: [...aligner.before], added: [...aligner.after] }
}

class Aligner<T> {
  readonly pairs: (readonly [T, T])[] = []
  /** Those that correspond to nothing yet. Of rivals, the first comes first. */
  before: Set<T>
  after: Set<T>

  constructor(before: readonly T[], after: readonly T[]) {
    this.before = new Set(before)
    this.after = new Set(after)
  }

  /** The same ones, in this order. */
  arrange(before: readonly T[], after: readonly T[]): void {
    this.before = new Set(before)
    this.after = new Set(after)
  }

  pair(a: T, b: T): void {
    this.pairs.push([a, b])
    this.before.delete(a)
    this.after.delete(b)
  }

  /** Pairs those with equal keys; `likeness` decides if there are several. */
  by(key: (one: T) => string | undefined, likeness: (a: T, b: T) => number = () => 0): void {
    const rivals = Map.groupBy(this.after, key)
    for (const [value, group] of Map.groupBy(this.before, key)) {
      const others = value === undefined ? [] : [...(rivals.get(value) ?? [])]
      const few = group.length <= RIVALS_MAX && others.length <= RIVALS_MAX && others.length > 1
      for (const a of group) {
        if (others.length === 0) break
        let best = 0
        if (few) {
          const scores = others.map((b) => likeness(a, b))
          best = scores.indexOf(Math.max(...scores))
        }
        this.pair(a, others.splice(best, 1)[0]!)
      }
    }
  }
}

const DIGEST_OF_PATH = /(?<=\/)[0-9a-df-np-sv-z]{52}|(?<=\/)[0-9a-df-np-sv-z]{32}(?=-)/g

/** The names of the texts that mention each. Those come first that are mentioned first, and those last that are not. */
function usesOf<T extends Alignable>(
  inputs: ReadonlySet<T>,
  texts: ReadonlyMap<string, string>,
): Map<T, ReadonlySet<string>> {
  const owners = new Map<string, T>()
  for (const input of inputs) {
    for (const path of input.mentioned) for (const [digest] of path.matchAll(DIGEST_OF_PATH)) owners.set(digest, input)
  }
  const uses = new Map<T, Set<string>>()
  if (owners.size > 0) {
    for (const name of [...texts.keys()].sort()) {
      for (const [digest] of texts.get(name)!.matchAll(DIGEST_OF_PATH)) {
        const owner = owners.get(digest)
        if (owner === undefined) continue
        const names = uses.get(owner)
        if (names === undefined) uses.set(owner, new Set([name]))
        else names.add(name)
      }
    }
  }
  for (const input of inputs) if (!uses.has(input)) uses.set(input, new Set())
  return uses
}

/** By the names of texts that are nothing but the path of one of them. */
function wholeValues<T extends Alignable>(inputs: Iterable<T>, texts: ReadonlyMap<string, string>): Map<string, T> {
  const owners = new Map<string, T>()
  for (const input of inputs) for (const path of input.mentioned) owners.set(path, input)
  const whole = new Map<string, T>()
  for (const [name, text] of texts) {
    const owner = owners.get(text)
    if (owner !== undefined) whole.set(name, owner)
  }
  return whole
}
