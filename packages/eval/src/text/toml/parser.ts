/**
 * `builtins.fromTOML`: TOML 1.0.0 as toml11 reads it for C++ Nix. Our own because the packages there are read TOML 1.1
 * (inline tables over several lines, `\e`, times without seconds), round timestamps to milliseconds, and recurse.
 */
import type { JsonBuilder } from "../../json/parser.ts"
import { TomlError } from "./problem.ts"
import { scalar } from "./scalar.ts"
import { Scanner, type Range } from "./scanner.ts"
import {
  arrayValue,
  defineArrayElement,
  defineTable,
  emptyTable,
  insert,
  scalarValue,
  type ArrayNode,
  type Node,
  type TableNode,
} from "./table.ts"

/** Makes values of type `V` of what is read, innermost first. Strings and names are byte strings without NUL. */
export interface TomlBuilder<V> extends Omit<JsonBuilder<V>, "null"> {
  /** Only called if timestamps are allowed; in C++ Nix they need the experimental feature `parse-toml-timestamps`. */
  timestamp(value: string): V
}

/**
 * @param text a byte string
 * @throws {TomlError} C++ Nix puts "while parsing TOML: " in front of the message.
 */
export function parseToml<V>(text: string, build: TomlBuilder<V>, allowTimestamps: boolean): V {
  return built(document(new Scanner(text)), build, allowTimestamps)
}

function document(scanner: Scanner): TableNode {
  const root = emptyTable("explicit", { from: 0, to: 0 })
  let current = root
  for (;;) {
    scanner.skipBlank()
    if (scanner.at === scanner.text.length) return root
    if (scanner.peek() === OPEN_BRACKET) {
      current = header(scanner, root)
      endOfLine(scanner, "toml::parse_file: newline (or EOF) expected", "expected 0x0a(LINE FEED) or \r\n")
    } else {
      const { key, range } = keyAndEquals(scanner)
      insert(scanner, current, key, value(scanner), range)
      scanner.skipSpaces()
      // Not TOML, but toml11 takes a header on the same line.
      if (scanner.peek() === OPEN_BRACKET) continue
      endOfLine(scanner, "toml::parse_table: newline (LF / CRLF) or EOF is expected", "here")
    }
  }
}

/** `[a.b]` or `[[a.b]]`: the table that the lines below it fill. */
function header(scanner: Scanner, root: TableNode): TableNode {
  const from = scanner.at
  const isArray = scanner.take("[[")
  if (!isArray) scanner.take("[")
  const title = `toml::parse_file: invalid ${isArray ? "array-" : ""}table key`
  scanner.skipSpaces()
  const key = scanner.keyPrefix()
  if (key.length === 0) scanner.fail(title, "expected basic key([a-zA-Z0-9_-]) or quoted key(\" or ')")
  scanner.skipSpaces()
  const end = isArray ? "]]" : "]"
  if (!scanner.take(end)) scanner.fail(title, `expected ${end}`)
  const range = { from, to: scanner.at }
  return isArray ? defineArrayElement(scanner, root, key, range) : defineTable(scanner, root, key, range)
}

function endOfLine(scanner: Scanner, title: string, note: string): void {
  scanner.skipSpaces()
  scanner.skipComment()
  if (!scanner.takeNewline()) scanner.fail(title, note)
}

function keyAndEquals(scanner: Scanner): { key: string[]; range: Range } {
  const from = scanner.at
  const key = scanner.key()
  const range = { from, to: scanner.at }
  scanner.skipSpaces()
  if (!scanner.take("=")) scanner.fail("toml::parse_key_value_pair: invalid key value separator `=`", "expected =")
  scanner.skipSpaces()
  return { key, range }
}

type Open = { readonly node: ArrayNode } | { readonly node: TableNode; key: readonly string[]; range: Range }

