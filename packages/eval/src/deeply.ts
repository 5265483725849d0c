/** Evaluating a value and everything in it. */
import type { Position } from "./positions.ts"
import { AttrSet } from "./attrs.ts"
import { functionPlace } from "./function-place.ts"
import type { Failure } from "./problem.ts"
import type { OnItem } from "./print/walk.ts"
import { printAttributeName } from "./text/escape.ts"
import { CALL, CallThunk, isList, Thunk, type Forced, type Value } from "./value.ts"
import { Code, type Result } from "./vm/code.ts"
import { force, pause, type Continuation } from "./vm/machine.ts"

/** What, when forced, forces `value` and all it holds, and then is it. Values may contain themselves. */
export function deeply(value: Value, onItem?: OnItem): Thunk {
  return onItem === undefined ? new Thunk(DEEPLY, value) : new Thunk(WATCHED, { value, onItem })
}
const DEEPLY = new Code((value) => forceDeeply(value as unknown as Value), 5)

interface Watched {
  readonly value: Value
  readonly onItem: OnItem
}
const WATCHED = new Code((watched) => {
  const { value, onItem } = watched as unknown as Watched
  return forceDeeply(value, onItem)
}, 6)

/** Whom the trace of a call says it came from when nobody called: C++ Nix names the function itself. */
function callerOf(value: Value): Position {
  if (!(value instanceof CallThunk) || value.code !== CALL) return 0
  return functionPlace(value.state) ?? 0
}

/** One list or set under way. */
interface Level {
  readonly values: readonly Value[]
  /** Undefined for a list. */
  readonly set: AttrSet | undefined
  /** Of the value being forced; in order of evaluation. */
  next: number
}

function forceDeeply(value: Value, onItem?: OnItem): Result {
  const top = force(value, callerOf(value))
  return top === undefined ? pause(TOP, onItem) : enter(top, onItem)
}
const TOP: Continuation = { name: "deeply", resume: ({ a: onItem }, value) => enter(value, onItem) }

function enter(top: Forced, onItem: OnItem | undefined): Result {
  const walk = new Walk(top, onItem)
  walk.push(top)
  return walk.run()
}

class Walk {
  readonly top: Forced
  readonly #seen = new Set<object>()
  /** The nesting of the value is here and not on the JavaScript stack. */
  readonly #levels: Level[] = []
  readonly #onItem: OnItem | undefined

  constructor(top: Forced, onItem: OnItem | undefined) {
    this.top = top
    this.#onItem = onItem
  }

  push(value: Forced): void {
    if (typeof value !== "object" || value === null) return
    const set = value instanceof AttrSet ? value : undefined
    if ((set === undefined && !isList(value)) || this.#seen.has(value)) return
    this.#seen.add(value)
    const values = set === undefined ? (value as readonly Value[]) : set.flat().values
    if (values.length > 0) this.#levels.push({ values, set, next: -1 })
  }

  run(): Result {
    const levels = this.#levels
    for (;;) {
      const level = levels.at(-1)
      if (level === undefined) return this.top
      const { values, set } = level
      const i = ++level.next
      if (i === values.length) {
        levels.pop()
        continue
      }
      const at = set === undefined ? i : set.shape.order()[i]!
      const slot = values[at]!
      this.#onItem?.(levels.length - 1, set === undefined ? i : set.shape.names[at]!)
      const value = force(slot, callerOf(slot))
      if (value === undefined) return pause(WALK, this)
      this.push(value)
    }
  }

  /** Adds where the failing value is. */
  trace(failure: Failure): Failure {
    let traced = failure
    for (const { set, next } of this.#levels.toReversed()) {
      if (set === undefined) {
        traced = traced.traced(0, `while evaluating list element at index ${next}`)
        continue
      }
      const i = set.shape.order()[next]!
      traced = traced.traced(
        set.positionAt(i),
        `while evaluating the attribute '${printAttributeName(set.shape.names[i]!)}'`,
      )
    }
    return traced
  }
}
const WALK: Continuation = {
  name: "deeply-walk",
  resume: ({ a: walk }, value) => {
    walk.push(value)
    return walk.run()
  },
  trace: ({ a: walk }, failure) => walk.trace(failure),
}
