/** `+` and interpolation, which C++ Nix has as one operation. */
import type { Position } from "../../positions.ts"
import { coerceForced, ContextBuilder, type Coercion } from "../../coerce.ts"
import { add } from "../../numbers.ts"
import { Failure } from "../../problem.ts"
import { canonPath } from "../../text/canon-path.ts"
import { isInt, isString, NixFloat, NixPath, NixString, type Forced } from "../../value.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame } from "../frame.ts"
import { asFailure, failAs, failWith, pause, type Continuation } from "../machine.ts"

const SEGMENT = "while evaluating a path segment"
/** Paths inside a string are copied to the store; what is appended to a path is not. */
const INTO_STRING: Coercion = { context: SEGMENT, more: false, copyToStore: true }
const AS_IS: Coercion = { context: SEGMENT, more: false, copyToStore: false }

interface Part {
  readonly at: Position
  readonly exec: Exec
}
interface Site {
  readonly at: Position
  readonly parts: readonly Part[]
  readonly coercion: Coercion
  readonly result: "string" | "path"
}
/** What has been put together so far. */
class Buffer {
  text: string
  readonly context: ContextBuilder
  constructor(text = "", context = new ContextBuilder()) {
    this.text = text
    this.context = context
  }
}

function readSite(b: Binder, coercion: Coercion, result: Site["result"]): Site {
  const at = b.position()
  return { at, parts: b.many(() => ({ at: b.position(), exec: b.expr() })), coercion, result }
}

/**
 * Up to this many bytes a string is put together flat, which takes half the time and memory of the engine's ropes; beyond,
 * ropes keep programs linear that grow a string piece by piece.
 */
const FLAT_MAX = 1024

export function bindInterpolate(b: Binder): Exec {
  const site = readSite(b, INTO_STRING, "string")
  const { parts } = site
  return (frame) => {
    // Nearly always every part is a string, and most have no context: nothing to collect then.
    const pieces = new Array<string>(parts.length)
    let context: ContextBuilder | undefined
    let length = 0
    for (let i = 0; i < parts.length; i++) {
      const value = parts[i]!.exec(frame)
      let piece: string
      if (typeof value === "string") piece = value
      else if (value instanceof NixString) {
        piece = value.bytes
        context ??= new ContextBuilder()
        context.add(value)
      } else {
        const buffer = new Buffer(pieces.slice(0, i).join(""), context)
        return value === undefined ? pause(PART, site, frame, buffer, i) : appendAndGoOn(site, frame, buffer, i, value)
      }
      pieces[i] = piece
      length += piece.length
    }
    const text = length <= FLAT_MAX ? pieces.join("") : rope(pieces)
    return context === undefined ? text : context.string(text)
  }
}
function rope(pieces: readonly string[]): string {
  let text = ""
  for (let i = 0; i < pieces.length; i++) text += pieces[i]!
  return text
}
export function bindInterpolatePath(b: Binder): Exec {
  const site = readSite(b, AS_IS, "path")
  return (frame) => goOn(site, frame, new Buffer(), 0)
}

function goOn(site: Site, frame: Frame, buffer: Buffer, from: number): Result {
  for (let i = from; i < site.parts.length; i++) {
    const value = site.parts[i]!.exec(frame)
    if (value === undefined) return pause(PART, site, frame, buffer, i)
    const result = append(site, buffer, i, value)
    if (result === undefined) return pause(COERCED, site, frame, buffer, i)
  }
  return finish(site, buffer)
}
function appendAndGoOn(site: Site, frame: Frame, buffer: Buffer, i: number, value: Forced): Result {
  const result = append(site, buffer, i, value)
  return result === undefined ? pause(COERCED, site, frame, buffer, i) : goOn(site, frame, buffer, i + 1)
}
/** Adds part i to the buffer; undefined if that takes a task, whose result {@link COERCED} adds. */
function append(site: Site, buffer: Buffer, i: number, value: Forced): undefined | null {
  if (typeof value === "string") buffer.text += value
  else if (value instanceof NixString) {
    buffer.text += value.bytes
    buffer.context.add(value)
  } else if (i === 0 && value instanceof NixPath && site.result === "path") buffer.text += value.path
  else {
    const text = coerceForced(value, site.coercion, buffer.context, site.parts[i]!.at)
    if (text === undefined) return undefined
    buffer.text += text as string
  }
  return null
}
function finish(site: Site, buffer: Buffer): Result {
  if (site.result === "string") return buffer.context.string(buffer.text)
  if (!buffer.context.isEmpty) return failWith({ code: "path-append-context" }, site.at)
  return new NixPath(canonPath(buffer.text))
}
/** a: site, b: frame, c: buffer, d: index of the part being evaluated */
const PART: Continuation = {
  name: "part",
  resume: ({ a: site, b: frame, c: buffer, d: i }, value) => appendAndGoOn(site, frame, buffer, i, value),
}
const COERCED: Continuation = {
  name: "coerced",
  resume: ({ a: site, b: frame, c: buffer, d: i }, text) => {
    buffer.text += text as string
    return goOn(site, frame, buffer, i + 1)
  },
  // Coercion knows what it was doing, but only the site knows where.
  trace: ({ a: site, d: i }, failure) => placeContext(failure, site.parts[i].at),
}

