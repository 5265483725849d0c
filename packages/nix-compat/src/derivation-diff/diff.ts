/**
 * What really differs between two graphs of derivations.
 *
 * One changed input changes the path of everything above it, so nearly all that differs between two derivations says
 * nothing. Here the inputs of both are brought into correspondence (align.ts), what corresponds is written alike (sides.ts),
 * and what then still differs is a *cause* (changes.ts). Only inputs whose outputs differ are followed: fixed outputs with
 * the same hash are the same, wherever they are downloaded from, and nothing is built anew for their sake.
 */
import type { Derivation } from "../derivation.ts"
import { STORE_DIR } from "../store-path.ts"
import type { DerivationChange } from "./changes.ts"
import { compareFixed, comparePair, type Compared, type Side } from "./pair.ts"
import type { Located } from "./sides.ts"

export interface DerivationDiffOptions {
  readonly storeDir?: string
  readonly signal?: AbortSignal
  /** Told how many pairs of derivations were compared. */
  readonly onProgress?: (compared: number) => void
}

/** Two derivations that correspond to each other. */
export interface DerivationPair {
  /** Paths. */
  readonly before: string
  readonly after: string
  /** Of the one before. */
  readonly name: string
  /** What differs in themselves. */
  readonly changes: readonly DerivationChange[]
  /**
   * The names of those that need it, from the root down: one way of several, of which the part behind the root is left out
   * if it is longer than anybody reads. Empty for the root.
   */
  readonly neededBy: readonly string[]
}

export interface DerivationDiff {
  readonly before: string
  readonly after: string
  /**
   * `same`: they are one. `equivalent`: they build the same things, and only say differently where downloads come from.
   */
  readonly verdict: "same" | "equivalent" | "different"
  /** Pairs that have changes of their own: what is needed stands before what needs it. */
  readonly causes: readonly DerivationPair[]
  /** Pairs that differ because of what they need, and not otherwise, in the same order. */
  readonly affected: readonly DerivationPair[]
  /** Pairs of fixed outputs that have the same hash and are made differently, as far as the comparison got to see any. */
  readonly downloads: readonly DerivationPair[]
}

/** Compares what `before` and `after` say and need. Both are asked for derivations only that differ. */
export async function diffDerivations(
  before: Side,
  after: Side,
  options: DerivationDiffOptions = {},
): Promise<DerivationDiff> {
  const paths = { before: before.path, after: after.path }
  if (before.path === after.path) return { ...paths, verdict: "same", causes: [], affected: [], downloads: [] }
  const walk = new Walk(before, after, options)
  await walk.run()
  return { ...paths, ...walk.result() }
}

/** Names on the way from a pair up to the root, besides the root's. */
const WAY_MAX = 50

/** Pairs that are compared at once. */
const AT_ONCE = 32

interface Pair {
  readonly before: Located
  readonly after: Located
  /** The one by which it was found first, so the nearest to the root. */
  readonly parent: Pair | undefined
  readonly relation: Relation
  changes: readonly DerivationChange[]
  inputs: readonly Pair[]
}

/** What the paths of the outputs say. They are `unknown` as long as nothing is built, of floating outputs. */
type Relation = "equal" | "different" | "unknown"

class Walk {
  readonly #pairs = new Map<string, Pair>()
  readonly #before: Side
  readonly #after: Side
  readonly #options: DerivationDiffOptions
  readonly #storeDir: string
  readonly #root: Pair

  constructor(before: Side, after: Side, options: DerivationDiffOptions) {
    this.#before = before
    this.#after = after
    this.#options = options
    this.#storeDir = options.storeDir ?? STORE_DIR
    this.#root = this.#pair(before, after, undefined)
  }

