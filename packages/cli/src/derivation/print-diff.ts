/** A difference between derivations as text: what caused it first, each thing once, however many derivations have it. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import type { DerivationChange, DerivationDiff, DerivationPair } from "@tvix-ts/nix-compat"
import { printable } from "../output.ts"
import { ELLIPSIS, TextDiff, type DiffPaint } from "./text-diff.ts"

export interface PrintDiffOptions {
  readonly colors: boolean
  /** Whether to print long values whole. */
  readonly full: boolean
}

/** Names that are listed where there may be thousands. */
const NAMES_MAX = 8
/** Derivations on the way to one that are listed. */
const WAY_MAX = 5

/** Lines as byte strings, without their ends. */
export function* printDiff(diff: DerivationDiff, options: PrintDiffOptions): Generator<string> {
  yield* new DiffPrinter(options).lines(diff)
}

/** What several pairs have in common. */
interface Group {
  readonly pairs: readonly DerivationPair[]
  readonly changes: DerivationChange[]
}

class DiffPrinter {
  readonly #paint: DiffPaint & { readonly name: (text: string) => string; readonly dim: (text: string) => string }
  readonly #text: TextDiff
  readonly #full: boolean

  constructor({ colors, full }: PrintDiffOptions) {
    const style = (codes: string) => (text: string) => (colors ? `\x1b[${codes}m${text}\x1b[m` : text)
    this.#paint = { removed: style("31"), added: style("32"), name: style("1"), dim: style("2"), marks: !colors }
    this.#text = new TextDiff(this.#paint, full)
    this.#full = full
  }