/** A value, however deeply nested, without recursion. */
function value(scanner: Scanner): Node {
  const open: Open[] = []
  for (;;) {
    let done: Node
    const from = scanner.at
    if (scanner.take("[")) {
      const node = arrayValue(from)
      scanner.skipBlank()
      if (!scanner.take("]")) {
        open.push({ node })
        continue
      }
      done = closed(scanner, node)
    } else if (scanner.take("{")) {
      const node = emptyTable("inline", { from, to: from + 1 })
      scanner.skipSpaces()
      if (!scanner.take("}")) {
        open.push({ node, ...keyAndEquals(scanner) })
        continue
      }
      done = closed(scanner, node)
    } else if (scanner.peek() === QUOTE || scanner.peek() === APOSTROPHE) {
      const string = scanner.string()
      done = scalarValue({ type: "string", value: string }, { from, to: scanner.at })
    } else {
      const read = scalar(scanner)
      done = scalarValue(read, { from, to: scanner.at })
    }
    // Hand the value to what it is part of; that may complete it in turn.
    for (;;) {
      const outer = open.at(-1)
      if (outer === undefined) return done
      if ("key" in outer) {
        insert(scanner, outer.node, outer.key, done, outer.range)
        scanner.skipSpaces()
        if (scanner.take(",")) {
          scanner.skipSpaces()
          if (scanner.peek() === CLOSE_BRACE) {
            scanner.fail("toml::parse_inline_table: trailing comma is not allowed in TOML-v1.0.0)", "here")
          }
          Object.assign(outer, keyAndEquals(scanner))
          break
        }
        if (!scanner.take("}")) {
          scanner.fail("toml::parse_inline_table: expected value-separator `,` or closing `}`", "here")
        }
      } else {
        outer.node.elements.push(done)
        scanner.skipBlank()
        if (scanner.take(",")) {
          scanner.skipBlank()
          if (!scanner.take("]")) break
        } else if (!scanner.take("]")) {
          scanner.fail("toml::parse_array: expected value-separator `,` or closing `]`", "here")
        }
      }
      done = closed(scanner, outer.node)
      open.pop()
    }
  }
}

function closed<N extends ArrayNode | TableNode>(scanner: Scanner, node: N): N {
  node.range = { from: node.range.from, to: scanner.at }
  return node
}

/** Turns the finished tree into values, again without recursion. */
function built<V>(root: TableNode, build: TomlBuilder<V>, allowTimestamps: boolean): V {
  type Task = { readonly node: Node; readonly deliver: (value: V) => void } | { readonly finish: () => void }
  let result: V | undefined
  const tasks: Task[] = [{ node: root, deliver: (value) => void (result = value) }]
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    if ("finish" in task) {
      task.finish()
      continue
    }
    const { node, deliver } = task
    switch (node.type) {
      case "table": {
        const values = new Map<string, V>()
        tasks.push({ finish: () => deliver(build.set(values)) })
        // In reverse, since the last task is the next.
        for (const [name, child] of [...node.entries].reverse()) {
          tasks.push({ node: child, deliver: (value) => void values.set(name, value) })
          tasks.push({ finish: () => void withoutNull(name) })
        }
        break
      }
      case "array": {
        const values: V[] = []
        tasks.push({ finish: () => deliver(build.list(values)) })
        for (const child of node.elements.toReversed()) {
          tasks.push({ node: child, deliver: (value) => void values.push(value) })
        }
        break
      }
      case "scalar": {
        const { scalar } = node
        if (scalar.type === "timestamp" && !allowTimestamps) throw new TomlError({ code: "toml-timestamp" })
        if (scalar.type === "boolean") deliver(build.boolean(scalar.value))
        else if (scalar.type === "integer") deliver(build.integer(scalar.value))
        else if (scalar.type === "float") deliver(build.float(scalar.value))
        else if (scalar.type === "string") deliver(build.string(withoutNull(scalar.value)))
        else deliver(build.timestamp(scalar.value))
      }
    }
  }
  return result!
}

function withoutNull(string: string): string {
  if (string.includes("\0")) throw new TomlError({ code: "toml-null-byte", string })
  return string
}

const QUOTE = 0x22
const APOSTROPHE = 0x27
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
