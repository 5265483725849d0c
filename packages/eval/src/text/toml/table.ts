/** Which keys may be defined how often: the rules of TOML 1.0.0 about tables, as toml11 enforces them. */
import type { Scalar } from "./scalar.ts"
import type { Range, Scanner } from "./scanner.ts"

/** How a table came to be, which decides who may add to it. */
export type Origin =
  /** By a header of a longer path; may get a header of its own. */
  | "implicit"
  /** By its own header; closed to dotted keys and to a second header. */
  | "explicit"
  /** By a dotted key; other dotted keys, and headers of longer paths, may add to it. */
  | "dotted"
  /** Written as `{ … }`: complete. */
  | "inline"

export interface TableNode {
  readonly type: "table"
  origin: Origin
  readonly entries: Map<string, Node>
  range: Range
}

export interface ArrayNode {
  readonly type: "array"
  /** Made by `[[…]]` headers, which may go on; an array value is complete. */
  readonly byHeaders: boolean
  readonly elements: Node[]
  range: Range
}

export interface ScalarNode {
  readonly type: "scalar"
  readonly scalar: Scalar | { readonly type: "string"; readonly value: string }
  readonly range: Range
}

export type Node = TableNode | ArrayNode | ScalarNode

// No prototype of any kind is involved: names like `__proto__` are names.
export function emptyTable(origin: Origin, range: Range): TableNode {
  return { type: "table", origin, entries: new Map(), range }
}

export function arrayValue(from: number): ArrayNode {
  return { type: "array", byHeaders: false, elements: [], range: { from, to: from + 1 } }
}

export function scalarValue(scalar: ScalarNode["scalar"], range: Range): ScalarNode {
  return { type: "scalar", scalar, range }
}

const WHO = "toml::insert_value:"

/** `key = value` within `table`. */
export function insert(scanner: Scanner, table: TableNode, key: readonly string[], value: Node, at: Range): void {
  let target = table
  for (const name of key.slice(0, -1)) {
    const found = target.entries.get(name)
    if (found === undefined) {
      const made = emptyTable("dotted", at)
      target.entries.set(name, made)
      target = made
    } else {
      target = openedByDottedKey(scanner, found, at)
    }
  }
  const name = key.at(-1)!
  const present = target.entries.get(name)
  if (present !== undefined) {
    const notes = [note(at, "inserting this"), note(present.range, "but value already exists")]
    scanner.fail(`${WHO} failed to insert a value, value already exists`, ...notes)
  }
  target.entries.set(name, value)
}

function openedByDottedKey(scanner: Scanner, found: Node, at: Range): TableNode {
  if (found.type === "table") {
    if (found.origin === "dotted") return found
    if (found.origin === "inline") failImmutable(scanner, found, at)
    const notes = [note(at, "dotted key cannot reopen a table"), note(found.range, "this table is already closed")]
    return scanner.fail(`${WHO} reopening a table using dotted keys`, ...notes)
  }
  if (found.type === "array" && found.byHeaders) {
    const notes = [note(at, "inserting this"), note(found.range, "to this array-of-tables.")]
    return scanner.fail(`${WHO}dotted key cannot reopen an array-of-tables`, ...notes)
  }
  return failNotTable(scanner, found, at)
}

/** `[key]`: the table it opens. */
export function defineTable(scanner: Scanner, root: TableNode, key: readonly string[], at: Range): TableNode {
  const parent = walk(scanner, root, key, at)
  const name = key.at(-1)!
  const present = parent.entries.get(name)
  if (present === undefined) {
    const made = emptyTable("explicit", at)
    parent.entries.set(name, made)
    return made
  }
  if (present.type === "table") {
    if (present.origin === "implicit") {
      present.origin = "explicit"
      present.range = at
      return present
    }
    if (present.origin === "inline") failImmutable(scanner, present, at)
  }
  const notes = [note(at, "inserting this"), note(present.range, "this table is explicitly defined")]
  return scanner.fail(`${WHO} failed to insert a table, table already defined`, ...notes)
}

/** `[[key]]`: the element it appends. */
export function defineArrayElement(scanner: Scanner, root: TableNode, key: readonly string[], at: Range): TableNode {
  const parent = walk(scanner, root, key, at)
  const name = key.at(-1)!
  const element = emptyTable("explicit", at)
  const present = parent.entries.get(name)
  if (present === undefined) {
    parent.entries.set(name, { type: "array", byHeaders: true, elements: [element], range: at })
    return element
  }
  if (present.type === "array" && present.byHeaders) {
    present.elements.push(element)
    return element
  }
  const inserting = note(at, "while inserting this")
  if (
    present.type === "array" &&
    present.elements.length > 0 &&
    present.elements.every(({ type }) => type === "table")
  ) {
    const title = `${WHO} failed to insert a table, inline array of tables is immutable`
    return scanner.fail(title, inserting, note(present.range, "this is inline array-of-tables"))
  }
  const title = `${WHO} failed to insert an array of tables, value already exists`
  return scanner.fail(title, inserting, note(present.range, "non-table value already exists"))
}

/** The table that a header's path leads to, its last name aside; what is missing is made. */
function walk(scanner: Scanner, root: TableNode, key: readonly string[], at: Range): TableNode {
  let target = root
  for (const name of key.slice(0, -1)) {
    const found = target.entries.get(name)
    if (found === undefined) {
      const made = emptyTable("implicit", at)
      target.entries.set(name, made)
      target = made
    } else if (found.type === "table") {
      if (found.origin === "inline") failImmutable(scanner, found, at)
      target = found
    } else if (found.type === "array" && found.byHeaders) {
      target = found.elements.at(-1) as TableNode
    } else {
      failNotTable(scanner, found, at)
    }
  }
  return target
}

function failImmutable(scanner: Scanner, table: TableNode, at: Range): never {
  const notes = [note(at, "inserting this"), note(table.range, "to this table")]
  return scanner.fail(`${WHO} failed to insert a value: inline table is immutable`, ...notes)
}

function failNotTable(scanner: Scanner, found: Node, at: Range): never {
  const notes = [note(at, "while inserting this"), note(found.range, "non-table value already exists")]
  return scanner.fail(`${WHO} failed to insert a value, value already exists`, ...notes)
}

const note = (range: Range, text: string): Range & { note: string } => ({ ...range, note: text })