  *lines(diff: DerivationDiff): Generator<string> {
    const { verdict, causes, affected, downloads, before, after } = diff
    if (verdict === "same") {
      yield "They are one derivation."
      return
    }
    yield this.#paint.removed(`- ${before}`)
    yield this.#paint.added(`+ ${after}`)
    if (verdict === "equivalent") {
      yield "They build the same. All that differs is how outputs are made whose hash is fixed."
      yield* this.#pairs(
        downloads.filter(({ changes }) => changes.length > 0),
        false,
      )
      const others = downloads.filter(({ changes }) => changes.length === 0)
      if (others.length > 0) yield* ["", `Made with other tools: ${this.#names(others)}`]
      return
    }
    const groups = sharedChanges(causes)
    const shared = new Set(groups.flatMap(({ changes }) => changes.map(signature)))
    for (const group of groups) {
      yield ""
      yield `${this.#paint.name(this.#names(group.pairs))}, alike:`
      yield* this.#changes(group.changes)
    }
    const rest = causes.flatMap((pair) => {
      const changes = pair.changes.filter((change) => !shared.has(signature(change)))
      return changes.length === 0 ? [] : [{ ...pair, changes }]
    })
    yield* this.#pairs(rest, true)
    if (affected.length > 0) {
      yield ""
      const more = affected.length === 1 ? "one more derivation differs" : `${affected.length} more derivations differ`
      yield `Because of that, ${more}: ${this.#names(affected)}`
    }
  }

  *#pairs(pairs: readonly DerivationPair[], located: boolean): Generator<string> {
    for (const { name, changes, neededBy, before, after } of pairs) {
      yield ""
      yield this.#paint.name(printable(name)) + this.#paint.dim(located ? way(neededBy) : "")
      if (this.#full) {
        yield this.#paint.dim(`  ${before}`)
        yield this.#paint.dim(`  ${after}`)
      }
      yield* this.#changes(changes)
    }
  }

  *#changes(changes: readonly DerivationChange[]): Generator<string> {
    const promise = changes.find(
      (change) => change.kind === "output" && isFixed(change.before) && isFixed(change.after),
    )
    const shown = promise === undefined || this.#full ? changes : changes.filter(isOfContents)
    for (const change of shown) yield* this.#change(change)
    const rest = changes.length - shown.length
    if (rest > 0) yield `  and ${rest} more things about how it is made`
  }

  /** Of several builds of one name, how many there are. */
  #names(pairs: readonly DerivationPair[]): string {
    const names = [...Map.groupBy(pairs, ({ name }) => name)].map(
      ([name, { length }]) => printable(name) + (length > 1 ? ` (${length})` : ""),
    )
    const max = this.#full ? Infinity : NAMES_MAX
    if (names.length > max) return `${names.slice(0, max).join(", ")} and ${names.length - max} more`
    return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}` : names[0]!
  }

  *#change(change: DerivationChange): Generator<string> {
    switch (change.kind) {
      case "name":
      case "system":
      case "builder":
        return yield* this.#text.compare(change.kind, change.before, change.after)
      case "variable":
      case "output":
        return yield* this.#text.compare(`${change.kind} ${printable(change.name)}`, change.before, change.after)
      case "attribute": {
        const [before, after] = [change.before, change.after].map(plainJson)
        return yield* this.#text.compare(`attribute ${printable(change.path.join("."))}`, before, after)
      }
      case "arguments":
        return yield* this.#text.compareLists("arguments", change.before, change.after)
      case "input":
        return yield* this.#text.compare(`input ${printable(change.name)}`, change.before, change.after)
      case "input-outputs":
        return yield* this.#text.compareLists(`outputs of ${printable(change.name)}`, change.before, change.after)
      case "source": {
        const { name, before, after, beforeText, afterText } = change
        const known = beforeText !== undefined && afterText !== undefined
        return yield* known
          ? this.#text.compare(`source ${printable(name)}`, beforeText, afterText)
          : this.#text.compare(`source ${printable(name)}`, before, after)
      }
      case "unreadable":
        yield "  needs derivations that are not here:"
        for (const path of change.paths) yield `    ${printable(path)}`
        return
      case "unexplained":
        yield "  nothing that is known of them differs, and yet their outputs do"
    }
  }
}

function isFixed(output: string | undefined): boolean {
  return output?.startsWith("fixed ") === true
}

/** Whether it says what a fixed output is, or where it comes from. How it is made does not matter. */
function isOfContents(change: DerivationChange): boolean {
  if (change.kind === "variable") return /^(?:urls?|rev|ref|tag|version|hash)$/i.test(change.name)
  return change.kind === "name" || change.kind === "output"
}

/** The changes that several pairs have, those that the same pairs have together. The most common first. */
function sharedChanges(pairs: readonly DerivationPair[]): readonly Group[] {
  const owners = new Map<string, { readonly change: DerivationChange; readonly pairs: DerivationPair[] }>()
  for (const pair of pairs) {
    for (const change of pair.changes) {
      if (change.kind === "unexplained") continue
      const key = signature(change)
      const known = owners.get(key)
      if (known === undefined) owners.set(key, { change, pairs: [pair] })
      else known.pairs.push(pair)
    }
  }
  const groups = new Map<string, Group>()
  for (const { change, pairs: having } of owners.values()) {
    if (having.length < 2) continue
    const key = having.map(({ before, after }) => `${before} ${after}`).join("\n")
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { pairs: having, changes: [change] })
    else group.changes.push(change)
  }
  return [...groups.values()].sort((a, b) => b.pairs.length - a.pairs.length)
}

function signature(change: DerivationChange): string {
  // What is in them is long, and follows from their paths.
  return change.kind === "source" ? `source ${change.before} ${change.after}` : JSON.stringify(change)
}

/** By what it is needed, from the root down: ` (git > curl > openssl)`. */
function way(names: readonly string[]): string {
  if (names.length === 0) return ""
  const shown = names.length <= WAY_MAX ? names : [names[0]!, ELLIPSIS, ...names.slice(2 - WAY_MAX)]
  return ` (${shown.map((name) => (name === ELLIPSIS ? name : printable(name))).join(" > ")})`
}

/** A string without its quotes, a list an element a line. Anything else as it is. */
function plainJson(json: string | undefined): string | undefined {
  if (json === undefined) return undefined
  const value: unknown = JSON.parse(json)
  if (typeof value === "string") return value
  if (Array.isArray(value)) {
    return value.map((item: unknown) => (typeof item === "string" ? item : JSON.stringify(item))).join("\n")
  }
  return json
}

/** For machines. What is not UTF-8 is replaced. */
export function diffJson(diff: DerivationDiff): string {
  return byteStringOf(JSON.stringify(diff, (_, value: unknown) => (typeof value === "string" ? textOf(value) : value)))
}
