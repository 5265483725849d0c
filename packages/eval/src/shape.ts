/**
 * The names of attribute sets. Sets with the same names in the same order share one shape, wherever they come from: so
 * whoever looks a name up can remember shape -> index, and whoever merges two sets the plan for the pair, and a package
 * set of thousands of packages has a few hundred shapes.
 */

/** More names than that are not shared: seldom do they occur twice, and telling so takes long. */
const SHARED_MAX = 256
/** Up to this many names a scan is faster than a `Map` look-up. */
const SCAN_MAX = 8
/** Names that can be put into a table in the time that a search for one takes. */
const SEARCH_COST = 3
/** Plans and picks that one shape remembers. */
const MEMORY_MAX = 512

export class Shape {
  /** Distinct. Sorted by byte if `sorted`; else in any order. */
  readonly names: readonly string[]
  #sorted: boolean | undefined = undefined
  #index: Map<string, number> | undefined
  /** What searching has cost so far. */
  #searches = 0
  #plan: UpdatePlan | undefined = undefined
  /** What most shapes are never asked for. */
  #rest: Rest | undefined = undefined

  private constructor(names: readonly string[], index: Map<string, number> | undefined) {
    // Made alike, whoever made the others: V8 optimizes a loop over arrays of two kinds wrongly, finds out, and begins anew for ever.
    const alike = new Array<string>(names.length)
    for (let i = 0; i < alike.length; i++) alike[i] = names[i]!
    this.names = alike
    this.#index = index
  }

  /**
   * The shape with these names.
   *
   * @param names distinct
   * @param index of each name, if it is known already
   */
  static of(names: readonly string[], index?: Map<string, number>): Shape {
    if (names.length > SHARED_MAX) return new Shape(names, index)
    const first = hashOf(names)
    for (let hash = first; hash < first + PROBES; hash++) {
      const known = shared.get(hash)
      if (known === undefined) {
        const shape = new Shape(names, index)
        spend(SHAPE_COST + names.length)
        shared.set(hash, shape)
        return shape
      }
      if (isSame(known.names, names)) return known
    }
    return new Shape(names, index)
  }

  get sorted(): boolean {
    return (this.#sorted ??= isSorted(this.names))
  }
  /** Whether sets with these names have this shape, as a rule. Such a shape may live long, and refers to none that is larger. */
  get isShared(): boolean {
    return this.names.length <= SHARED_MAX
  }

  /** Whether `other` has the same names in the same order. */
  hasSameNames(other: Shape): boolean {
    return this === other || isSame(this.names, other.names)
  }

  /** Index of `name`, or -1. */
  find(name: string): number {
    const names = this.names
    if (names.length <= SCAN_MAX) {
      for (let i = 0; i < names.length; i++) if (names[i] === name) return i
      return -1
    }
    if (this.#index !== undefined) return this.#index.get(name) ?? -1
    // A table costs as much as searching for a good part of the names, and most shapes are asked about a few.
    if (this.sorted && (this.#searches += SEARCH_COST) < names.length) return search(names, name)
    const index = new Map<string, number>()
    for (let i = 0; i < names.length; i++) index.set(names[i]!, i)
    this.#index = index
    return index.get(name) ?? -1
  }

  /** The shape of the attributes with these indices, which ascend. */
  pick(indices: readonly number[]): Shape {
    if (indices.length === this.names.length) return this
    if (!this.isShared) return Shape.of(pick(this.names, indices))
    const picks = ((this.#rest ??= new Rest()).picks ??= new Map())
    const key = String.fromCharCode(...indices)
    let shape = picks.get(key)
    if (shape === undefined) {
      shape = Shape.of(pick(this.names, indices))
      remember(picks, key, shape)
    }
    return shape
  }

  /** The indices in bytewise order of their names. */
  order(): readonly number[] {
    return ((this.#rest ??= new Rest()).order ??= orderOf(this.names, this.sorted))
  }

  /** How to make `this // over`, if that was done before. */
  planOf(over: Shape): UpdatePlan | undefined {
    const plan = this.#plan
    return plan === undefined || plan.over === over ? plan : this.#rest?.plans?.get(over)
  }
  /** Remembers a plan for the next time. */
  addPlan(plan: UpdatePlan): void {
    const { over, shape, sources } = plan
    if (!shape.isShared) return
    spend(sources.length)
    if (this.#plan === undefined) this.#plan = plan
    else remember(((this.#rest ??= new Rest()).plans ??= new Map()), over, plan)
  }
}

class Rest {
  order: readonly number[] | undefined = undefined
  /** By the indices, a char for each. */
  picks: Map<string, Shape> | undefined = undefined
  /** All but the first. */
  plans: Map<Shape, UpdatePlan> | undefined = undefined
}

/** How to make `a // b` for sets of two shapes. */
export interface UpdatePlan {
  readonly over: Shape
  /** Of the result. */
  readonly shape: Shape
  /** For each of its names: i >= 0 takes value i of the left set, i < 0 value -1 - i of the right one. */
  readonly sources: readonly number[]
}

/** By the hash of their names, or one of the next few numbers. */
const shared = new Map<number, Shape>()
/** So many shapes of one hash are shared; if there are more, they are as good without. */
const PROBES = 4
/** Of the length and three letters of each name, by which names that people give differ. */
function hashOf(names: readonly string[]): number {
  let hash = names.length
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    const last = name.length - 1
    const letters =
      name.charCodeAt(0) ^ (name.charCodeAt(last >> 1) << 8) ^ (name.charCodeAt(last) << 16) ^ (last << 22)
    hash = Math.imul(hash ^ letters, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  // Small enough for the probes behind it.
  return hash >> 1
}

/** What may be remembered before all of it is forgotten, in names: some 20 MB. */
const ROOM = 1 << 20
/** What is remembered with each shape and plan besides names, in names. */
const SHAPE_COST = 32
let room = ROOM
/** Who makes ever more shapes, from data, fills no memory with them. Those that are forgotten go on to work. */
function spend(names: number): void {
  room -= names
  if (room > 0) return
  shared.clear()
  room = ROOM
}
function remember<K, V>(memory: Map<K, V>, key: K, value: V): void {
  spend(SHAPE_COST)
  if (memory.size === MEMORY_MAX) memory.clear()
  memory.set(key, value)
}

/** Index of `name` in `names`, which are sorted; or -1. */
function search(names: readonly string[], name: string): number {
  let from = 0
  let to = names.length
  while (from < to) {
    const middle = (from + to) >> 1
    const there = names[middle]!
    if (there === name) return middle
    if (there < name) from = middle + 1
    else to = middle
  }
  return -1
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i - 1]! >= names[i]!) return false
  return true
}
function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The indices of `names` in bytewise order; of equal ones the first comes first. */
export function orderOf(names: readonly string[], areSorted: boolean): readonly number[] {
  const order = new Array<number>(names.length)
  for (let i = 0; i < order.length; i++) order[i] = i
  return areSorted ? order : order.sort((i, j) => compareNames(names[i]!, names[j]!))
}

/** Bytewise, since names are byte strings. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function pick<T>(items: readonly T[], indices: readonly number[]): T[] {
  const picked = new Array<T>(indices.length)
  for (let i = 0; i < picked.length; i++) picked[i] = items[indices[i]!]!
  return picked
}

export const EMPTY_SHAPE = Shape.of([])