/** Gives the outermost trace line, if it has no place, this one. */
function placeContext(failure: Failure, at: Position): Failure {
  const { problem, trace, beforeBody } = failure
  if (trace === undefined || trace.at !== 0 || !COERCIONS.has(trace.message)) return failure
  return new Failure(problem, failure.at, { ...trace, at }, beforeBody)
}
const COERCIONS: ReadonlySet<string> = new Set([
  SEGMENT,
  "while evaluating the result of the `__toString` attribute",
  "while evaluating one element of the list",
])

// ---------------------------------------------------------------------------------------------- +

interface AddSite {
  readonly at: Position
  readonly leftAt: Position
  readonly rightAt: Position
  readonly right: Exec
}
export function bindAdd(b: Binder): Exec {
  const at = b.position()
  const leftAt = b.position()
  const rightAt = b.position()
  const left = b.expr()
  const right = b.expr()
  const site: AddSite = { at, leftAt, rightAt, right }
  return (frame) => {
    const x = left(frame)
    if (typeof x === "string") {
      const y = right(frame)
      if (typeof y === "string") return x + y
      return y === undefined ? pause(ADD_RIGHT, site, x) : addValues(site, x, y)
    }
    if (x === undefined) return pause(ADD_LEFT, site, frame)
    if (isCoerced(x)) return concatenate(site, x, right, frame)
    const y = right(frame)
    if (typeof x === "number" && typeof y === "number") {
      const sum = x + y
      if (Number.isSafeInteger(sum)) return sum
    }
    return y === undefined ? pause(ADD_RIGHT, site, x) : addValues(site, x, y)
  }
}
/** a: site, b: frame */
const ADD_LEFT: Continuation = {
  name: "add-left",
  resume: ({ a: site, b: frame }, x) => {
    if (isCoerced(x)) return concatenate(site, x, site.right, frame)
    const y = site.right(frame)
    return y === undefined ? pause(ADD_RIGHT, site, x) : addValues(site, x, y)
  },
}
const ADD_RIGHT: Continuation = { name: "add-right", resume: ({ a: site, b: x }, y) => addValues(site, x, y) }

/** The left operand decides what kind of addition it is. */
function addValues(site: AddSite, x: Forced, y: Forced): Result {
  if (isInt(x) || x instanceof NixFloat) {
    if (!isInt(y) && !(y instanceof NixFloat)) {
      return failWith({ code: "cannot-add", found: y, to: isInt(x) ? "an integer" : "a float" }, site.rightAt)
    }
    try {
      return add(x, y)
    } catch (problem) {
      return failAs(asFailure(problem).placed(site.rightAt))
    }
  }
  if (isString(x) && isString(y)) return joined(x, y)
  if (x instanceof NixPath && typeof y === "string") return new NixPath(canonPath(x.path + y))
  return concatenate(site, x, () => y, null as never)
}
function joined(x: string | NixString, y: string | NixString): string | NixString {
  if (typeof x === "string") return typeof y === "string" ? x + y : new NixString(x + y.bytes, y.context)
  if (typeof y === "string") return new NixString(x.bytes + y, x.context)
  const context = new ContextBuilder()
  context.add(x)
  context.add(y)
  return context.string(x.bytes + y.bytes)
}

/** What becomes a string before the right operand is looked at, or is no operand at all. */
function isCoerced(x: Forced): boolean {
  if (typeof x === "object") return !(x instanceof NixString || x instanceof NixFloat || x instanceof NixPath)
  return typeof x === "boolean"
}

/** @param right with `frame`, makes the other value */
function concatenate(site: AddSite, x: Forced, right: Exec, frame: Frame): Result {
  const parts: Part[] = [
    { at: site.leftAt, exec: () => x },
    { at: site.rightAt, exec: right },
  ]
  const coercion = typeof x === "string" || x instanceof NixString ? INTO_STRING : AS_IS
  const result = x instanceof NixPath ? "path" : "string"
  return goOn({ at: site.at, parts, coercion, result }, frame, new Buffer(), 0)
}
