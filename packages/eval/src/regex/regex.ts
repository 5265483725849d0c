/**
 * The regular expressions of `builtins.match` and `builtins.split`: `std::regex` with the flag `extended`, on byte
 * strings. RegExp does the work where that is provably the same; elsewhere our own executor does.
 */
import { Executor, type ChargeSteps } from "./executor.ts"
import { parseRegex, type ParsedRegex } from "./parser.ts"

/** What a match's groups hold, from group 1 on; `undefined` for a group that took no part. */
export type Groups = readonly (string | undefined)[]

export interface RegexMatch {
  readonly from: number
  readonly to: number
  readonly groups: Groups
}

/**
 * With a {@link ChargeSteps} to obey, RegExp, which cannot be stopped, is only let at what it finishes in about this many
 * steps.
 */
const UNCHARGED_STEPS_MAX = 1_000_000

export class Regex {
  readonly #parsed: ParsedRegex
  #executor: Executor | undefined
  /** `null`: cannot be used. */
  #wholeScript: RegExp | null | undefined
  #searchScript: RegExp | null | undefined

  constructor(parsed: ParsedRegex) {
    this.#parsed = parsed
  }

  /** The groups if all of `text` matches. */
  match(text: string, charge?: ChargeSteps): Groups | undefined {
    if (this.#wholeScript === undefined) {
      const { sameOrder, script } = this.#parsed
      this.#wholeScript = sameOrder ? regExp(`^(?:${script})$`, "") : null
    }
    if (this.#wholeScript !== null && (charge === undefined || this.#isCheap(text.length))) {
      const match = attempt(this.#wholeScript, text)
      if (match !== "overflow") return match === null ? undefined : match.slice(1)
      this.#wholeScript = null
    }
    const executor = this.#prepare()
    return executor.matchWhole(text, charge) ? groupsOf(executor, text) : undefined
  }

  /** The first match that begins at `from` or later; `^` matches at the start of `text` only. */
  search(text: string, from: number, charge?: ChargeSteps): RegexMatch | undefined {
    if (this.#searchScript === undefined)
      this.#searchScript = this.#isFirstLongest() ? regExp(this.#parsed.script, "g") : null
    if (this.#searchScript !== null && (charge === undefined || this.#isCheap(text.length - from))) {
      this.#searchScript.lastIndex = from
      const match = attempt(this.#searchScript, text)
      if (match === null) return undefined
      if (match !== "overflow") {
        return { from: match.index, to: this.#searchScript.lastIndex, groups: match.slice(1) }
      }
      this.#searchScript = null
    }
    const executor = this.#prepare()
    return executor.search(text, from, charge) ? matchOf(executor, text) : undefined
  }

  /** All matches, as `std::regex_iterator` steps through them. */
  searchAll(text: string, charge?: ChargeSteps): RegexMatch[] {
    const matches: RegexMatch[] = []
    let match = this.search(text, 0, charge)
    while (match !== undefined) {
      matches.push(match)
      const { from, to } = match
      if (from < to) {
        match = this.search(text, to, charge)
      } else if (to === text.length) {
        break
      } else {
        match = this.#searchSomethingAt(text, to, charge) ?? this.search(text, to + 1, charge)
      }
    }
    return matches
  }

  /** After an empty match: is there one at the same place that is not empty? */
  #searchSomethingAt(text: string, from: number, charge: ChargeSteps | undefined): RegexMatch | undefined {
    // Without alternatives the empty path is the last to be tried.
    if (this.#searchScript !== null) return undefined
    const executor = this.#prepare()
    return executor.matchSomethingAt(text, from, charge) ? matchOf(executor, text) : undefined
  }

  #prepare(): Executor {
    return (this.#executor ??= new Executor(this.#parsed.automaton, this.#parsed.start))
  }

  /**
   * Whether the first path that leads to a match is also the longest one: so if no two branches of any alternative can
   * begin with the same byte, because then at most one of them gets anywhere.
   */
  #isFirstLongest(): boolean {
    const { sameOrder, alternatives, nullableAlternatives, automaton } = this.#parsed
    if (!sameOrder || nullableAlternatives || alternatives.length > 32) return false
    return alternatives.every((state) => {
      const left = automaton.firstBytes(automaton.other[state]!)
      const right = automaton.firstBytes(automaton.next[state]!)
      return left !== undefined && right !== undefined && left.every((member, byte) => member + right[byte]! < 2)
    })
  }

  /** Upper bound of RegExp's steps: each variable repetition may end anywhere. */
  #isCheap(length: number): boolean {
    const { nested, repeats, automaton } = this.#parsed
    return !nested && automaton.kind.length * (length + 1) ** (repeats + 1) <= UNCHARGED_STEPS_MAX
  }
}

function groupsOf(executor: Executor, text: string): Groups {
  const groups: (string | undefined)[] = []
  for (let group = 1; group < executor.matchEnds.length; group++) {
    const to = executor.matchEnds[group]!
    groups.push(to < 0 ? undefined : text.slice(executor.matchBegins[group], to))
  }
  return groups
}

function matchOf(executor: Executor, text: string): RegexMatch {
  return { from: executor.matchBegins[0]!, to: executor.matchEnds[0]!, groups: groupsOf(executor, text) }
}

function regExp(script: string, flags: string): RegExp | null {
  try {
    return new RegExp(script, flags)
  } catch {
    // Too large for V8.
    return null
  }
}

/** Runs RegExp, whose own backtracking stack and code size are limited. */
function attempt(script: RegExp, text: string): RegExpExecArray | null | "overflow" {
  try {
    return script.exec(text)
  } catch {
    return "overflow"
  }
}

/** Patterns are few and repeat; a run that makes up new ones for ever must not keep them all. */
const CACHED_MAX = 2048
const cache = new Map<string, Regex>()

/** @throws {RegexError} */
export function compileRegex(pattern: string): Regex {
  let regex = cache.get(pattern)
  if (regex === undefined) {
    regex = new Regex(parseRegex(pattern))
    if (cache.size >= CACHED_MAX) cache.clear()
    cache.set(pattern, regex)
  }
  return regex
}
