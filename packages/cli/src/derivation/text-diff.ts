/** Two texts beside each other, by lines or by words, and no more of what is the same than is needed to find the place. */
import { byteStringOf } from "@tvix-ts/bytes"
import { diffSequences, type Edit } from "@tvix-ts/nix-compat"
import { printable } from "../output.ts"

export interface DiffPaint {
  readonly removed: (text: string) => string
  readonly added: (text: string) => string
  /** Whether to put brackets around words, too: `[-old-]{+new+}`, for where there are no colours. */
  readonly marks: boolean
}

/** What stands for what is left out. */
export const ELLIPSIS = byteStringOf("…")

const CONTEXT_LINES = 2
const CONTEXT_WORDS = 4
/** Of a text that only one side has. */
const LINES_MAX = 8
const LINE_LENGTH_MAX = 160
/** Texts as short as this are told one after the other. */
const SHORT = 40

export class TextDiff {
  readonly #paint: DiffPaint
  readonly #full: boolean

  constructor(paint: DiffPaint, full: boolean) {
    this.#paint = paint
    this.#full = full
  }

  *compare(title: string, before: string | undefined, after: string | undefined): Generator<string> {
    if (before === undefined || after === undefined) {
      const [sign, paint] = before === undefined ? ["+", this.#paint.added] : ["-", this.#paint.removed]
      return yield* this.#one(`${sign} ${title}`, (before ?? after)!, paint)
    }
    if (before.includes("\n") || after.includes("\n")) {
      const ended = before.endsWith("\n") && after.endsWith("\n")
      yield `  ${title}:`
      return yield* this.#lines(linesOf(before, ended), linesOf(after, ended))
    }
    const { removed, added } = this.#paint
    if (before.length <= SHORT && after.length <= SHORT) {
      yield `  ${title}: ${removed(quoted(before))} -> ${added(quoted(after))}`
      return
    }
    yield `  ${title}:`
    const edits = diffSequences(wordsOf(before), wordsOf(after))
    if (edits.some(({ kind, items }) => kind === "same" && items.some((word) => /\w/.test(word)))) {
      yield `    ${this.#words(edits)}`
    } else {
      yield removed(`    -${this.#cut(shown(before))}`)
      yield added(`    +${this.#cut(shown(after))}`)
    }
  }

  *compareLists(title: string, before: readonly string[], after: readonly string[]): Generator<string> {
    yield `  ${title}:`
    yield* this.#lines(before, after)
  }

  *#one(title: string, text: string, paint: (text: string) => string): Generator<string> {
    const lines = text.split("\n")
    if (lines.length === 1) {
      yield paint(`  ${title} = ${this.#cut(quoted(text))}`)
      return
    }
    const first = this.#full ? lines : lines.slice(0, LINES_MAX)
    yield paint(`  ${title}:`)
    for (const line of first) yield paint(`    ${this.#cut(shown(line))}`)
    if (lines.length > first.length) yield `    ${ELLIPSIS} ${lines.length - first.length} more lines`
  }

  #cut(line: string): string {
    if (this.#full || line.length <= LINE_LENGTH_MAX) return line
    return `${line.slice(0, LINE_LENGTH_MAX)}${ELLIPSIS} (${line.length} bytes)`
  }

  *#lines(before: readonly string[], after: readonly string[]): Generator<string> {
    const edits = diffSequences(before, after)
    for (const [i, { kind, items }] of edits.entries()) {
      if (kind === "same") {
        for (const line of context(items, CONTEXT_LINES, i, edits, this.#full)) {
          yield line === undefined ? `    ${ELLIPSIS}` : `     ${this.#same(line)}`
        }
      } else {
        const [sign, paint] = kind === "removed" ? ["-", this.#paint.removed] : ["+", this.#paint.added]
        for (const line of items) yield paint(`    ${sign}${shown(line)}`)
      }
    }
  }

  /** Digests that are the same say nothing. */
  #same(text: string): string {
    return shown(this.#full ? text : text.replace(STORE_DIGEST, "*"))
  }

  #words(edits: readonly Edit[]): string {
    return edits
      .map(({ kind, items }, i) => {
        if (kind === "same") {
          const near = context(items, CONTEXT_WORDS * 2, i, edits, this.#full)
          return near.map((word) => (word === undefined ? ELLIPSIS : this.#same(word))).join("")
        }
        const { removed, added, marks } = this.#paint
        const text = shown(items.join(""))
        if (kind === "removed") return removed(marks ? `[-${text}-]` : text)
        return added(marks ? `{+${text}+}` : text)
      })
      .join("")
  }
}

/** What is near to something that differs. What is left out is undefined, once. */
function context(
  items: readonly string[],
  size: number,
  at: number,
  edits: readonly Edit[],
  full: boolean,
): (string | undefined)[] {
  const head = at === 0 ? 0 : size
  const tail = at === edits.length - 1 ? 0 : size
  if (full || items.length <= head + tail + 1) return [...items]
  return [...items.slice(0, head), undefined, ...items.slice(items.length - tail)]
}

function linesOf(text: string, ended: boolean): string[] {
  return (ended ? text.slice(0, -1) : text).split("\n")
}

const STORE_DIGEST = /(?<=\/)[0-9a-df-np-sv-z]{32}(?=-)/g

/** Blanks are words, too; so are colons, which separate paths. */
function wordsOf(text: string): string[] {
  return text.match(/[\s:]+|[^\s:]+/g) ?? []
}

function quoted(text: string): string {
  return text === "" || /^\s|\s$/.test(text) ? `"${shown(text)}"` : shown(text)
}

/** Tabs do no harm, and scripts are full of them. */
function shown(text: string): string {
  return text.includes("\t") ? text.split("\t").map(printable).join("\t") : printable(text)
}
