/**
 * Attribute sets: a shape (the names and their positions, shared by all sets made at one place) and an array of values.
 * Whoever looks a name up can remember shape -> index, and whoever merges two sets can remember the plan for the pair.
 *
 * `large // small` does not copy the large one: the small one becomes a layer on top of it. Layers grow
 * geometrically, so a fold of n such steps costs n log n and a look-up log n.
 */
import type { Value } from "./value.ts"

/** Where an attribute was defined: an index into the evaluator's {@link PositionTable}; 0 if unknown. */
export type Position = number

/** Up to this many names a scan is faster than a `Map` look-up. */
const SCAN_MAX = 8
/** Names that can be put into a table in the time that a search for one takes. */
const SEARCH_COST = 3

export class Shape {
  /** Distinct. Sorted by byte if `sorted`; else in any order. */
  readonly names: readonly string[]
  readonly sorted: boolean
  /** One per name, or undefined if none is known. */
  readonly positions: readonly Position[] | undefined
  #index: Map<string, number> | undefined
  /** What searching has cost so far. */
  #searches = 0
  /** What most shapes are never asked for. */
  #rest: Rest | undefined = undefined
  #plans: UpdatePlan | undefined = undefined

  constructor(
    names: readonly string[],
    sorted: boolean,
    positions: readonly Position[] | undefined,
    index?: Map<string, number>,
  ) {
    this.names = names
    this.sorted = sorted
    this.positions = positions
    this.#index = index
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

  position(index: number): Position {
    return this.positions === undefined ? 0 : this.positions[index]!
  }

  /** The shape of the attributes with these indices. */
  pick(indices: readonly number[]): Shape {
    const { names, positions } = this
    if (indices.length === 0) return EMPTY_SHAPE
    return new Shape(pick(names, indices), this.sorted, positions && pick(positions, indices))
  }

  /** The same names in the same order, known to be nowhere in particular. */
  withoutPositions(): Shape {
    if (this.positions === undefined) return this
    const rest = (this.#rest ??= new Rest())
    return (rest.unplaced ??= new Shape(this.names, this.sorted, undefined, this.#index))
  }

  /** The indices in bytewise order of their names. */
  order(): readonly number[] {
    const rest = (this.#rest ??= new Rest())
    return (rest.order ??= this.#makeOrder())
  }
  #makeOrder(): readonly number[] {
    const { names } = this
    const order = new Array<number>(names.length)
    for (let i = 0; i < order.length; i++) order[i] = i
    return this.sorted ? order : order.sort((i, j) => compareNames(names[i]!, names[j]!))
  }

  /** How to make `a // b` for a set `a` of this shape and a set `b` of shape `over`, if that was done before. */
  planOf(over: Shape): UpdatePlan | undefined {
    for (let plan = this.#plans; plan !== undefined; plan = plan.next) if (plan.over === over) return plan
    return undefined
  }
  /** Remembers for the next time what such a set had for a shape. */
  addPlan(over: Shape, shape: Shape): void {
    const plan = new UpdatePlan(over, shape, this.#plans)
    this.#plans = plan
    // Sites that merge more shapes than that are not helped by remembering any.
    if (plan.next?.next?.next !== undefined) plan.next.next.next.next = undefined
  }
}

class Rest {
  order: readonly number[] | undefined = undefined
  unplaced: Shape | undefined = undefined
}

/**
 * How to make `a // b` for sets of two shapes. Most pairs are met only once, so the first time merely the resulting shape
 * is remembered; from the second on, where each value comes from.
 */
class UpdatePlan {
  readonly over: Shape
  readonly shape: Shape
  /** For each name of `shape`: i >= 0 takes value i of the left set, i < 0 value -1 - i of the right one. */
  sources: readonly number[] | undefined = undefined
  /** Another plan of the left set's shape. */
  next: UpdatePlan | undefined

  constructor(over: Shape, shape: Shape, next: UpdatePlan | undefined) {
    this.over = over
    this.shape = shape
    this.next = next
  }
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

/** Bytewise, since names are byte strings. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export const EMPTY_SHAPE = new Shape([], true, undefined)

/** Where the names of a plan come from, while it is made. */
const scratch: number[] = []

/** Fills `scratch` with the sources of the names that `under // over` has; the result is how many they are. */
function findSources(under: Shape, over: Shape): number {
  return under.sorted && over.sorted ? mergeSorted(under.names, over.names) : mergeUnsorted(under, over)
}
/** As {@link findSources}, in the order of the names. */
function mergeSorted(a: readonly string[], b: readonly string[]): number {
  let count = 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const left = a[i]!
    const right = b[j]!
    if (left === right) {
      scratch[count++] = -1 - j++
      i++
    } else scratch[count++] = left < right ? i++ : -1 - j++
  }
  while (i < a.length) scratch[count++] = i++
  while (j < b.length) scratch[count++] = -1 - j++
  return count
}
function mergeUnsorted(under: Shape, over: Shape): number {
  let count = 0
  for (let i = 0; i < under.names.length; i++) {
    const j = over.find(under.names[i]!)
    scratch[count++] = j < 0 ? i : -1 - j
  }
  for (let j = 0; j < over.names.length; j++) if (under.find(over.names[j]!) < 0) scratch[count++] = -1 - j
  return count
}

/** The shape of `under // over`, whose `count` names come from where `scratch` says. */
function makeShape(under: Shape, over: Shape, count: number): Shape {
  const sorted = under.sorted && over.sorted
  // Both have the names in order: then the right one hides the left one altogether.
  if (sorted && count === over.names.length) return over
  const isSame = count === under.names.length
  const placed = under.positions !== undefined || over.positions !== undefined
  if (isSame && !placed) return under
  const positions = placed ? positionsOf(under, over, count) : undefined
  if (!isSame) return new Shape(namesOf(under.names, over.names, count), sorted, positions)
  // A step of a loop that gives the same attributes other values leads to a shape that the next one leaves as it is.
  const isStill = under.positions !== undefined && under.positions.every((position, i) => position === positions![i])
  return isStill ? under : new Shape(under.names, sorted, positions)
}
function namesOf(under: readonly string[], over: readonly string[], count: number): readonly string[] {
  const names = new Array<string>(count)
  for (let i = 0; i < count; i++) {
    const source = scratch[i]!
    names[i] = source >= 0 ? under[source]! : over[-1 - source]!
  }
  return names
}
function positionsOf(under: Shape, over: Shape, count: number): readonly Position[] {
  const left = under.positions
  const right = over.positions
  const positions = new Array<Position>(count)
  for (let i = 0; i < count; i++) {
    const source = scratch[i]!
    positions[i] =
      source >= 0 ? (left === undefined ? 0 : left[source]!) : right === undefined ? 0 : right[-1 - source]!
  }
  return positions
}

/** A set at least this many times larger than what is laid over it is not copied. */
const LAYER_RATIO = 4
const LAYER_SIZE_MIN = 24

export class AttrSet {
  /** Names of the topmost layer; all names, if there is no `base`. */
  shape: Shape
  values: readonly Value[]
  /** What the topmost layer lies on. Its values are seen where the layers above have none. */
  base: AttrSet | null

  constructor(shape: Shape, values: readonly Value[], base: AttrSet | null = null) {
    this.shape = shape
    this.values = values
    this.base = base
  }

  get size(): number {
    return this.flat().values.length
  }
  get isEmpty(): boolean {
    return this.values.length === 0 && this.base === null
  }

  get(name: string): Value | undefined {
    let set: AttrSet | null = this
    do {
      const i = set.shape.find(name)
      if (i >= 0) return set.values[i]
      set = set.base
    } while (set !== null)
    return undefined
  }
  /** The topmost layer with that name in its shape. */
  layerOf(name: string): AttrSet | null {
    let set: AttrSet | null = this
    while (set !== null && set.shape.find(name) < 0) set = set.base
    return set
  }
  has(name: string): boolean {
    return this.get(name) !== undefined
  }
  position(name: string): Position {
    const layer = this.layerOf(name)
    return layer === null ? 0 : layer.shape.position(layer.shape.find(name))
  }

  /** This set, its layers merged into one for good: afterwards `shape` and `values` are everything there is. */
  flat(): this {
    if (this.base !== null) {
      const layers: AttrSet[] = []
      for (let set: AttrSet | null = this; set !== null; set = set.base) layers.push(set)
      // From the top, where layers are small, downwards: each value is copied O(log n) times.
      let top = new AttrSet(layers[0]!.shape, layers[0]!.values)
      for (let i = 1; i < layers.length; i++) top = merge(layers[i]!, top)
      this.shape = top.shape
      this.values = top.values
      this.base = null
    }
    return this
  }

  /** Names in bytewise order. */
  sortedNames(): readonly string[] {
    const { shape } = this.flat()
    if (shape.sorted) return shape.names
    return Array.from(shape.order(), (i) => shape.names[i]!)
  }

  /** Entries in bytewise order of their names. */
  *entries(): Generator<readonly [name: string, value: Value, position: Position]> {
    const { shape, values } = this.flat()
    for (const i of shape.order()) yield [shape.names[i]!, values[i]!, shape.position(i)]
  }
}

export const EMPTY_ATTRS = new AttrSet(EMPTY_SHAPE, [])

/** The topmost layers of `under` and `over` as one, whatever lies below them. */
function merge(under: AttrSet, over: AttrSet): AttrSet {
  const below = under.shape
  const above = over.shape
  const plan = below.planOf(above)
  if (plan?.sources !== undefined) {
    return new AttrSet(plan.shape, mergeValues(under.values, over.values, plan.sources, plan.sources.length))
  }
  const count = findSources(below, above)
  const shape = plan === undefined ? makeShape(below, above, count) : plan.shape
  if (plan === undefined) below.addPlan(above, shape)
  else plan.sources = scratch.slice(0, count)
  return new AttrSet(shape, mergeValues(under.values, over.values, scratch, count))
}
function mergeValues(
  under: readonly Value[],
  over: readonly Value[],
  sources: readonly number[],
  count: number,
): Value[] {
  const values = new Array<Value>(count)
  for (let i = 0; i < count; i++) {
    const source = sources[i]!
    values[i] = source >= 0 ? under[source]! : over[-1 - source]!
  }
  return values
}

/** `under // over` */
export function update(under: AttrSet, over: AttrSet): AttrSet {
  if (over.isEmpty) return under
  if (under.isEmpty) return over
  if (under.base === null && isLarge((over.base ?? over).values, under.values)) {
    // What `over` does not have can as well lie on top of it.
    const rest = without(under, over)
    return rest.isEmpty ? over : lay(rest, over)
  }
  return lay(over.flat(), under)
}

/** `over`, which is flat, on top of `under`. */
function lay(over: AttrSet, under: AttrSet): AttrSet {
  let layer = over
  let base: AttrSet | null = under
  // Merge with every layer not at least twice as large, so that sizes double from layer to layer.
  while (base !== null && base.base !== null && base.values.length < 2 * layer.values.length) {
    layer = merge(base, layer)
    base = base.base
  }
  if (base === null) return layer
  if (isLarge(base.values, layer.values)) return new AttrSet(layer.shape, layer.values, base)
  const top = merge(base, layer)
  return base.base === null ? top : new AttrSet(top.shape, top.values, base.base)
}

/** Whether `values` are so many more than `others` that they are not copied. */
function isLarge(values: readonly Value[], others: readonly Value[]): boolean {
  return values.length >= LAYER_SIZE_MIN && values.length >= LAYER_RATIO * others.length
}

/** The attributes of `set`, which is flat, that `other` has not. */
function without(set: AttrSet, other: AttrSet): AttrSet {
  const { shape, values } = set
  const { names } = shape
  const kept: number[] = []
  for (let i = 0; i < names.length; i++) if (!other.has(names[i]!)) kept.push(i)
  return kept.length === names.length ? set : new AttrSet(shape.pick(kept), pick(values, kept))
}

export function pick<T>(items: readonly T[], indices: readonly number[]): T[] {
  const picked = new Array<T>(indices.length)
  for (let i = 0; i < picked.length; i++) picked[i] = items[indices[i]!]!
  return picked
}

/** A set from entries with distinct names, in any order. */
export function attrsFrom(entries: Iterable<readonly [name: string, value: Value]>): AttrSet {
  const names: string[] = []
  const values: Value[] = []
  for (const [name, value] of entries) {
    names.push(name)
    values.push(value)
  }
  return new AttrSet(new Shape(names, false, undefined), values)
}
