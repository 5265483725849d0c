/**
 * The variables of one activation: parameters and the `let`, `rec` and `with` bindings of a body share one frame, and
 * thunks made in it point to it. `up` is the frame the code was defined in.
 *
 * Three sizes only, so that a load from "some frame" sees at most three maps and stays inline (bench/README.md).
 * Slots are `undefined` until filled.
 */
import type { Value } from "../value.ts"

export type Slot = Value | undefined
export type Frame = SmallFrame | MediumFrame | LargeFrame

export class SmallFrame {
  readonly up: Frame | null
  a: Slot
  b: Slot
  constructor(up: Frame | null, a: Slot, b: Slot) {
    this.up = up
    this.a = a
    this.b = b
  }
}

export class MediumFrame {
  readonly up: Frame | null
  a: Slot
  b: Slot
  c: Slot
  d: Slot
  constructor(up: Frame | null, a: Slot, b: Slot, c: Slot, d: Slot) {
    this.up = up
    this.a = a
    this.b = b
    this.c = c
    this.d = d
  }
}

export class LargeFrame {
  readonly up: Frame | null
  readonly slots: Slot[]
  constructor(up: Frame | null, slots: Slot[]) {
    this.up = up
    this.slots = slots
  }
}

// All that slots can hold, at once: see the end of value.ts.
for (const value of [null, 0]) {
  new SmallFrame(null, value, value).a = value
  new MediumFrame(null, value, value, value, value).a = value
}

/** A new frame of `count` slots, the first of them filled from `values`. */
export function makeFrame(up: Frame | null, count: number, values: readonly Value[]): Frame {
  if (count <= 2) return new SmallFrame(up, values[0], values[1])
  if (count <= 4) return new MediumFrame(up, values[0], values[1], values[2], values[3])
  const slots = emptySlots(count)
  for (let i = 0; i < values.length; i++) slots[i] = values[i]
  return new LargeFrame(up, slots)
}

/** As {@link makeFrame}, for calls with one, two and three arguments. */
export function makeFrame1(up: Frame | null, count: number, a: Value): Frame {
  if (count <= 2) return new SmallFrame(up, a, undefined)
  if (count <= 4) return new MediumFrame(up, a, undefined, undefined, undefined)
  const slots = emptySlots(count)
  slots[0] = a
  return new LargeFrame(up, slots)
}
export function makeFrame2(up: Frame | null, count: number, a: Value, b: Value): Frame {
  if (count <= 2) return new SmallFrame(up, a, b)
  if (count <= 4) return new MediumFrame(up, a, b, undefined, undefined)
  const slots = emptySlots(count)
  slots[0] = a
  slots[1] = b
  return new LargeFrame(up, slots)
}
export function makeFrame3(up: Frame | null, count: number, a: Value, b: Value, c: Value): Frame {
  if (count <= 4) return new MediumFrame(up, a, b, c, undefined)
  const slots = emptySlots(count)
  slots[0] = a
  slots[1] = b
  slots[2] = c
  return new LargeFrame(up, slots)
}

/** Copying an array is faster than filling one. */
export function emptySlots(count: number): Slot[] {
  let slots = count < EMPTY.length ? EMPTY[count] : undefined
  if (slots === undefined) {
    slots = Array.from({ length: count }, () => undefined)
    if (count < EMPTY.length) EMPTY[count] = slots
  }
  return slots.slice()
}
const EMPTY: (Slot[] | undefined)[] = Array.from({ length: 128 }, () => undefined)

type ReadSlot = (frame: Frame) => Slot

const small = (frame: Frame | null): SmallFrame => frame as SmallFrame
const medium = (frame: Frame | null): MediumFrame => frame as MediumFrame
const large = (frame: Frame | null): LargeFrame => frame as LargeFrame

/**
 * Reads slot `slot` of the frame `hops` up, which has `count` slots. Spelled out, because every variable of every
 * program is read here: a function that calls a more general one costs a third more (bench/programs/fib.nix).
 */
export function slotReader(count: number, slot: number, hops: number): ReadSlot {
  const i = count > 4 ? slot + 4 : slot
  if (hops >= READERS.length || i >= 64) return makeReader(count, slot, hops)
  return (READERS[hops]![i] ??= makeReader(count, slot, hops))
}
/** Those that were made, by hops and slot, those of large frames behind the others: hardly any is needed only once. */
const READERS: ReadSlot[][] = [[], [], [], [], [], []]
function makeReader(count: number, slot: number, hops: number): ReadSlot {
  switch (hops) {
    case 0:
      if (count > 4) return (frame) => large(frame).slots[slot]
      if (slot === 0) return (frame) => small(frame).a
      if (slot === 1) return (frame) => small(frame).b
      return slot === 2 ? (frame) => medium(frame).c : (frame) => medium(frame).d
    case 1:
      if (count > 4) return (frame) => large(frame.up).slots[slot]
      if (slot === 0) return (frame) => small(frame.up).a
      if (slot === 1) return (frame) => small(frame.up).b
      return slot === 2 ? (frame) => medium(frame.up).c : (frame) => medium(frame.up).d
    case 2:
      if (count > 4) return (frame) => large(frame.up!.up).slots[slot]
      if (slot === 0) return (frame) => small(frame.up!.up).a
      if (slot === 1) return (frame) => small(frame.up!.up).b
      return slot === 2 ? (frame) => medium(frame.up!.up).c : (frame) => medium(frame.up!.up).d
    default: {
      const read = slotReader(count, slot, 2)
      return (frame) => {
        let at = frame
        for (let i = 2; i < hops; i++) at = at.up!
        return read(at)
      }
    }
  }
}

/** Fills slot `slot` of `frame`, which has `count` slots. */
export function fillSlot(frame: Frame, count: number, slot: number, value: Value): void {
  if (count > 4) large(frame).slots[slot] = value
  else if (slot === 0) small(frame).a = value
  else if (slot === 1) small(frame).b = value
  else if (slot === 2) medium(frame).c = value
  else medium(frame).d = value
}
