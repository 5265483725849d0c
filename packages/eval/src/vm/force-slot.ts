/**
 * The value of a variable, forced. One function per distance and slot, for the reason given at {@link slotReader}: these
 * read the slot themselves instead of calling a reader.
 */
import type { Position } from "../positions.ts"
import { Thunk, type Forced } from "../value.ts"
import type { Exec, Result } from "./code.ts"
import type { LargeFrame, MediumFrame, Slot, SmallFrame } from "./frame.ts"
import { forceThunk } from "./machine.ts"

function forced(value: Slot, at: Position): Result {
  if (!(value instanceof Thunk)) return value
  return value.code === null ? (value.state as Forced) : forceThunk(value, at)
}

/** Undefined for combinations rare enough for the general way. */
export function forceSlot(count: number, slot: number, hops: number, at: Position): Exec | undefined {
  if (hops === 0) {
    if (count > 4) return (frame) => forced((frame as LargeFrame).slots[slot], at)
    if (slot === 0) return (frame) => forced((frame as SmallFrame).a, at)
    if (slot === 1) return (frame) => forced((frame as SmallFrame).b, at)
    return slot === 2
      ? (frame) => forced((frame as MediumFrame).c, at)
      : (frame) => forced((frame as MediumFrame).d, at)
  }
  if (hops === 1) {
    if (count > 4) return (frame) => forced((frame.up as LargeFrame).slots[slot], at)
    if (slot === 0) return (frame) => forced((frame.up as SmallFrame).a, at)
    if (slot === 1) return (frame) => forced((frame.up as SmallFrame).b, at)
    return slot === 2
      ? (frame) => forced((frame.up as MediumFrame).c, at)
      : (frame) => forced((frame.up as MediumFrame).d, at)
  }
  return undefined
}
