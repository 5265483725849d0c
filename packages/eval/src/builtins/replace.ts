/** `builtins.replaceStrings`. Replacements are forced only when they are first needed. */
import { ContextBuilder } from "../coerce.ts"
import { resultOf } from "../print/value.ts"
import { fail } from "../problem.ts"
import { bytesOfString, isString, NixString, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { force, pause, type Continuation } from "../vm/machine.ts"
import { each, forcing, wrongType, GO_ON } from "./loop.ts"
import { withString } from "./native.ts"

const FROM = "while evaluating one of the strings to replace passed to builtins.replaceStrings"
const TO = "while evaluating one of the replacement strings passed to builtins.replaceStrings"
const TEXT = "while evaluating the third argument passed to builtins.replaceStrings"

/** From this many strings on a table by first byte pays off. */
const TABLE_MIN = 5

/** What to look for. */
class Patterns {
  readonly strings: readonly string[]
  /** Index of the first empty string, which is found everywhere; or the number of strings. */
  readonly #empty: number
  /** Indices of the strings that begin with a byte, in order: trying all at every place would be their product. */
  readonly #byFirst: (readonly number[] | undefined)[] | undefined

  constructor(strings: readonly string[]) {
    this.strings = strings
    const empty = strings.indexOf("")
    this.#empty = empty < 0 ? strings.length : empty
    this.#byFirst = strings.length < TABLE_MIN ? undefined : tableOf(strings, this.#empty)
  }

  /** The next place, from `at` on, where one may be found; undefined if there is none any more. */
  next(text: string, at: number): number | undefined {
    if (this.strings.length !== 1) return at <= text.length ? at : undefined
    const found = text.indexOf(this.strings[0]!, at)
    // `indexOf` finds the empty string at the end even if asked to look behind it.
    return found < at ? undefined : found
  }

  /** Index of the string found at `at`; or the number of strings. */
  find(text: string, at: number): number {
    const { strings } = this
    if (this.#byFirst === undefined) {
      for (let i = 0; i < strings.length; i++) if (text.startsWith(strings[i]!, at)) return i
      return strings.length
    }
    const candidates = at < text.length ? this.#byFirst[text.charCodeAt(at)] : undefined
    if (candidates !== undefined) {
      for (const i of candidates) {
        const string = strings[i]!
        if (string.length === 1 || text.startsWith(string, at)) return i
      }
    }
    return this.#empty
  }
}

function tableOf(strings: readonly string[], to: number): (readonly number[] | undefined)[] {
  const table: (number[] | undefined)[] = new Array(256)
  for (let i = 0; i < to; i++) {
    const first = strings[i]!.charCodeAt(0)
    const known = table[first]
    if (known === undefined) table[first] = [i]
    else known.push(i)
  }
  return table
}

/** Long lists, since programs pass the same ones again and again. */
const known = new WeakMap<readonly Value[], Patterns>()

/** Undefined unless all are plain strings and known already. */
function patternsOf(from: readonly Value[]): Patterns | undefined {
  const strings: string[] = []
  for (const item of from) {
    const string = resultOf(item)
    if (typeof string !== "string") return undefined
    strings.push(string)
  }
  return new Patterns(strings)
}

export function replaceStrings(from: readonly Value[], to: readonly Value[], text: Value): Result {
  if (from.length !== to.length) {
    const message = "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths"
    fail({ code: "invalid-argument", message })
  }
  const patterns = from.length < TABLE_MIN ? patternsOf(from) : known.get(from)
  if (patterns !== undefined) return replaceIn(text, patterns, to)
  const strings: string[] = []
  return each({
    list: from,
    begin: forcing,
    take(value) {
      if (!isString(value)) return wrongType("a string", value, FROM)
      strings.push(bytesOfString(value))
      return GO_ON
    },
    trace: (failure) => failure.traced(0, FROM),
    done() {
      const patterns = new Patterns(strings)
      if (strings.length >= TABLE_MIN) known.set(from, patterns)
      return replaceIn(text, patterns, to)
    },
  })
}

function replaceIn(text: Value, patterns: Patterns, to: readonly Value[]): Result {
  const plain = resultOf(text)
  const replaced = typeof plain === "string" ? replacePlain(plain, patterns, to) : undefined
  if (replaced !== undefined) return replaced
  return withString(text, TEXT, (string) => {
    const context = new ContextBuilder()
    if (string instanceof NixString) context.add(string)
    return new Replacing(bytesOfString(string), patterns, to, context).goOn()
  })
}

/** The usual case: all that is needed is known and has no context. Undefined if it is not. */
function replacePlain(text: string, patterns: Patterns, to: readonly Value[]): string | undefined {
  const none = patterns.strings.length
  let done = ""
  let rest = 0
  let at = patterns.next(text, 0)
  while (at !== undefined) {
    const found = patterns.find(text, at)
    if (found === none) {
      at = patterns.next(text, at + 1)
      continue
    }
    const replacement = resultOf(to[found]!)
    if (typeof replacement !== "string") return undefined
    const { length } = patterns.strings[found]!
    done += text.slice(rest, at) + replacement
    rest = at + length
    at = patterns.next(text, at + (length === 0 ? 1 : length))
  }
  return rest === 0 ? done + text : done + text.slice(rest)
}

class Replacing {
  readonly #text: string
  readonly #patterns: Patterns
  readonly #to: readonly Value[]
  readonly #context: ContextBuilder
  /** Those needed so far. */
  readonly #replacements = new Map<number, string>()
  #done = ""
  /** Where the text begins that is not in `done` yet. */
  #rest = 0
  #at = 0

  constructor(text: string, patterns: Patterns, to: readonly Value[], context: ContextBuilder) {
    this.#text = text
    this.#patterns = patterns
    this.#to = to
    this.#context = context
  }

  goOn(): Result {
    const text = this.#text
    const patterns = this.#patterns
    const none = patterns.strings.length
    // An empty string is found behind the last byte, too.
    for (; this.#at <= text.length;) {
      const found = patterns.find(text, this.#at)
      if (found === none) {
        this.#at++
        continue
      }
      const replacement = this.#replacements.get(found)
      if (replacement === undefined) {
        const value = force(this.#to[found]!, 0)
        if (value === undefined) return pause(NEEDED, this, found)
        if (!this.know(found, value)) return undefined
        continue
      }
      this.#done += text.slice(this.#rest, this.#at) + replacement
      this.#rest = this.#at
      const length = patterns.strings[found]!.length
      this.#at += length === 0 ? 1 : length
      this.#rest += length
    }
    return this.#context.string(this.#done + text.slice(this.#rest))
  }

  /** Notes the replacement; false, and failing, if it is no string. */
  know(found: number, value: Forced): boolean {
    if (!isString(value)) {
      wrongType("a string", value, TO)
      return false
    }
    if (value instanceof NixString) this.#context.add(value)
    this.#replacements.set(found, bytesOfString(value))
    return true
  }
}
/** a: what goes on, b: index of the replacement that was forced */
const NEEDED: Continuation = {
  name: "replacement",
  resume: ({ a: replacing, b: found }, value) => (replacing.know(found, value) ? replacing.goOn() : undefined),
  trace: (_, failure) => failure.traced(0, TO),
}
