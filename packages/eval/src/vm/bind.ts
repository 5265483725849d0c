/**
 * Binds instructions: makes of each one a function of the frame, its operands bound into it. This happens when a code
 * object is first run, since most code of a program never is.
 *
 * How to read an instruction here: it evaluates its operands by calling them; when one returns {@link UNWIND} it pauses
 * with a continuation that goes on from there. The continuations of an instruction stand right below it, and repeat what
 * comes after the operand; where that is more than a line it is a function both call.
 */
import type { Position } from "../attrs.ts"
import type { Op } from "../compiler/opcodes.ts"
import { instructions, OPS, type Operand } from "../compiler/opcodes.ts"
import type { RuntimeObserver, Site } from "../observe/observer.ts"
import type { Forced, Value } from "../value.ts"
import { Lambda, Thunk } from "../value.ts"
import { Code, type Exec, type LambdaCode, type Lazy } from "./code.ts"
import { makeFrame, slotReader, slotWriter, SmallFrame, MediumFrame, type Frame, type Slot } from "./frame.ts"
import { forceSlot } from "./force-slot.ts"
import { force, NATIVE_FRAMES, pause, UNWIND, vm, type Continuation } from "./machine.ts"
import type { LoadedUnit } from "./load.ts"
import { binders } from "./instructions.ts"
import { bindPattern } from "./pattern.ts"

/** An argument of a call. */
export interface Argument {
  readonly lazy: Lazy
  /** Evaluated already if that cannot fail, for callees sure to force it; see {@link LambdaInfo.strict}. */
  readonly eager: Lazy
  /** Evaluates it, for callees that would do so first thing. */
  readonly exec: Exec
}

/** Runs `code` where it stands, instead of through a thunk. */
export function runCode(code: Code): Exec {
  return (frame) => {
    if ((vm.depth += code.height) > NATIVE_FRAMES) return pause(RUN, code, frame)
    const result = code.run(frame)
    if (result !== UNWIND) vm.depth -= code.height
    return result
  }
}
const RUN: Continuation = { name: "run", resume: ({ a: code, b: frame }) => code.run(frame) }

/** Reads the instructions of one code object. */
export class Binder {
  readonly loaded: LoadedUnit
  /** The code whose frame instructions run in. */
  readonly #codeIndex: number
  #next: number
  #nesting = 0
  /** Deepest nesting met: how many native frames running the code may take, its calls apart. */
  height = 1

  constructor(loaded: LoadedUnit, codeIndex: number, entry: number) {
    this.loaded = loaded
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
    return this.loaded.unit.constants[this.word()]!
  }
  name(): string {
    return this.loaded.unit.names[this.word()]!
  }
  position(): Position {
    return this.loaded.position(this.word())
  }
  many<T>(read: (i: number) => T): T[] {
    return Array.from({ length: this.word() }, (_, i) => read(i))
  }

