/**
 * Where the attributes of a set were defined. That is asked for in messages and by `unsafeGetAttrPos`, hardly ever, so it is
 * not worked out before: an update only notes what it was made from.
 */
import type { Position } from "./positions.ts"
import type { Shape } from "./shape.ts"

/** Of the attributes of a set; of others, too, if the set was made by leaving those out. */
export interface AttributePositions {
  /** Updates inside updates that it notes. */
  readonly depth: number
  /** Of attribute `index` of a set of shape `shape`. */
  at(shape: Shape, index: number): Position
}

/** The positions of the names of one shape. */
export class OwnPositions implements AttributePositions {
  readonly depth = 0
  readonly #shape: Shape
  #positions: readonly Position[] | (() => readonly Position[])

  /** @param positions one per name, or what tells them */
  constructor(shape: Shape, positions: readonly Position[] | (() => readonly Position[])) {
    this.#shape = shape
    this.#positions = positions
  }

  at(shape: Shape, index: number): Position {
    if (typeof this.#positions === "function") this.#positions = this.#positions()
    const own = shape === this.#shape ? index : this.#shape.find(shape.names[index]!)
    return own < 0 ? 0 : this.#positions[own]!
  }
}

/** The positions of `under // over`. */
class UpdatePositions implements AttributePositions {
  readonly depth: number
  readonly under: AttributePositions | null
  /** All of these names come from `over`. */
  readonly overShape: Shape
  readonly over: AttributePositions | null

  constructor(depth: number, under: AttributePositions | null, overShape: Shape, over: AttributePositions | null) {
    this.depth = depth
    this.under = under
    this.overShape = overShape
    this.over = over
  }

  at(shape: Shape, index: number): Position {
    const there = this.overShape.find(shape.names[index]!)
    if (there >= 0) return this.over === null ? 0 : this.over.at(this.overShape, there)
    return this.under === null ? 0 : this.under.at(shape, index)
  }
}

/** Updates of updates of … that are noted before the positions are worked out: a loop of them is bounded. */
const DEPTH_MAX = 64

/** What is merged. */
export interface Placed {
  readonly shape: Shape
  readonly positions: AttributePositions | null
}

/** The positions of `under // over`, which has `shape`. */
export function updatePositions(
  { positions: under }: Placed,
  { shape: overShape, positions: over }: Placed,
  shape: Shape,
): AttributePositions | null {
  if ((under === null && over === null) || shape === overShape) return over
  // A step of a loop that gives the same attributes other values.
  if (under === over) return under
  if (under instanceof UpdatePositions && under.over === over && under.overShape === overShape) return under
  const depth = 1 + Math.max(under === null ? 0 : under.depth, over === null ? 0 : over.depth)
  const noted = new UpdatePositions(depth, under, overShape, over)
  if (depth <= DEPTH_MAX) return noted
  return workedOut(noted, shape)
}
/** Apart, since V8 makes room in every call for what a function of a function uses. */
function workedOut(noted: AttributePositions, shape: Shape): OwnPositions {
  return new OwnPositions(
    shape,
    shape.names.map((_, i) => noted.at(shape, i)),
  )
}
