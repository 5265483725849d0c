/** Reads instructions and their operands; what each instruction does with them is in instructions/. */
import type { Position } from "../attrs.ts"
import { instructions, OPS, type Op } from "../compiler/opcodes.ts"
import type { RuntimeObserver, Site } from "../observe/observer.ts"
import { Lambda, Thunk, type Forced, type Value } from "../value.ts"
import type { Exec, Lazy } from "./code.ts"
import { forceSlot } from "./force-slot.ts"
import { slotReader, slotWriter, type Frame, type Slot } from "./frame.ts"
import type { LoadedUnit } from "./load.ts"
import { force } from "./machine.ts"
import { runCode } from "./run-code.ts"

/** An argument of a call. */
export interface Argument {
  readonly lazy: Lazy
  /** Evaluated already if that cannot fail, for callees sure to force it; see {@link LambdaInfo.strict}. */
  readonly eager: Lazy
  /** Evaluates it, for callees that would do so first thing. */
  readonly exec: Exec
}

/** What is only ever an operand that is not evaluated. */
type LazyOp = "lazy-constant" | "lazy-global" | "lazy-slot" | "thunk"
export type EvaluatedOp = Exclude<Op, LazyOp>
/** What binds each instruction. */
export type BinderTable = Readonly<Record<EvaluatedOp, (binder: Binder) => Exec>>

/** Reads the instructions of one code object. */
export class Binder {
  readonly loaded: LoadedUnit
  readonly #table: BinderTable
  /** The code whose frame instructions run in. */
  readonly #codeIndex: number
  #next: number
  #nesting = 0
  /** Deepest nesting met: how many native frames running the code may take, its calls apart. */
  height = 1

  constructor(loaded: LoadedUnit, codeIndex: number, entry: number, table: BinderTable) {
    this.loaded = loaded
    this.#table = table
    this.#codeIndex = codeIndex
    this.#next = entry
  }

  word(): number {
    return this.loaded.unit.words[this.#next++]!
  }
  /** The instruction that comes next, without reading it. */
  peek(): Op {
    return OPS[this.loaded.unit.words[this.#next]!]!
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
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(i))
    return items
  }

  expr(): Exec {
    const start = this.#next
    const op = OPS[this.word()]! as EvaluatedOp
    const { observer } = this.loaded
    // Being observed takes a native frame more.
    const frames = observer === undefined ? 1 : 2
    this.#nesting += frames
    if (this.#nesting > this.height) this.height = this.#nesting
    const exec = this.#table[op](this)
    this.#nesting -= frames
    return observer === undefined ? exec : observed(exec, observer, this.#site(op, start))
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

  lazy(): Lazy {
    switch (this.peek()) {
      case "lazy-constant": {
        this.word()
        const value = this.constant()
        return () => value
      }
      case "lazy-global": {
        this.word()
        const value = this.loaded.global(this.name())
        return () => value
      }
      case "lazy-slot":
        this.word()
        return this.slot() as Lazy
      default: {
        this.word()
        const code = this.loaded.code(this.word())
        return (frame) => new Thunk(code, frame)
      }
    }
  }

  /** The default of a formal: as `lazy`; but one that is another formal, and has a value by now, is that value. */
  fallback(): Lazy {
    const { unit } = this.loaded
    const { words } = unit
    const index = this.peek() === "thunk" ? words[this.#next + 1]! : -1
    const lazy = this.lazy()
    const entry = index < 0 ? undefined : unit.code(index).entry
    if (entry === undefined || OPS[words[entry]!] !== "variable" || words[entry + 1] !== this.#codeIndex) return lazy
    const slot = new Binder(this.loaded, this.#codeIndex, entry + 1, this.#table).slot()
    return (frame) => slot(frame) ?? lazy(frame)
  }

  /** A `lazy` operand of a call, in the forms that callees may want it in. */
  argument(): Argument {
    const { unit } = this.loaded
    const { words } = unit
    if (this.peek() !== "thunk") {
      const lazy = this.lazy()
      return { lazy, eager: lazy, exec: (frame) => force(lazy(frame), 0) }
    }
    const index = words[this.#next + 1]!
    const lazy = this.lazy()
    // A code with a frame of its own does more than the few instructions that cannot fail.
    const info = unit.code(index)
    // An observer sees every instruction, so none is done on the side for it.
    const onTheSide = info.slots === 0 && this.loaded.observer === undefined
    const eager = !onTheSide ? undefined : new Binder(this.loaded, index, info.entry, this.#table).eager()
    return {
      lazy,
      eager: eager === undefined ? lazy : (frame) => eager(frame) ?? lazy(frame),
      exec: runCode(this.loaded.code(index)),
    }
  }

  /** The value of the next instruction where it can be had without forcing or failing; undefined where not. */
  eager(): ((frame: Frame) => Value | undefined) | undefined {
    const op = OPS[this.word()]!
    switch (op) {
      case "lambda": {
        const code = this.loaded.lambda(this.word())
        return (frame) => new Lambda(code, frame)
      }
      case "constant": {
        const value = this.constant()
        return () => value
      }
      case "variable": {
        const slot = this.slot()
        this.word()
        return (frame) => {
          const value = slot(frame)
          return value instanceof Thunk && value.code === null ? (value.state as Forced) : value
        }
      }
      case "subtract":
      case "add": {
        this.#next += op === "add" ? 3 : 1
        const left = this.eager()
        const right = left && this.eager()
        if (right === undefined) return undefined
        const sign = op === "add" ? 1 : -1
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
  slotToFill(): (frame: Frame, value: Value) => void {
    const owner = this.word()
    return slotWriter(this.loaded.unit.code(owner).slots, this.word())
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
