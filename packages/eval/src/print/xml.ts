/** Values as XML (libexpr/value-to-xml.cc): `builtins.toXML` and `--xml`. */
import { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import { compareNames } from "../shape.ts"
import type { ContextBuilder } from "../coerce.ts"
import { isDerivation } from "../equality.ts"
import { escapeXml } from "../text/escape.ts"
import { printFloat } from "../text/number.ts"
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
  type Value,
} from "../value.ts"
import type { Parameter } from "../vm/code.ts"
import { vm, type Task } from "../vm/machine.ts"
import { TextBuffer } from "./text-buffer.ts"
import { Open } from "./walk.ts"

export interface XmlOptions {
  /** Without it, what is not known already is `<unevaluated />`. */
  readonly strict: boolean
  /** Whether attributes and functions tell where they are. */
  readonly location: boolean
}

type XmlAttributes = readonly (readonly [name: string, value: string])[]

/**
 * A task whose result is `value` as an XML document, a byte string that ends in a newline; contexts go to `context`. The
 * nesting is on a stack of its own.
 */
export function* printXml(value: Value, options: XmlOptions, context: ContextBuilder): Task<string> {
  const { strict, location } = options
  const stack: Open[] = []
  /** Of the elements that the lists and sets on the stack are. */
  const tags: string[] = []
  const derivations = new Set<string>()
  const xml = new TextBuffer()
  xml.put("<?xml version='1.0' encoding='utf-8'?>\n<expr>\n")
  let indent = "  "
  const line = (bracket: "<" | "</", tag: string, attributes: XmlAttributes, end: string): void => {
    xml.put(indent)
    xml.put(bracket)
    xml.put(tag)
    for (const [name, value] of attributes) {
      xml.put(` ${name}="`)
      xml.put(escapeXml(value))
      xml.put('"')
    }
    xml.put(end)
  }
  const open = (tag: string, attributes: XmlAttributes): void => {
    line("<", tag, attributes, ">\n")
    indent += "  "
  }
  const close = (tag: string): void => {
    indent = indent.slice(2)
    line("</", tag, [], ">\n")
  }
  const empty = (tag: string, attributes: XmlAttributes = []): void => {
    line("<", tag, attributes, " />\n")
  }
  const printFunction = (parameter: Parameter): void => {
    open("function", location ? placeAttributes(parameter.at) : [])
    const { name, formals, ellipsis } = parameter
    if (formals === undefined) empty("varpat", [["name", name!]])
    else {
      const attributes: [string, string][] = []
      if (ellipsis) attributes.push(["ellipsis", "1"])
      if (name !== undefined) attributes.push(["name", name])
      open("attrspat", attributes)
      for (const formal of formals.map((formal) => formal.name).sort()) empty("attr", [["name", formal]])
      close("attrspat")
    }
    close("function")
  }
  const printAtom = (atom: Value): void => {
    if (atom instanceof NixString) context.add(atom)
    if (atom instanceof Thunk) empty("unevaluated")
    else if (isString(atom)) empty("string", [["value", bytesOfString(atom)]])
    else if (isInt(atom)) empty("int", [["value", String(atom)]])
    else if (typeof atom === "boolean") empty("bool", [["value", String(atom)]])
    else if (atom === null) empty("null")
    else if (atom instanceof NixFloat) empty("float", [["value", printFloat(atom.value)]])
    else if (atom instanceof NixPath) empty("path", [["value", atom.path]])
    else if (atom instanceof Lambda) printFunction(atom.code.params[0]!)
    else if (atom instanceof PartialLambda) printFunction(atom.lambda.code.params[atom.args.length]!)
    else empty("unevaluated")
  }

  let slot = value
  for (;;) {
    const forced = (
      slot instanceof Thunk ? (slot.code === null ? slot.state : strict ? yield slot : slot) : slot
    ) as Value
    if (isList(forced)) {
      open("list", [])
      tags.push("list")
      stack.push(Open.list(forced, 0))
    } else if (!(forced instanceof AttrSet)) printAtom(forced)
    else if (yield* isDerivation(forced)) {
      const drvPath = yield* stringOf(forced.get("drvPath"), strict)
      const outPath = yield* stringOf(forced.get("outPath"), strict)
      const attributes: [string, string][] = []
      if (drvPath !== undefined) attributes.push(["drvPath", drvPath])
      if (outPath !== undefined) attributes.push(["outPath", outPath])
      open("derivation", attributes)
      if (drvPath !== undefined && drvPath !== "" && !derivations.has(drvPath)) {
        derivations.add(drvPath)
        tags.push("derivation")
        stack.push(Open.set(forced, 0))
      } else {
        empty("repeated")
        close("derivation")
      }
    } else {
      open("attrs", [])
      tags.push("attrs")
      stack.push(Open.set(forced, 0))
    }

    // On to the next item, closing what has none.
    let top = stack.at(-1)
    let i = -1
    for (;;) {
      if (top === undefined) {
        xml.put("</expr>\n")
        return xml.text()
      }
      if (top.set !== undefined && top.taken > 0) close("attr")
      i = top.next()
      if (i >= 0) break
      close(tags.pop()!)
      stack.pop()
      top = stack.at(-1)
    }
    if (top.set !== undefined) {
      open("attr", attributeOf(top.set.shape.names[i]!, location ? placeAttributes(top.set.positionAt(i)) : []))
    }
    slot = top.values[i]!
  }
}

/** XML attributes are written in the order of their names, so `name` comes before `path`. */
function attributeOf(name: string, place: XmlAttributes): XmlAttributes {
  const attributes = [...place, ["name", name] as const]
  return place.length === 0 ? attributes : attributes.sort(([a], [b]) => compareNames(a, b))
}

/** `column`, `line`, and `path` if it is in a file. */
function placeAttributes(at: Position): XmlAttributes {
  const place = vm.evaluation.positions.place(at)
  if (place === undefined) return []
  const { line, column } = place.source.position(place.offset)
  const attributes: [string, string][] = [
    ["column", String(column)],
    ["line", String(line)],
  ]
  if (place.source.path.startsWith("/")) attributes.push(["path", place.source.path])
  return attributes
}

function* stringOf(slot: Value | undefined, strict: boolean): Task<string | undefined> {
  if (slot === undefined) return undefined
  const value = (slot instanceof Thunk ? (slot.code === null || strict ? yield slot : slot) : slot) as Value
  return !(value instanceof Thunk) && isString(value) ? bytesOfString(value) : undefined
}
