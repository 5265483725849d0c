/** Reads instructions and their operands; what each instruction does with them is in instructions/. */
import type { Position } from "../positions.ts"
import { instructions, OPS, WORDS, type Op } from "../compiler/opcodes.ts"
import type { RuntimeObserver, Site } from "../observe/observer.ts"
import { Lambda, Thunk, type Forced, type Value } from "../value.ts"
import type { Code, Exec, LambdaCode } from "./code.ts"
import { forceSlot } from "./force-slot.ts"
import { slotReader, type Frame, type Slot } from "./frame.ts"
import type { LoadedUnit } from "./load.ts"
import { force } from "./machine.ts"
import { Argument, LazyOperand, Variable, type Early, type EarlyBinder } from "./operand.ts"

/** What {@link fillSlot} wants to know. */
export interface SlotToFill {
  readonly count: number
  readonly slot: number
}

/** What is only ever an operand that is not evaluated. */
type LazyOp = "lazy-constant" | "lazy-global" | "lazy-slot" | "thunk"
export type EvaluatedOp = Exclude<Op, LazyOp>
/** What binds each instruction. */
export type BinderTable = Readonly<Record<EvaluatedOp, (binder: Binder) => Exec>>
/** The same by the instruction's word: the engine finds an element of an array faster than one of that many names. */
export type Binders = readonly ((binder: Binder) => Exec)[]

const CONSTANT = WORDS.constant
const LAMBDA = WORDS.lambda
const VARIABLE = WORDS.variable
const ADD = WORDS.add
const SUBTRACT = WORDS.subtract
const LAZY_CONSTANT = WORDS["lazy-constant"]
const LAZY_GLOBAL = WORDS["lazy-global"]
const LAZY_SLOT = WORDS["lazy-slot"]
const THUNK = WORDS.thunk

/** Reads the instructions of one code object. */
export class Binder implements EarlyBinder {
  readonly loaded: LoadedUnit
  readonly #table: Binders
  /** The code whose frame instructions run in. */
  readonly #codeIndex: number
  #next: number
  #nesting = 0
  /** Deepest nesting met: how many native frames running the code may take, its calls apart. */
  height = 1

  constructor(loaded: LoadedUnit, codeIndex: number, entry: number, table: Binders) {
    this.loaded = loaded
    this.#table = table
    this.#codeIndex = codeIndex
    this.#next = entry
  }

