/** Values as `nix-instantiate --eval` prints them (libexpr/print-ambiguous.cc): nothing is forced here. */
import { AttrSet } from "../attrs.ts"
import { Builtin } from "../builtins/builtin.ts"
import { printAttributeName, printString } from "../text/escape.ts"
import { printFloat } from "../text/number.ts"
import {
  bytesOfString,
  isInt,
  isList,
  isString,
  Lambda,
  NixFloat,
  NixPath,
  PartialLambda,
  Thunk,
  type Forced,
  type Value,
} from "../value.ts"
import { blackHole } from "../vm/code.ts"

// Byte strings: the guillemets are UTF-8.
export const REPEATED = "\xc2\xabrepeated\xc2\xbb"
export const BEING_FORCED = "\xc2\xabpotential infinite recursion\xc2\xbb"

interface Open {
  readonly names: readonly string[] | undefined
  readonly values: readonly Value[]
  next: number
}

/** The text as a byte string. Thunks are `<CODE>`; the nesting is on a stack of its own. */
export function printValue(value: Value): string {
  const pieces: string[] = []
  const seen = new Set<unknown>()
  const stack: Open[] = []
  const put = (slot: Value): void => {
    const forced = resultOf(slot)
    if (forced === undefined) {
      pieces.push((slot as Thunk).code === blackHole.code ? BEING_FORCED : "<CODE>")
    } else if (isList(forced)) {
      // C++ Nix knows a list by the slot that holds it, which for the outermost is a slot of its own.
      if (forced.length > 0 && stack.length > 0 && !addNew(seen, slot)) {
        pieces.push(REPEATED)
        return
      }
      pieces.push("[ ")
      stack.push({ names: undefined, values: forced, next: 0 })
    } else if (forced instanceof AttrSet) {
      if (!forced.isEmpty && !addNew(seen, forced)) {
        pieces.push(REPEATED)
        return
      }
      pieces.push("{ ")
      const entries = [...forced.entries()]
      stack.push({ names: entries.map(([name]) => name), values: entries.map(([, v]) => v), next: 0 })
    } else pieces.push(printAtom(forced))
  }

  put(value)
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { names, values } = top
    // What was opened before this item is closed by now.
    if (top.next > 0) pieces.push(names === undefined ? " " : "; ")
    if (top.next === values.length) {
      pieces.push(names === undefined ? "]" : "}")
      stack.pop()
      continue
    }
    const i = top.next++
    if (names !== undefined) pieces.push(printAttributeName(names[i]!), " = ")
    put(values[i]!)
  }
  return pieces.join("")
}

function printAtom(value: Exclude<Forced, readonly Value[] | AttrSet>): string {
  if (isString(value)) return printString(bytesOfString(value))
  if (value instanceof Lambda || value instanceof PartialLambda) return "<LAMBDA>"
  if (value instanceof Builtin) return "<PRIMOP>"
  return printSimple(value) ?? "<PRIMOP-APP>"
}

/** Numbers, booleans, paths and null, which look the same everywhere; undefined for everything else. */
export function printSimple(value: Forced): string | undefined {
  if (value === null) return "null"
  if (isInt(value) || typeof value === "boolean") return String(value)
  if (value instanceof NixFloat) return printFloat(value.value)
  return value instanceof NixPath ? value.path : undefined
}

/** What is in a slot, if it is known already. */
export function resultOf(value: Value): Forced | undefined {
  if (!(value instanceof Thunk)) return value
  return value.code === null ? (value.state as Forced) : undefined
}

export function addNew(set: Set<unknown>, item: unknown): boolean {
  const before = set.size
  return set.add(item).size > before
}
