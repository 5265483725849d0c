/**
 * Values as error messages show them (libexpr/print.cc with `errorPrintOptions`): ten attributes, ten list items and ten
 * levels at most, each counted over the whole value. Nothing is forced.
 */
import { AttrSet } from "../attrs.ts"
import { Builtin } from "../builtins/builtin.ts"
import type { PositionTable } from "../positions.ts"
import { elided, printAttributeName, printString } from "../text/escape.ts"
import type { Thunk } from "../value.ts"
import {
  bytesOfString,
  isList,
  isString,
  Lambda,
  PartialBuiltin,
  PartialLambda,
  type Forced,
  type Value,
} from "../value.ts"
import { blackHole } from "../vm/code.ts"
import { addNew, BEING_FORCED, printSimple, REPEATED, resultOf } from "./value.ts"

const DEPTH_MAX = 10
const ATTRIBUTES_MAX = 10
const ITEMS_MAX = 10
const STRING_MAX = 1024

/** The text as a byte string. Without `positions`, functions come without their places. */
export function printShort(value: Value, positions?: PositionTable): string {
  const seen = new Set<unknown>()
  let attributes = 0
  let items = 0

  // Recursion is fine here: it ends at DEPTH_MAX.
  const print = (slot: Value, depth: number): string => {
    const forced = resultOf(slot)
    if (forced === undefined) return (slot as Thunk).code === blackHole.code ? BEING_FORCED : guillemets("thunk")
    if (isString(forced)) return printString(bytesOfString(forced), STRING_MAX)
    if (isList(forced)) return printList(slot, forced, depth)
    if (forced instanceof AttrSet) return printAttrs(forced, depth)
    return printSimple(forced) ?? guillemets(describeFunction(forced, positions))
  }

  const printList = (slot: Value, list: readonly Value[], depth: number): string => {
    if (list.length > 0 && depth > 0 && !addNew(seen, slot)) return REPEATED
    if (depth >= DEPTH_MAX) return "[ ... ]"
    let text = "["
    for (let i = 0; i < list.length; i++) {
      if (items >= ITEMS_MAX) {
        text += ` ${elided(list.length - i, "item")}`
        break
      }
      text += ` ${print(list[i]!, depth + 1)}`
      items++
    }
    return `${text} ]`
  }

  const printAttrs = (set: AttrSet, depth: number): string => {
    if (!addNew(seen, set.isEmpty ? EMPTY : set)) return REPEATED
    if (depth >= DEPTH_MAX) return "{ ... }"
    let text = "{"
    const names = importantFirst(set.sortedNames())
    for (let i = 0; i < names.length; i++) {
      if (attributes >= ATTRIBUTES_MAX) {
        text += ` ${elided(names.length - i, "attribute")}`
        break
      }
      const name = names[i]!
      text += ` ${printAttributeName(name)} = ${print(set.get(name)!, depth + 1)};`
      attributes++
    }
    return `${text} }`
  }

  return print(value, 0)
}

/** C++ Nix has one empty set only, and so takes the second for a repetition. */
const EMPTY = {}

const guillemets = (text: string): string => `\xc2\xab${text}\xc2\xbb`

/** `type` and `_type` tell most about a set. */
function importantFirst(names: readonly string[]): readonly string[] {
  const important = (name: string): boolean => name === "type" || name === "_type"
  return names.some(important) ? [...names.filter(important), ...names.filter((name) => !important(name))] : names
}

/** `lambda f @ /file.nix:1:2`, `primop map`, `partially applied primop map`. */
export function describeFunction(value: Forced, positions?: PositionTable): string {
  if (value instanceof Builtin) return `primop ${value.name}`
  if (value instanceof PartialBuiltin) return `partially applied primop ${value.builtin.name}`
  const code = value instanceof Lambda ? value.code : value instanceof PartialLambda ? value.lambda.code : undefined
  const applied = value instanceof PartialLambda ? value.args.length : 0
  const name = code?.name === undefined ? "" : ` ${code.name}`
  const place = positions === undefined ? "" : ` @ ${positions.show(code?.params[applied]?.at ?? 0)}`
  return `lambda${name}${place}`
}