  #pair(before: Located, after: Located, parent: Pair | undefined): Pair {
    const key = `${before.path} ${after.path}`
    let pair = this.#pairs.get(key)
    if (pair === undefined) {
      const relation = relationOf(before.derivation, after.derivation)
      pair = { before, after, parent, relation, changes: [], inputs: [] }
      this.#pairs.set(key, pair)
    }
    return pair
  }

  async run(): Promise<void> {
    const { signal, onProgress } = this.#options
    let compared = 0
    // Those that are found meanwhile come behind.
    for (const queue = [this.#root]; compared < queue.length;) {
      signal?.throwIfAborted()
      const some = queue.slice(compared, compared + AT_ONCE)
      const results = await Promise.all(some.map((pair) => this.#compare(pair)))
      for (const [i, { changes, inputs }] of results.entries()) {
        const pair = some[i]!
        pair.changes = changes
        pair.inputs = inputs.map(([before, after]) => {
          const known = this.#pairs.size
          const input = this.#pair(before, after, pair)
          if (this.#pairs.size > known) queue.push(input)
          return input
        })
      }
      compared += some.length
      onProgress?.(compared)
    }
  }

  async #compare({ before, after, relation }: Pair): Promise<Compared> {
    if (isFixed(before.derivation) && isFixed(after.derivation)) {
      return { changes: compareFixed(before.derivation, after.derivation, this.#storeDir), inputs: [] }
    }
    // What builds the same is looked into only where nothing differs at all.
    if (relation === "equal" && this.#root.relation !== "equal") return { changes: [], inputs: [] }
    return comparePair({ ...this.#before, ...before }, { ...this.#after, ...after }, this.#storeDir)
  }

  result(): Pick<DerivationDiff, "verdict" | "causes" | "affected" | "downloads"> {
    const causes: DerivationPair[] = []
    const affected: DerivationPair[] = []
    const downloads: DerivationPair[] = []
    const differing = new Set<Pair>()
    for (const pair of inOrder(this.#root)) {
      if (pair.relation === "equal") {
        if (isFixed(pair.before.derivation)) downloads.push(described(pair))
        continue
      }
      const because = pair.inputs.some((input) => differing.has(input))
      const unknown = pair.relation === "unknown"
      if (pair.changes.length > 0) causes.push(described(pair))
      else if (because) affected.push(described(pair))
      else if (!unknown) causes.push({ ...described(pair), changes: [{ kind: "unexplained" }] })
      else continue
      differing.add(pair)
    }
    return { verdict: differing.has(this.#root) ? "different" : "equivalent", causes, affected, downloads }
  }
}

function relationOf(before: Derivation, after: Derivation): Relation {
  if (before.outputs.size !== after.outputs.size) return "different"
  for (const [name, output] of before.outputs) {
    const other = after.outputs.get(name)
    if (other === undefined) return "different"
    if (!("path" in output) || !("path" in other)) return "path" in output || "path" in other ? "different" : "unknown"
    if (output.path !== other.path) return "different"
  }
  return "equal"
}

function isFixed({ outputs }: Derivation): boolean {
  for (const { kind } of outputs.values()) if (kind !== "fixed") return false
  return outputs.size > 0
}

/** All pairs, each behind what it needs. No pair needs itself: the path of a derivation is made of those of its inputs. */
function* inOrder(root: Pair): Generator<Pair> {
  const entered = new Set<Pair>([root])
  const stack = [{ pair: root, next: 0 }]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = top.pair.inputs[top.next++]
    if (input === undefined) {
      stack.pop()
      yield top.pair
    } else if (!entered.has(input)) {
      entered.add(input)
      stack.push({ pair: input, next: 0 })
    }
  }
}

function described({ before, after, changes, parent }: Pair): DerivationPair {
  const neededBy: string[] = []
  for (let pair = parent; pair !== undefined; pair = pair.parent) {
    // All ways together grow with the square of the depth.
    if (neededBy.length < WAY_MAX || pair.parent === undefined) neededBy.push(pair.before.derivation.name)
  }
  return { before: before.path, after: after.path, name: before.derivation.name, changes, neededBy: neededBy.reverse() }
}
