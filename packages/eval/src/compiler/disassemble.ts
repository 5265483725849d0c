/**
 * Code as text, for people and for tests. Everything is read off the operand table of {@link instructions}: a new
 * instruction needs nothing here.
 *
 * Each code object is a heading and one expression: an instruction's name, the operands that stand in its words, and in
 * parentheses those that are instructions themselves. `#n` is code object n, `n.i` slot i of its frame.
 */
import { printFloat, printName, printString } from "@tvix-ts/syntax"
import { isInt, NixFloat, NixPath, type Forced } from "../value.ts"
import { instructions, OPS, type Many, type Op, type Operand } from "./opcodes.ts"
import type { LambdaInfo, Unit } from "./unit.ts"

export interface DisassembleOptions {
  /** Whether to print where in the source things are, as `@line:column`. */
  readonly places?: boolean
  /** Columns from which on an expression is broken into lines. */
  readonly width?: number
}

/** The whole unit as a byte string: one paragraph a code object. */
export function disassemble(unit: Unit, options: DisassembleOptions = {}): string {
  return Array.from({ length: unit.codeCount }, (_, index) => disassembleCode(unit, index, options)).join("\n")
}

/** One code object: its heading and its instructions, each line ended. */
export function disassembleCode(unit: Unit, index: number, options: DisassembleOptions = {}): string {
  const { width = 100 } = options
  const reader = new Reader(unit, options)
  return `${heading(unit, index, reader)}\n${layOut(reader.expr(unit.code(index).entry), "  ", width)}`
}

/** One instruction as it is printed. */
interface Text {
  readonly head: string
  readonly parts: readonly Text[]
}

const TEXT_MAX = 60

class Reader {
  readonly #unit: Unit
  readonly #places: boolean
  #next = 0

  constructor(unit: Unit, { places = false }: DisassembleOptions) {
    this.#unit = unit
    this.#places = places
  }

  /** The instruction at `entry`. Nests no deeper than the compiler lets instructions nest. */
  expr(entry: number): Text {
    this.#next = entry
    return this.#instruction()
  }

  #instruction(): Text {
    const op = OPS[this.#word()]!
    return this.#operands(SHORT_NAMES[op] ?? op, instructions[op].operands)
  }

  #operands(name: string, operands: readonly Operand[]): Text {
    let head = name
    const parts: Text[] = []
    for (const operand of operands) {
      const read = this.#operand(operand)
      if (typeof read === "string") head += read === "" || head === "" ? read : ` ${read}`
      else parts.push(...read)
    }
    return { head, parts }
  }

  /** What stands beside the name, or what stands in the parentheses. */
  #operand(operand: Operand): string | Text[] {
    if (typeof operand !== "string") return this.#many(operand)
    switch (operand) {
      case "constant":
        return printConstant(this.#unit.constant(this.#word()))
      case "name":
        return printName(this.#unit.name(this.#word()))
      case "shape":
        return `{ ${this.#unit
          .shapeNames(this.#word())
          .map((name) => `${printName(name)} `)
          .join("")}}`
      case "code":
        return `#${this.#word()}`
      case "at":
        return this.#place(this.#word())
      case "slot":
        return `${this.#word()}.${this.#word()}`
      case "text":
        return printString(this.#text())
      case "expr":
      case "lazy":
        return [this.#instruction()]
      case "step":
        return [this.#step()]
    }
  }

  #many({ many }: Many): Text[] {
    return Array.from({ length: this.#word() }, () => {
      const group = this.#operands("", many)
      // `slot` and what fills it read as one.
      const [only] = group.parts
      if (only === undefined) return group
      if (group.parts.length > 1) return { head: `${group.head} entry`.trimStart(), parts: group.parts }
      return { head: group.head === "" ? only.head : `${group.head} = ${only.head}`, parts: only.parts }
    })
  }

  #step(): Text {
    const index = this.#word()
    if (index >= 0) return { head: `.${printName(this.#unit.name(index))}`, parts: [] }
    this.#text()
    return { head: [".computed", this.#place(this.#word())].join(" ").trimEnd(), parts: [this.#instruction()] }
  }

  /** Long ones are cut: nested conditions contain each other. */
  #text(): string {
    const from = this.#word()
    const to = this.#word()
    const { text } = this.#unit.source
    return to - from <= TEXT_MAX ? text.slice(from, to) : `${text.slice(from, from + TEXT_MAX)}...`
  }
  #place(offset: number): string {
    if (!this.#places) return ""
    if (offset < 0) return "@?"
    const { line, column } = this.#unit.source.position(offset)
    return `@${line}:${column}`
  }
  place(offset: number): string {
    return this.#places ? ` ${this.#place(offset)}` : ""
  }

  #word(): number {
    return this.#unit.words[this.#next++]!
  }
}

/** The kinds of operand that are not evaluated read better without saying so at each. */
const SHORT_NAMES: { readonly [O in Op]?: string } = {
  "lazy-constant": "constant",
  "lazy-global": "global",
  "lazy-slot": "slot",
}

function heading(unit: Unit, index: number, reader: Reader): string {
  const { parent, slots, lambda, at } = unit.code(index)
  const kind = lambda === undefined ? (index === 0 ? "file" : "code") : `lambda${printParams(lambda, reader)}`
  const inside = parent < 0 ? "" : ` in #${parent}`
  const size = slots === 0 ? "" : `, ${slots} ${slots === 1 ? "slot" : "slots"}`
  return `#${index} ${kind}${inside}${size}${reader.place(at)}`
}

function printParams({ name, params, strict }: LambdaInfo, reader: Reader): string {
  const shown = params.map((param, i): string => {
    // An exclamation mark: the body is sure to force it.
    const mark = (strict >> i) & 1 ? "!" : ""
    if (param.formals === undefined) return `${param.name ?? "_"}${mark}`
    const formals = param.formals.map((formal) =>
      formal.fallback < 0 ? formal.name : `${formal.name} ? ${onOneLine(reader.expr(formal.fallback))}`,
    )
    const bound = param.name === undefined ? "" : `@${param.name}`
    return `{ ${[...formals, ...(param.ellipsis ? ["..."] : [])].join(", ")} }${bound}${mark}`
  })
  return `${name === undefined ? "" : ` ${printName(name)}`} (${shown.join(" ")})`
}

function printConstant(value: Forced): string {
  if (typeof value === "string") return printString(value)
  if (value instanceof NixFloat) return printFloat(value.value)
  if (value instanceof NixPath) return value.path
  return isInt(value) ? String(value) : "[ ]"
}

function onOneLine({ head, parts }: Text): string {
  return parts.length === 0 ? head : `${head}(${parts.map(onOneLine).join(", ")})`
}

/** On one line if it fits, else one line a part. */
function layOut(text: Text, indent: string, width: number): string {
  const line = indent + onOneLine(text)
  if (text.parts.length === 0 || line.length <= width) return `${line}\n`
  return `${indent}${text.head}\n${text.parts.map((part) => layOut(part, `${indent}  `, width)).join("")}`
}