  word(): number {
    return this.loaded.unit.words[this.#next++]!
  }
  /** The word of the instruction that comes next, without reading it. */
  peek(): number {
    return this.loaded.unit.words[this.#next]!
  }
  constant(): Forced {
    return this.loaded.unit.constant(this.word())
  }
  name(): string {
    return this.loaded.unit.name(this.word())
  }
  position(): Position {
    return this.loaded.position(this.word())
  }
  code(): Code {
    return this.loaded.code(this.#inner())
  }
  lambda(): LambdaCode {
    return this.loaded.lambda(this.#inner())
  }
  /** What is written in a code comes after it: even a unit that is damaged does not go round in circles. */
  #inner(): number {
    const index = this.word()
    if (index <= this.#codeIndex) throw new RangeError("a unit is damaged: a code is in one that comes after it")
    return index
  }
  /** Reads a `text` operand. */
  text(): () => string {
    const from = this.word()
    const to = this.word()
    return () => this.loaded.text(from, to)
  }
  many<T>(read: (i: number) => T): T[] {
    const count = this.word()
    if (count > this.loaded.unit.words.length)
      throw new RangeError("a unit is damaged: it has more operands than words")
    const items = new Array<T>(count)
    for (let i = 0; i < count; i++) items[i] = read(i)
    return items
  }

  expr(): Exec {
    const start = this.#next
    const word = this.word()
    const { observer } = this.loaded
    // Being observed takes a native frame more.
    const frames = observer === undefined ? 1 : 2
    this.#nesting += frames
    if (this.#nesting > this.height) this.height = this.#nesting
    const exec = this.#table[word]!(this)
    this.#nesting -= frames
    return observer === undefined ? exec : observed(exec, observer, this.#site(OPS[word]!, start))
  }

  #site(op: Op, word: number): Site {
    const { unit } = this.loaded
    let at = word + 1
    // The first place that an instruction names, where it stands in the words before its operand expressions, is its own.
    for (const operand of instructions[op].operands) {
      if (operand === "at") return { op, unit, code: this.#codeIndex, word, at: unit.words[at]! }
      if (typeof operand !== "string" || operand === "expr" || operand === "lazy" || operand === "step") break
      at += operand === "slot" || operand === "text" ? 2 : 1
    }
    return { op, unit, code: this.#codeIndex, word, at: -1 }
  }

  lazy(): LazyOperand {
    switch (this.word()) {
      case LAZY_CONSTANT:
        return new LazyOperand(undefined, undefined, this.constant())
      case LAZY_GLOBAL: {
        const value = this.loaded.global(this.name())
        return new LazyOperand(undefined, undefined, value)
      }
      case LAZY_SLOT:
        return new LazyOperand(undefined, this.slot(), undefined)
      default:
        return new LazyOperand(this.code(), undefined, undefined)
    }
  }

  /** The default of a formal: as `lazy`; but one that is another formal, and has a value by now, is that value. */
  fallback(): LazyOperand {
    const { unit } = this.loaded
    const { words } = unit
    const index = this.peek() === THUNK ? words[this.#next + 1]! : -1
    const lazy = this.lazy()
    const entry = index < 0 ? undefined : unit.code(index).entry
    if (entry === undefined || words[entry] !== VARIABLE || words[entry + 1] !== this.#codeIndex) return lazy
    const slot = new Binder(this.loaded, this.#codeIndex, entry + 1, this.#table).slot()
    return new LazyOperand(undefined, (frame) => slot(frame) ?? lazy.of(frame), undefined)
  }

  /** A `lazy` operand of a call. */
  argument(): Argument {
    const index = this.peek() === THUNK ? this.loaded.unit.words[this.#next + 1]! : -1
    return new Argument(this.lazy(), this, index)
  }
  earlyCode(index: number): Early | undefined {
    const { unit, observer } = this.loaded
    const { slots, entry } = unit.code(index)
    // A code with a frame of its own does more than the few instructions that cannot fail. And an observer sees every
    // instruction, so none is done on the side for it.
    if (slots > 0 || observer !== undefined) return undefined
    return new Binder(this.loaded, index, entry, this.#table).early()
  }

  /** The value of the next instruction where it can be had without forcing or failing; undefined where not. */
  early(): Early | undefined {
    const op = this.word()
    switch (op) {
      case LAMBDA: {
        const code = this.lambda()
        return (frame) => new Lambda(code, frame)
      }
      case CONSTANT: {
        const value = this.constant()
        return () => value
      }
      case VARIABLE: {
        const slot = this.slot()
        this.word()
        return (frame) => {
          const value = slot(frame)
          return value instanceof Thunk && value.code === null ? (value.state as Forced) : value
        }
      }
      case SUBTRACT:
      case ADD: {
        this.#next += op === ADD ? 3 : 1
        const left = this.early()
        const right = left && this.early()
        if (right === undefined) return undefined
        const sign = op === ADD ? 1 : -1
        return (frame) => {
          const x = left!(frame)
          const y = right(frame)
          if (typeof x !== "number" || typeof y !== "number") return undefined
          const result = x + sign * y
          return Number.isSafeInteger(result) ? result : undefined
        }
      }
      default:
        return undefined
    }
  }

  /** Reads a slot operand. */
  slot(): (frame: Frame) => Slot {
    const owner = this.word()
    const index = this.word()
    return slotReader(this.loaded.unit.code(owner).slots, index, this.#hops(owner))
  }
  /** Reads an instruction that is a variable, for the one that it is an operand of; undefined if it is another one. */
  variableOperand(): Variable | undefined {
    if (this.peek() !== VARIABLE || this.loaded.observer !== undefined) return undefined
    this.word()
    const owner = this.word()
    const slot = this.word()
    return new Variable(this.loaded.unit.code(owner).slots, slot, this.#hops(owner), this.position())
  }
  /** Reads the operands of `variable`. */
  variable(): Exec {
    const owner = this.word()
    const index = this.word()
    const at = this.position()
    const { slots } = this.loaded.unit.code(owner)
    const hops = this.#hops(owner)
    const direct = forceSlot(slots, index, hops, at)
    if (direct !== undefined) return direct
    const read = slotReader(slots, index, hops)
    return (frame) => force(read(frame) as Value, at)
  }
  /** Reads a slot operand that is written: always one of the code's own frame. */
  slotToFill(): SlotToFill {
    const owner = this.word()
    return { count: this.loaded.unit.code(owner).slots, slot: this.word() }
  }

  /** How many frames up the frame of code `owner` is from the one instructions run in. */
  #hops(owner: number): number {
    const { unit } = this.loaded
    let hops = 0
    for (let i = this.#codeIndex; i !== owner;) {
      const code = unit.code(i)
      if (code.slots > 0) hops++
      i = code.parent
    }
    return hops
  }
}

function observed(exec: Exec, observer: RuntimeObserver, site: Site): Exec {
  return (frame) => {
    observer.enter(site)
    const result = exec(frame)
    if (result === undefined) observer.pause(site)
    else observer.leave(site, result)
    return result
  }
}
