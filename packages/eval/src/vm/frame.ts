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

/** A new frame of `count` slots, the first of them filled from `values`. */
export function makeFrame(up: Frame | null, count: number, values: readonly Value[] = []): Frame {
  if (count <= 2) return new SmallFrame(up, values[0], values[1])
  if (count <= 4) return new MediumFrame(up, values[0], values[1], values[2], values[3])
  const slots = emptySlots(count)
  for (let i = 0; i < values.length; i++) slots[i] = values[i]
  return new LargeFrame(up, slots)
}

/** Copying an array is faster than filling one. */
const empty: Slot[][] = []
function emptySlots(count: number): Slot[] {
  return (empty[count] ??= Array.from({ length: count }, () => undefined)).slice()
}

type ReadSlot = (frame: Frame) => Slot
type WriteSlot = (frame: Frame, value: Value) => void

const small = (frame: Frame | null): SmallFrame => frame as SmallFrame
const medium = (frame: Frame | null): MediumFrame => frame as MediumFrame
const large = (frame: Frame | null): LargeFrame => frame as LargeFrame

/**
 * Reads slot `slot` of the frame `hops` up, which has `count` slots. Spelled out, because every variable of every
 * program is read here: a function that calls a more general one costs a third more (bench/programs/fib.nix).
 */
export function slotReader(count: number, slot: number, hops: number): ReadSlot {
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

export function slotWriter(count: number, slot: number): WriteSlot {
  if (count > 4) {
    return (frame, value) => {
      large(frame).slots[slot] = value
    }
  }
  switch (slot) {
    case 0:
      return (frame, value) => {
        small(frame).a = value
      }
    case 1:
      return (frame, value) => {
        small(frame).b = value
      }
    case 2:
      return (frame, value) => {
        medium(frame).c = value
      }
    default:
      return (frame, value) => {
        medium(frame).d = value
      }
  }
}
