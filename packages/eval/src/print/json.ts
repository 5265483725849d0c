/** Values as JSON (libexpr/value-to-json.cc): `builtins.toJSON` and `--json`. */
import { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import { coerceToString, type ContextBuilder } from "../coerce.ts"
import { JsonError } from "../json/problem.ts"
import { jsonFloat, quoteJson } from "../json/writer.ts"
import { checkNesting } from "../nesting.ts"
import { fail, type Failure } from "../problem.ts"
import { typeName } from "../type-name.ts"
import { printAttributeName } from "../text/escape.ts"
import {
  bytesOfString,
  isInt,
  isList,
  isString,
  Lambda,
  NixFloat,
  NixPath,
  NixString,
  PartialLambda,
  Thunk,
  type Forced,
  type Value,
} from "../value.ts"
import { TextBuffer } from "./text-buffer.ts"
import { Open, type OnItem } from "./walk.ts"
import { asFailure, vm, type Task } from "../vm/machine.ts"

export interface JsonOptions {
  /** Whether a path is copied to the store and written as its store path. */
  readonly copyToStore: boolean
  /** Without it, what is not known already cannot be written: `nix-instantiate --eval --json` without `--strict`. */
  readonly strict: boolean
  /** Where the value comes from, if that is known. */
  readonly at?: Position
  readonly onItem?: OnItem
}

/**
 * A task whose result is `value` as JSON, a byte string; contexts go to `context`. The nesting is on a stack of its own.
 * Evaluation goes on after a string that is not UTF-8, since other problems are to be reported first.
 */
export function* printJson(value: Value, options: JsonOptions, context: ContextBuilder): Task<string> {
  const { strict, copyToStore, onItem } = options
  const stack: Open[] = []
  const json = new TextBuffer()
  let invalid: JsonError | undefined
  const quote = (bytes: string): string => {
    try {
      return quoteJson(bytes)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      invalid ??= error
      return ""
    }
  }

  let slot = value
  let at = options.at ?? 0
  for (;;) {
    try {
      // One value, or what opens it.
      let forced = (
        slot instanceof Thunk ? (slot.code === null ? slot.state : strict ? yield slot : slot) : slot
      ) as Value
      let written = false
      for (let levels = stack.length; forced instanceof AttrSet; levels++) {
        checkNesting(levels)
        const set: AttrSet = forced
        if (set.has("__toString")) {
          forced = (yield coerceToString(set, AS_STRING, context, at)) as string
          continue
        }
        const outPath = set.get("outPath")
        if (outPath === undefined) {
          json.put("{")
          stack.push(Open.set(set, at))
          written = true
          break
        }
        at = set.position("outPath")
        forced = (
          outPath instanceof Thunk ? (outPath.code === null || strict ? yield outPath : outPath) : outPath
        ) as Value
      }
      if (!written) {
        if (isList(forced)) {
          checkNesting(stack.length)
          json.put("[")
          stack.push(Open.list(forced, at))
        } else if (forced instanceof NixPath) {
          if (copyToStore) {
            const copied = (yield vm.evaluation.copyToStore(forced.path)) as NixString
            context.add(copied)
            json.put(quote(copied.bytes))
          } else json.put(quote(forced.path))
        } else {
          if (forced instanceof NixString) context.add(forced)
          json.put(isString(forced as Forced) ? quote(bytesOfString(forced as string)) : printAtom(forced, at))
        }
      }
    } catch (problem) {
      throw traceThrough(asFailure(problem), stack)
    }

    // On to the next item, closing what has none.
    let top = stack.at(-1)
    let i = -1
    while (top !== undefined && (i = top.next()) < 0) {
      json.put(top.set === undefined ? "]" : "}")
      stack.pop()
      top = stack.at(-1)
    }
    if (top === undefined) break
    if (top.taken > 1) json.put(",")
    if (top.set === undefined) at = top.at
    else {
      json.put(quote(top.set.shape.names[i]!))
      json.put(":")
      at = top.set.positionAt(i)
    }
    slot = top.values[i]!
    onItem?.(stack.length - 1, top.set?.shape.names[i] ?? i)
  }
  if (invalid !== undefined) {
    fail({ code: "invalid-argument", message: `JSON serialization error: ${invalid.message}` })
  }
  return json.text()
}

const AS_STRING = { context: "", more: false, copyToStore: false }

function printAtom(value: Value, at: Position): string {
  if (value instanceof Thunk) return refuse("a thunk", at)
  if (value === null || typeof value === "boolean" || isInt(value)) return String(value)
  if (value instanceof NixFloat) return jsonFloat(value.value)
  return refuse(typeName(value), placeOf(value) || at)
}
function refuse(what: string, at: Position): never {
  return fail({ code: "invalid-argument", message: `cannot convert ${what} to JSON` }, at)
}
function placeOf(value: Forced): Position {
  if (value instanceof Lambda) return value.code.params[0]!.at
  return value instanceof PartialLambda ? value.lambda.code.params[value.args.length]!.at : 0
}

/** Tells a failure what it is inside of. */
function traceThrough(failure: Failure, stack: readonly Open[]): Failure {
  for (let i = stack.length - 1; i >= 0; i--) {
    const { at, set, current } = stack[i]!
    failure =
      set === undefined
        ? failure.traced(at, `while evaluating list element at index ${current}`)
        : failure.traced(
            set.positionAt(current),
            `while evaluating attribute '${printAttributeName(set.shape.names[current]!)}'`,
          )
  }
  return failure
}
