/**
 * Values as `builtins.trace` shows them (libexpr/print.cc with default options): as in error messages, but all there is.
 * Nothing is forced.
 */
import { AttrSet } from "../attrs.ts"
import type { PositionTable } from "../positions.ts"
import { printAttributeName, printString } from "../text/escape.ts"
import { bytesOfString, isList, isString, type Thunk, type Value } from "../value.ts"
import { blackHole } from "../vm/code.ts"
import { describeFunction } from "./short.ts"
import { addNew, BEING_FORCED, printSimple, REPEATED, resultOf } from "./value.ts"

/** A list or set that is open. */
interface Open {
  readonly names: readonly string[] | undefined
  readonly values: readonly Value[]
  next: number
}

/** C++ Nix has one empty set only, and so takes the second for a repetition. */
const EMPTY = {}

/** The text as a byte string. The nesting is on a stack of its own. */
export function printTraced(value: Value, positions: PositionTable): string {
  const pieces: string[] = []
  const seen = new Set<unknown>()
  const stack: Open[] = []

  const open = (bracket: string, values: readonly Value[], names?: readonly string[]): void => {
    pieces.push(bracket)
    stack.push({ names, values, next: 0 })
  }
  const put = (slot: Value): void => {
    const forced = resultOf(slot)
    if (forced === undefined)
      pieces.push((slot as Thunk).code === blackHole.code ? BEING_FORCED : "\xc2\xabthunk\xc2\xbb")
    else if (isString(forced)) pieces.push(printString(bytesOfString(forced)))
    else if (isList(forced)) {
      if (forced.length > 0 && stack.length > 0 && !addNew(seen, slot)) pieces.push(REPEATED)
      else open("[", forced)
    } else if (forced instanceof AttrSet) {
      if (!addNew(seen, forced.isEmpty ? EMPTY : forced)) pieces.push(REPEATED)
      else {
        const names = forced.sortedNames()
        open(
          "{",
          names.map((name) => forced.get(name)!),
          names,
        )
      }
    } else pieces.push(printSimple(forced) ?? `\xc2\xab${describeFunction(forced, positions)}\xc2\xbb`)
  }

  put(value)
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { names, values } = top
    // What was opened before this item is closed by now.
    if (top.next > 0 && names !== undefined) pieces.push(";")
    const i = top.next++
    if (i === values.length) {
      pieces.push(names === undefined ? " ]" : " }")
      stack.pop()
      continue
    }
    pieces.push(" ")
    if (names !== undefined) pieces.push(printAttributeName(names[i]!), " = ")
    put(values[i]!)
  }
  return pieces.join("")
}