  expr(): Exec {
    const start = this.#next
    const op = OPS[this.word()]! as keyof typeof binders
    const { observer } = this.loaded
    // Being observed takes a native frame more.
    const frames = observer === undefined ? 1 : 2
    this.#nesting += frames
    if (this.#nesting > this.height) this.height = this.#nesting
    const exec = binders[op](this)
    this.#nesting -= frames
    return observer === undefined ? exec : observed(exec, observer, this.#site(op, start))
  }

  #site(op: Op, word: number): Site {
    const { unit } = this.loaded
    let at = word + 1
    // The first place that an instruction names, where it stands in the words before its operand expressions, is its own.
    for (const operand of instructions[op].operands as readonly Operand[]) {
      if (operand === "at") return { op, unit, code: this.#codeIndex, word, at: unit.words[at]! }
      if (typeof operand !== "string" || operand === "expr" || operand === "lazy" || operand === "step") break
      at += operand === "slot" ? 2 : 1
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

  /** A `lazy` operand of a call, in the forms that callees may want it in. */
  argument(): Argument {
    const { codes, words } = this.loaded.unit
    if (this.peek() !== "thunk") {
      const lazy = this.lazy()
      return { lazy, eager: lazy, exec: (frame) => force(lazy(frame), 0) }
    }
    const index = words[this.#next + 1]!
    const lazy = this.lazy()
    // A code with a frame of its own does more than the few instructions that cannot fail.
    const info = codes[index]!
    // An observer sees every instruction, so none is done on the side for it.
    const onTheSide = info.slots === 0 && this.loaded.observer === undefined
    const eager = !onTheSide ? undefined : new Binder(this.loaded, index, info.entry).eager()
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
    return slotReader(this.loaded.unit.codes[owner]!.slots, index, this.#hops(owner))
  }
  /** Reads the operands of `variable`. */
  variable(): Exec {
    const owner = this.word()
    const index = this.word()
    const at = this.position()
    const { slots } = this.loaded.unit.codes[owner]!
    const hops = this.#hops(owner)
    const direct = forceSlot(slots, index, hops, at)
    if (direct !== undefined) return direct
    const read = slotReader(slots, index, hops)
    return (frame) => force(read(frame) as Value, at)
  }
  /** Reads a slot operand that is written: always one of the code's own frame. */
  slotToFill(): (frame: Frame, value: Value) => void {
    const owner = this.word()
    return slotWriter(this.loaded.unit.codes[owner]!.slots, this.word())
  }

  /** How many frames up the frame of code `owner` is from the one instructions run in. */
  #hops(owner: number): number {
    const { codes } = this.loaded.unit
    let hops = 0
    for (let i = this.#codeIndex; i !== owner; i = codes[i]!.parent) if (codes[i]!.slots > 0) hops++
    return hops
  }
}

function observed(exec: Exec, observer: RuntimeObserver, site: Site): Exec {
  return (frame) => {
    observer.enter(site)
    const result = exec(frame)
    if (result === UNWIND) observer.pause(site)
    else observer.leave(site, result)
    return result
  }
}

/** Gives `code` its instructions. */
export function bindCode(loaded: LoadedUnit, index: number, code: Code): void {
  const info = loaded.unit.codes[index]!
  const binder = new Binder(loaded, index, info.entry)
  const body = binder.expr()
  code.height = binder.height + 1
  const { slots } = info
  code.run =
    slots === 0
      ? body
      : slots <= 2 && index !== 0
        ? (up) => body(new SmallFrame(up, undefined, undefined))
        : slots <= 4 && index !== 0
          ? (up) => body(new MediumFrame(up, undefined, undefined, undefined, undefined))
          : (up) => body(makeFrame(up, slots, index === 0 ? loaded.scope : []))
}

export function bindLambda(loaded: LoadedUnit, index: number, code: LambdaCode): void {
  const info = loaded.unit.codes[index]!
  const binder = new Binder(loaded, index, info.entry)
  const body = binder.expr()
  code.height = binder.height + 2
  const { slots } = info
  const last = info.lambda!.params.at(-1)!
  if (last.formals !== undefined) {
    bindPattern(loaded, index, code, last, body)
    return
  }
  code.enterMany = (up, args) => body(makeFrame(up, slots, args))
  if (slots <= 2) {
    code.enter1 = (up, a) => body(new SmallFrame(up, a, undefined))
    code.enter2 = (up, a, b) => body(new SmallFrame(up, a, b))
  } else if (slots <= 4) {
    code.enter1 = (up, a) => body(new MediumFrame(up, a, undefined, undefined, undefined))
    code.enter2 = (up, a, b) => body(new MediumFrame(up, a, b, undefined, undefined))
    code.enter3 = (up, a, b, c) => body(new MediumFrame(up, a, b, c, undefined))
  } else {
    code.enter1 = (up, a) => body(makeFrame(up, slots, [a]))
    code.enter2 = (up, a, b) => body(makeFrame(up, slots, [a, b]))
    code.enter3 = (up, a, b, c) => body(makeFrame(up, slots, [a, b, c]))
  }
}
