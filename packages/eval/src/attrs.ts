/**
 * Attribute sets: a shape (the names, shared by all sets that have them), an array of values, and where the attributes
 * were defined.
 *
 * `large // small` does not copy the large one: the small one becomes a layer on top of it. Layers grow
 * geometrically, so a fold of n such steps costs n log n and a look-up log n.
 */
import { OwnPositions, updatePositions, type AttributePositions } from "./attribute-positions.ts"
import type { Position } from "./positions.ts"
import { EMPTY_SHAPE, pick, Shape, type UpdatePlan } from "./shape.ts"
import type { Value } from "./value.ts"

function planUpdate(under: Shape, over: Shape): UpdatePlan {
  const sources = under.sorted && over.sorted ? mergeSorted(under.names, over.names) : mergeUnsorted(under, over)
  return { over, shape: shapeOfUpdate(under, over, sources), sources }
}
/** The sources of an {@link UpdatePlan}, in the order of the names. */
function mergeSorted(a: readonly string[], b: readonly string[]): number[] {
  const sources = new Array<number>(a.length + b.length)
  let count = 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const left = a[i]!
    const right = b[j]!
    if (left === right) {
      sources[count++] = -1 - j++
      i++
    } else sources[count++] = left < right ? i++ : -1 - j++
  }
  while (i < a.length) sources[count++] = i++
  while (j < b.length) sources[count++] = -1 - j++
  sources.length = count
  return sources
}
function mergeUnsorted(under: Shape, over: Shape): number[] {
  const sources = under.names.map((name, i) => {
    const j = over.find(name)
    return j < 0 ? i : -1 - j
  })
  for (let j = 0; j < over.names.length; j++) if (under.find(over.names[j]!) < 0) sources.push(-1 - j)
  return sources
}

function shapeOfUpdate(under: Shape, over: Shape, sources: readonly number[]): Shape {
  const count = sources.length
  // Both have the names in order: then the right one hides the left one altogether.
  if (count === over.names.length && under.sorted && over.sorted) return over
  if (count === under.names.length) return under
  const names = new Array<string>(count)
  for (let i = 0; i < count; i++) {
    const source = sources[i]!
    names[i] = source >= 0 ? under.names[source]! : over.names[-1 - source]!
  }
  return Shape.of(names)
}

/** A set at least this many times larger than what is laid over it is not copied. */
const LAYER_RATIO = 4
const LAYER_SIZE_MIN = 24

export class AttrSet {
  /** Names of the topmost layer; all names, if there is no `base`. */
  shape: Shape
  values: readonly Value[]
  /** Null if none is known. */
  positions: AttributePositions | null
  /** What the topmost layer lies on. Its values are seen where the layers above have none. */
  base: AttrSet | null

  constructor(
    shape: Shape,
    values: readonly Value[],
    positions: AttributePositions | null = null,
    base: AttrSet | null = null,
  ) {
    this.shape = shape
    this.values = values
    this.positions = positions
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
    return layer === null ? 0 : layer.positionAt(layer.shape.find(name))
  }
  /** Where attribute `index` of the topmost layer was defined. */
  positionAt(index: number): Position {
    return this.positions === null ? 0 : this.positions.at(this.shape, index)
  }

  /** This set, its layers merged into one for good: afterwards `shape` and `values` are everything there is. */
  flat(): this {
    if (this.base !== null) {
      const layers: AttrSet[] = []
      for (let set: AttrSet | null = this; set !== null; set = set.base) layers.push(set)
      // From the top, where layers are small, downwards: each value is copied O(log n) times.
      let top = layers[0]!
      for (let i = 1; i < layers.length; i++) top = merge(layers[i]!, top)
      this.shape = top.shape
      this.values = top.values
      this.positions = top.positions
      this.base = null
    }
    return this
  }

  /** Names in bytewise order. */
  sortedNames(): readonly string[] {
    const { shape } = this.flat()
    return shape.sorted ? shape.names : pick(shape.names, shape.order())
  }

  /** Entries in bytewise order of their names. */
  *entries(): Generator<readonly [name: string, value: Value, position: Position]> {
    const { shape, values } = this.flat()
    for (const i of shape.order()) yield [shape.names[i]!, values[i]!, this.positionAt(i)]
  }
}

export const EMPTY_ATTRS = new AttrSet(EMPTY_SHAPE, [])

/** The topmost layers of `under` and `over` as one, whatever lies below them. */
function merge(under: AttrSet, over: AttrSet): AttrSet {
  let plan = under.shape.planOf(over.shape)
  if (plan === undefined) {
    plan = planUpdate(under.shape, over.shape)
    under.shape.addPlan(plan)
  }
  const { shape, sources } = plan
  const values = new Array<Value>(sources.length)
  for (let i = 0; i < values.length; i++) {
    const source = sources[i]!
    values[i] = source >= 0 ? under.values[source]! : over.values[-1 - source]!
  }
  return new AttrSet(shape, values, updatePositions(under, over, shape))
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
  if (isLarge(base.values, layer.values)) return new AttrSet(layer.shape, layer.values, layer.positions, base)
  const top = merge(base, layer)
  return base.base === null ? top : new AttrSet(top.shape, top.values, top.positions, base.base)
}

/** Whether `values` are so many more than `others` that they are not copied. */
function isLarge(values: readonly Value[], others: readonly Value[]): boolean {
  return values.length >= LAYER_SIZE_MIN && values.length >= LAYER_RATIO * others.length
}

/** The attributes of `set`, which is flat, that `other` has not. */
function without(set: AttrSet, other: AttrSet): AttrSet {
  return keep(set, (name) => !other.has(name))
}

/** The attributes of `set` whose names pass. */
export function keep(set: AttrSet, wanted: (name: string) => boolean): AttrSet {
  const { shape, values, positions } = set.flat()
  const kept: number[] = []
  for (let i = 0; i < values.length; i++) if (wanted(shape.names[i]!)) kept.push(i)
  if (kept.length === values.length) return set
  if (kept.length === 0) return EMPTY_ATTRS
  const picked = shape.pick(kept)
  // A few of very many do not keep the names of all.
  const own =
    positions === null || shape.isShared
      ? positions
      : new OwnPositions(
          picked,
          kept.map((i) => positions.at(shape, i)),
        )
  return new AttrSet(picked, pick(values, kept), own)
}

/** A set from entries with distinct names, in any order. */
export function attrsFrom(entries: Iterable<readonly [name: string, value: Value]>): AttrSet {
  const names: string[] = []
  const values: Value[] = []
  for (const [name, value] of entries) {
    names.push(name)
    values.push(value)
  }
  return new AttrSet(Shape.of(names), values)
}
