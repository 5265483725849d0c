/** `builtins.replaceStrings`. Replacements are forced only when they are first needed. */
import { ContextBuilder } from "../coerce.ts"
import { resultOf } from "../print/value.ts"
import { fail } from "../problem.ts"
import { bytesOfString, isString, NixString, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { force, pause, UNWIND, type Continuation } from "../vm/machine.ts"
import { each, forcing, wrongType } from "./loop.ts"
import { withString } from "./native.ts"

const FROM = "while evaluating one of the strings to replace passed to builtins.replaceStrings"
const TO = "while evaluating one of the replacement strings passed to builtins.replaceStrings"
const TEXT = "while evaluating the third argument passed to builtins.replaceStrings"

/** What to look for, by first byte: trying every string at every place would be the product of both numbers. */
class Patterns {
  readonly strings: readonly string[]
  /** Indices of the strings that begin with a byte, in order. */
  readonly #byFirst: (number[] | undefined)[] = []
  /** Index of the first empty string, which is found everywhere; or the number of strings. */
  readonly empty: number

  constructor(strings: readonly string[]) {
    this.strings = strings
    for (let byte = 0; byte < 256; byte++) this.#byFirst.push(undefined)
    const empty = strings.indexOf("")
    this.empty = empty < 0 ? strings.length : empty
    for (let i = 0; i < this.empty; i++) {
      const first = strings[i]!.charCodeAt(0)
      const known = this.#byFirst[first]
      if (known === undefined) this.#byFirst[first] = [i]
      else known.push(i)
    }
  }

  /** Index of the string found at `at`; or the number of strings. */
  find(text: string, at: number): number {
    const candidates = at < text.length ? this.#byFirst[text.charCodeAt(at)] : undefined
    if (candidates !== undefined) {
      for (const i of candidates) {
        const string = this.strings[i]!
        if (string.length === 1 || text.startsWith(string, at)) return i
      }
    }
    return this.empty
  }
}

/** Most programs pass the same few lists again and again. */
const known = new WeakMap<readonly Value[], Patterns>()

export function replaceStrings(from: readonly Value[], to: readonly Value[], text: Value): Result {
  if (from.length !== to.length) {
    const message = "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths"
    fail({ code: "invalid-argument", message })
  }
  const patterns = known.get(from)
  if (patterns !== undefined) return replaceIn(text, patterns, to)
  const strings: string[] = []
  return each({
    list: from,
    begin: forcing,
    take(value) {
      if (!isString(value)) return wrongType("a string", value, FROM)
      strings.push(bytesOfString(value))
      return undefined
    },
    trace: (failure) => failure.traced(0, FROM),
    done() {
      const patterns = new Patterns(strings)
      known.set(from, patterns)
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
  for (let at = 0; at <= text.length; ) {
    const found = patterns.find(text, at)
    if (found === none) {
      at++
      continue
    }
    const replacement = resultOf(to[found]!)
    if (typeof replacement !== "string") return undefined
    const { length } = patterns.strings[found]!
    done += text.slice(rest, at) + replacement
    rest = at + length
    at += length === 0 ? 1 : length
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
    for (; this.#at <= text.length; ) {
      const found = patterns.find(text, this.#at)
      if (found === none) {
        this.#at++
        continue
      }
      const replacement = this.#replacements.get(found)
      if (replacement === undefined) {
        const value = force(this.#to[found]!, 0)
        if (value === UNWIND) return pause(NEEDED, this, found)
        const refusal = this.know(found, value)
        if (refusal !== undefined) return refusal
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

  know(found: number, value: Forced): typeof UNWIND | undefined {
    if (!isString(value)) return wrongType("a string", value, TO)
    if (value instanceof NixString) this.#context.add(value)
    this.#replacements.set(found, bytesOfString(value))
    return undefined
  }
}
/** a: what goes on, b: index of the replacement that was forced */
const NEEDED: Continuation = {
  name: "replacement",
  resume: ({ a: replacing, b: found }, value) => replacing.know(found, value) ?? replacing.goOn(),
  trace: (_, failure) => failure.traced(0, TO),
}
