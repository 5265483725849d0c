/**
 * Operands that are not evaluated now, as data instead of functions: most make a thunk, which whoever has the operand then
 * does on the spot, without a call and without a function for each.
 */
import type { Position } from "../positions.ts"
import { Thunk, type Forced, type Value } from "../value.ts"
import type { Code, Result } from "./code.ts"
import type { Frame, LargeFrame, MediumFrame, Slot, SmallFrame } from "./frame.ts"
import { force, forceThunk } from "./machine.ts"
import { runCode } from "./run-code.ts"

export class LazyOperand {
  /** What a thunk is made of, if one is. */
  readonly code: Code | undefined
  /** Where it is, if it is in a slot. */
  readonly slot: ((frame: Frame) => Slot) | undefined
  /** What it is, if it is neither. */
  constant: Forced | undefined

  constructor(code: Code | undefined, slot: ((frame: Frame) => Slot) | undefined, constant: Forced | undefined) {
    this.code = code
    this.slot = slot
    this.constant = constant
  }

  of(frame: Frame): Value {
    if (this.code !== undefined) return new Thunk(this.code, frame)
    return this.slot === undefined ? this.constant! : this.slot(frame)!
  }
}

// All that a constant can be, at once: see the end of value.ts.
for (const constant of [null, 0]) new LazyOperand(undefined, undefined, constant).constant = constant

/** A variable that is an operand, read by the instruction itself: half of all operands are one. */
export class Variable {
  readonly hops: number
  readonly isLarge: boolean
  readonly slot: number
  readonly at: Position

  /** @param count slots of the frame that it is in */
  constructor(count: number, slot: number, hops: number, at: Position) {
    this.hops = hops
    this.isLarge = count > 4
    this.slot = slot
    this.at = at
  }

  force(frame: Frame): Result {
    const value = this.#read(frame)
    if (!(value instanceof Thunk)) return value
    return value.code === null ? (value.state as Forced) : forceThunk(value, this.at)
  }
  #read(frame: Frame): Slot {
    const { slot } = this
    let at = frame
    for (let hops = this.hops; hops > 0; hops--) at = at.up!
    if (this.isLarge) return (at as LargeFrame).slots[slot]
    if (slot === 0) return (at as SmallFrame).a
    if (slot === 1) return (at as SmallFrame).b
    return slot === 2 ? (at as MediumFrame).c : (at as MediumFrame).d
  }
}

/** Computes a value where that can be done without forcing anything and cannot fail; undefined where not. */
export type Early = (frame: Frame) => Value | undefined

/** An argument of a call, in the forms that callees may want it in. */
export class Argument {
  readonly operand: LazyOperand
  readonly binder: EarlyBinder
  /** The code of a thunk; -1 if it is none. */
  readonly index: number
  /** Null until somebody wants it: most callees do not. */
  #early: Early | undefined | null = null

  constructor(operand: LazyOperand, binder: EarlyBinder, index: number) {
    this.operand = operand
    this.binder = binder
    this.index = index
  }

  lazy(frame: Frame): Value {
    return this.operand.of(frame)
  }
  /** Evaluated already if that cannot fail, for callees sure to force it; see {@link LambdaInfo.strict}. */
  eager(frame: Frame): Value {
    if (this.#early === null) this.#early = this.index < 0 ? undefined : this.binder.earlyCode(this.index)
    return (this.#early === undefined ? undefined : this.#early(frame)) ?? this.operand.of(frame)
  }
  /** Evaluates it, for callees that would do so first thing. */
  exec(frame: Frame): Result {
    const { code } = this.operand
    return code === undefined ? force(this.operand.of(frame), 0) : runCode(code, frame)
  }
}
export interface EarlyBinder {
  /** How the code with this index, which runs in the same frame, can be computed early. */
  earlyCode(index: number): Early | undefined
}
