/**
 * Values as the REPL shows them (`nix repl`, libexpr/print.cc): evaluated as they are printed, indented, in colour, and
 * with errors inside a value shown where they are.
 */
import { AttrSet } from "../attrs.ts"
import { isDerivation } from "../equality.ts"
import type { PositionTable } from "../positions.ts"
import { describe } from "../problem.ts"
import { printAttributeName, printString } from "../text/escape.ts"
import { bytesOfString, isList, isString, NixPath, Thunk, type Forced, type Value } from "../value.ts"
import { asFailure, type Task } from "../vm/machine.ts"
import { describeFunction } from "./short.ts"
import { addNew, printSimple, REPEATED } from "./value.ts"

export interface PrettyOptions {
  /** Lists and sets nested deeper are `[ ... ]` and `{ ... }`. */
  readonly depth: number
  readonly positions: PositionTable
  readonly palette?: ValuePalette
}

/** Functions from text to text. */
export interface ValuePalette {
  readonly atom: (text: string) => string
  readonly string: (text: string) => string
  readonly path: (text: string) => string
  readonly fn: (text: string) => string
  readonly error: (text: string) => string
}
const same = (text: string): string => text
export const plainValues: ValuePalette = { atom: same, string: same, path: same, fn: same, error: same }
const style =
  (code: string) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`
/** The colours of C++ Nix. */
export const coloredValues: ValuePalette = {
  atom: style("36;1"),
  string: style("35;1"),
  path: style("32;1"),
  fn: style("34;1"),
  error: style("31;1"),
}

interface Open {
  readonly names: readonly string[] | undefined
  readonly values: readonly Value[]
  /** Whether each item gets a line. */
  readonly lines: boolean
  next: number
}

/** A task whose result is the text, as a byte string. Fails only if `value` itself does. */
export function* printPretty(value: Value, { depth, positions, palette = plainValues }: PrettyOptions): Task<string> {
  const seen = new Set<unknown>()
  const stack: Open[] = []
  let out = ""
  const space = (lines: boolean, level: number): string =>
    lines ? `\n${"  ".repeat(Math.min(level, INDENT_MAX))}` : " "

  let next = value
  for (;;) {
    let forced: Forced | undefined
    const { length } = stack
    try {
      forced = (next instanceof Thunk ? yield next : next) as Forced
    } catch (problem) {
      const failure = asFailure(problem)
      if (stack.length === 0 || failure.transient) throw failure
      out += palette.error(`\xc2\xaberror: ${describe(failure.problem, positions)}\xc2\xbb`)
    }
    if (forced === undefined) {
      // Said above.
    } else if (!isList(forced) && !(forced instanceof AttrSet)) {
      out += atom(forced, positions, palette)
    } else if (!addNew(seen, isList(forced) && forced.length === 0 ? {} : forced)) {
      out += palette.string(REPEATED)
    } else {
      const set = forced instanceof AttrSet ? forced : undefined
      if (stack.length >= depth) {
        out += set === undefined ? "[ ... ]" : "{ ... }"
      } else if (set !== undefined && (yield isDerivation(set)) === true) {
        out += palette.path((yield derivation(set)) as string)
      } else {
        const entries = set === undefined ? undefined : [...set.entries()]
        const values = entries?.map(([, item]) => item) ?? (forced as readonly Value[])
        out += set === undefined ? "[" : "{"
        stack.push({
          names: entries?.map(([name]) => name),
          values,
          lines: (yield onLines(values)) as boolean,
          next: 0,
        })
      }
    }
    let top = stack.at(-1)
    if (stack.length === length && top?.names !== undefined) out += ";"
    while (top !== undefined && top.next === top.values.length) {
      stack.pop()
      out += `${space(top.lines, stack.length)}${top.names === undefined ? "]" : "}"}`
      top = stack.at(-1)
      if (top?.names !== undefined) out += ";"
    }
    if (top === undefined) return out
    out += space(top.lines, stack.length)
    if (top.names !== undefined) out += `${printAttributeName(top.names[top.next]!)} = `
    next = top.values[top.next++]!
  }
}
/** Spaces before a line at most, in pairs: nesting 100,000 deep would print gigabytes of them. */
const INDENT_MAX = 100

function atom(
  value: Exclude<Forced, readonly Value[] | AttrSet>,
  positions: PositionTable,
  palette: ValuePalette,
): string {
  if (isString(value)) return palette.string(printString(bytesOfString(value)))
  const simple = printSimple(value)
  if (simple === undefined) return palette.fn(`\xc2\xab${describeFunction(value, positions)}\xc2\xbb`)
  return value instanceof NixPath ? palette.path(simple) : palette.atom(simple)
}

/** One item that is neither list nor set stays on the line. */
function* onLines(values: readonly Value[]): Task<boolean> {
  if (values.length !== 1) return values.length > 1
  try {
    const only = (yield values[0]!) as Forced
    return isList(only) || only instanceof AttrSet
  } catch (problem) {
    const failure = asFailure(problem)
    if (failure.transient) throw failure
    return false
  }
}

function* derivation(set: AttrSet): Task<string> {
  const path = set.get("drvPath")
  const forced = path === undefined ? undefined : ((yield path) as Forced)
  const shown = forced !== undefined && isString(forced) ? ` ${bytesOfString(forced)}` : ""
  return `\xc2\xabderivation${shown}\xc2\xbb`
}
