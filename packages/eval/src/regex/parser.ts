/**
 * POSIX extended regular expressions as libstdc++ reads them (bits/regex_scanner.tcc and regex_compiler.tcc, flag
 * `extended`, standard-conforming mode), which differs from POSIX in places: `{` at the start is an error, `\` may precede
 * special characters only, there are no back-references, and `a||b` and `()` are fine.
 *
 * Besides the automaton this collects what is needed to tell whether JavaScript's RegExp gives the same results. Nothing
 * here recurses, so parentheses may nest as deep as the limit on states allows.
 */
import { Automaton, Kind, TooManyStates, type Part } from "./automaton.ts"
import {
  addByte,
  addClass,
  addEquivalents,
  addRange,
  collatingElement,
  emptySet,
  invert,
  type ByteSet,
} from "./byte-set.ts"
import { RegexError } from "./problem.ts"

/** A part of the automaton, and the same thing in JavaScript's notation. */
interface Fragment extends Part {
  script: string
  /** May match without reading anything. */
  nullable: boolean
  /** Contains a group that a match of this fragment may leave unset. */
  optionalGroups: boolean
  groups: boolean
  /** Variable repetitions, and whether one stands inside another. For an upper bound of RegExp's work. */
  repeats: number
  nested: boolean
}

export interface ParsedRegex {
  readonly automaton: Automaton
  readonly start: number
  /** The pattern for RegExp, without anchors. */
  readonly script: string
  /**
   * Whether RegExp tries the same paths in the same order. Then a whole match is the same one, since there the first path
   * that succeeds decides.
   */
  readonly sameOrder: boolean
  /** The {@link Kind.Alternative} states whose branches all read something, and whether there are others. */
  readonly alternatives: readonly number[]
  readonly nullableAlternatives: boolean
  readonly repeats: number
  readonly nested: boolean
}

/** An alternation that is still being read: the one of the whole pattern or of a group. */
interface Level {
  /** GroupBegin. */
  readonly begin: number
  readonly group: number
  /** The alternatives before the last `|`, joined. */
  left: Fragment | undefined
  sequence: Fragment
}

const SPECIAL = ".[\\()*+?{|^$"
const INT_MAX = 0x7fff_ffff

/** @throws {RegexError} */
export function parseRegex(pattern: string): ParsedRegex {
  try {
    return new Parser(pattern).parse()
  } catch (error) {
    if (error instanceof TooManyStates) throw new RegexError({ code: "regex-too-large", pattern })
    throw error
  }
}

class Parser {
  private readonly pattern: string
  private readonly automaton = new Automaton()
  private readonly alternatives: number[] = []
  private nullableAlternatives = false
  private sameOrder = true
  private at = 0

  constructor(pattern: string) {
    this.pattern = pattern
  }

  parse(): ParsedRegex {
    const { automaton, pattern } = this
    const outer: Level[] = []
    let level = this.open()
    const start = level.begin
    while (this.at < pattern.length) {
      const c = pattern[this.at++]!
      switch (c) {
        case "|":
          this.endAlternative(level)
          level.sequence = this.empty()
          continue
        case "^":
        case "$":
          // An assertion takes no quantifier: the next turn of this loop refuses one.
          this.put(level, this.leaf(automaton.add(c === "^" ? Kind.LineBegin : Kind.LineEnd), c, true))
          continue
        case "(":
          outer.push(level)
          level = this.open()
          continue
        case ")": {
          const enclosing = outer.pop()
          if (enclosing === undefined) this.refuse()
          const group = this.close(level)
          level = enclosing
          this.put(level, this.quantified(group))
          continue
        }
        case "*":
        case "+":
        case "?":
        case "{":
          this.refuse()
      }
      this.put(level, this.quantified(this.atom(c)))
    }
    if (outer.length > 0) this.refuse()
    const whole = this.close(level)
    automaton.append(whole, automaton.add(Kind.Accept), whole.to)
    automaton.finish()
    return {
      automaton,
      start,
      script: whole.script.slice(1, -1),
      sameOrder: this.sameOrder,
      alternatives: this.alternatives,
      nullableAlternatives: this.nullableAlternatives,
      repeats: whole.repeats,
      nested: whole.nested,
    }
  }

  private refuse(): never {
    throw new RegexError({ code: "regex-invalid", pattern: this.pattern })
  }

  // Structure

  private open(): Level {
    const group = this.automaton.groupCount++
    const begin = this.automaton.add(Kind.GroupBegin, group)
    return { begin, group, left: undefined, sequence: this.empty() }
  }

  /** Ends the group and returns it whole. */
  private close(level: Level): Fragment {
    this.endAlternative(level)
    const body = level.left!
    const end = this.automaton.add(Kind.GroupEnd, level.group)
    this.automaton.next[level.begin] = body.from
    this.automaton.next[body.to] = end
    return { ...body, from: level.begin, to: end, script: `(${body.script})`, groups: true }
  }

  /** Joins the sequence just read to the alternatives before it. */
  private endAlternative(level: Level): void {
    const { automaton } = this
    const right = level.sequence
    const join = automaton.add(Kind.Join)
    if (right.from < 0) Object.assign(right, { from: join, to: join })
    else automaton.append(right, join, join)
    const { left } = level
    if (left === undefined) {
      level.left = right
      return
    }
    const end = automaton.add(Kind.Join)
    automaton.append(left, end, end)
    automaton.append(right, end, end)
    const from = automaton.add(Kind.Alternative, 0, right.from, left.from)
    if (left.nullable || right.nullable) this.nullableAlternatives = true
    else this.alternatives.push(from)
    level.left = {
      from,
      to: end,
      script: `${left.script}|${right.script}`,
      nullable: left.nullable || right.nullable,
      groups: left.groups || right.groups,
      optionalGroups: left.groups || right.groups,
      repeats: left.repeats + right.repeats,
      nested: left.nested || right.nested,
    }
  }

  private put(level: Level, term: Fragment): void {
    const { sequence } = level
    if (sequence.from < 0) {
      level.sequence = term
      return
    }
    this.automaton.append(sequence, term.from, term.to)
    sequence.script += term.script
    sequence.nullable &&= term.nullable
    sequence.groups ||= term.groups
    sequence.optionalGroups ||= term.optionalGroups
    sequence.repeats += term.repeats
    sequence.nested ||= term.nested
  }

  /** The empty sequence, which has no states yet. */
  private empty(): Fragment {
    return this.leaf(-1, "", true)
  }

  private leaf(state: number, script: string, nullable: boolean): Fragment {
    return {
      from: state,
      to: state,
      script,
      nullable,
      groups: false,
      optionalGroups: false,
      repeats: 0,
      nested: false,
    }
  }

  // Quantifiers

  private quantified(part: Fragment): Fragment {
    const { automaton, pattern } = this
    for (;;) {
      const before = part
      switch (pattern[this.at]) {
        case "*": {
          this.at++
          const repeat = automaton.add(Kind.Repeat, 0, -1, part.from)
          automaton.append(part, repeat, repeat)
          part = this.repeated(before, "*", 0, Infinity, { from: repeat, to: repeat })
          break
        }
        case "+": {
          this.at++
          const repeat = automaton.add(Kind.Repeat, 0, -1, part.from)
          automaton.append(part, repeat, repeat)
          part = this.repeated(before, "+", 1, Infinity, { from: part.from, to: repeat })
          break
        }
        case "?": {
          this.at++
          const end = automaton.add(Kind.Join)
          const repeat = automaton.add(Kind.Repeat, 0, end, part.from)
          automaton.append(part, end, end)
          part = this.repeated(before, "?", 0, 1, { from: repeat, to: end })
          break
        }
        case "{":
          this.at++
          part = this.counted(before)
          break
        default:
          return part
      }
    }
  }

  /** `{n}`, `{n,}` and `{n,m}`: copies in a row. The part itself is left over, and counts towards the limit. */
  private counted(part: Fragment): Fragment {
    const { automaton } = this
    const min = this.count() ?? this.refuse()
    let max: number = min
    if (this.pattern[this.at] === ",") {
      this.at++
      max = this.count() ?? Infinity
    }
    if (this.pattern[this.at++] !== "}") this.refuse()
    const join = automaton.add(Kind.Join)
    const whole: Part = { from: join, to: join }
    for (let i = 0; i < min; i++) {
      const copy = automaton.clone(part)
      automaton.append(whole, copy.from, copy.to)
    }
    if (max === Infinity) {
      const copy = automaton.clone(part)
      const repeat = automaton.add(Kind.Repeat, 0, -1, copy.from)
      automaton.append(copy, repeat, repeat)
      automaton.append(whole, repeat, repeat)
    } else {
      if (max < min) this.refuse()
      const end = automaton.add(Kind.Join)
      for (let i = min; i < max; i++) {
        const copy = automaton.clone(part)
        const repeat = automaton.add(Kind.Repeat, 0, end, copy.from)
        automaton.append(whole, repeat, copy.to)
      }
      automaton.append(whole, end, end)
    }
    const script = max === min ? `{${min}}` : max === Infinity ? `{${min},}` : `{${min},${max}}`
    return this.repeated(part, script, min, max, whole)
  }

  private count(): number | undefined {
    const from = this.at
    while (isDigit(this.pattern.charCodeAt(this.at))) this.at++
    if (this.at === from) return undefined
    const count = Number(this.pattern.slice(from, this.at))
    return count > INT_MAX ? this.refuse() : count
  }

  private repeated(part: Fragment, quantifier: string, min: number, max: number, { from, to }: Part): Fragment {
    // RegExp refuses an iteration that reads nothing, and unsets inner groups before each; libstdc++ does neither.
    const same = max === 0 || (min === 1 && max === 1) || (!part.nullable && (max === 1 || !part.optionalGroups))
    if (!same) this.sameOrder = false
    const variable = min !== max
    const isAtom = /^(?:\\?.|\\x..|\[[^\]]*\])$/s.test(part.script) || part.script.endsWith(")")
    return {
      from,
      to,
      // A group's script ends in `)`; so do sequences, but those are never quantified without a group around them.
      script: `${isAtom ? part.script : `(?:${part.script})`}${quantifier}`,
      nullable: part.nullable || min === 0,
      groups: part.groups,
      optionalGroups: part.optionalGroups || (part.groups && min === 0),
      repeats: part.repeats + (variable ? 1 : 0),
      nested: part.nested || (part.repeats > 0 && max > 1),
    }
  }

  // Atoms

  private atom(c: string): Fragment {
    switch (c) {
      case ".": {
        // Everything but NUL.
        const set = emptySet()
        addByte(set, 0)
        invert(set)
        return this.set(set, "[^\\0]")
      }
      case "[": {
        const set = this.bracket()
        return this.set(set, scriptOfSet(set))
      }
      case "\\": {
        const escaped = this.pattern[this.at++]
        if (escaped === undefined || !SPECIAL.includes(escaped)) this.refuse()
        return this.byte(escaped)
      }
      case "\0":
        return this.refuse()
      default:
        return this.byte(c)
    }
  }

  private byte(c: string): Fragment {
    return this.leaf(this.automaton.add(Kind.Byte, c.charCodeAt(0)), scriptOfByte(c.charCodeAt(0)), false)
  }

  private set(set: ByteSet, script: string): Fragment {
    const { sets } = this.automaton
    return this.leaf(this.automaton.add(Kind.Set, sets.push(set) - 1), script, false)
  }

  /**
   * What follows `[`. A `-` is a range between two characters, itself at either end, and an error elsewhere. A character
   * is held back until it is known not to begin a range.
   */
  private bracket(): ByteSet {
    const { pattern } = this
    const set = emptySet()
    const negated = pattern[this.at] === "^"
    if (negated) this.at++
    let held: number | "class" | undefined
    const hold = (byte: number | "class"): void => {
      if (typeof held === "number") addByte(set, held)
      held = byte
    }
    for (let first = true; ; first = false) {
      const c = pattern.charCodeAt(this.at++)
      if (Number.isNaN(c)) this.refuse()
      if (c === CLOSE && !first) break
      if (c === DASH && !first) {
        if (pattern.charCodeAt(this.at) === CLOSE) {
          hold(DASH)
          continue
        }
        // Neither after a class nor right after a range.
        if (typeof held !== "number") this.refuse()
        const to = this.rangeEnd()
        if (!addRange(set, held, to)) this.refuse()
        held = undefined
        continue
      }
      const kind = c === OPEN ? pattern[this.at] : undefined
      if (kind === ".") {
        const element = collatingElement(this.delimited("."))
        if (element < 0) this.refuse()
        addByte(set, element)
        hold(element)
      } else if (kind === "=") {
        hold("class")
        const element = collatingElement(this.delimited("="))
        if (element < 0) this.refuse()
        addEquivalents(set, element)
      } else if (kind === ":") {
        hold("class")
        if (!addClass(set, this.delimited(":"))) this.refuse()
      } else {
        hold(c)
      }
    }
    if (typeof held === "number") addByte(set, held)
    if (negated) invert(set)
    return set
  }

  /** The character after `x-`: a plain one or another dash. */
  private rangeEnd(): number {
    const c = this.pattern.charCodeAt(this.at++)
    const symbol = c === OPEN && ".=:".includes(this.pattern[this.at] ?? " ")
    return Number.isNaN(c) || symbol ? this.refuse() : c
  }

  /** The name within `[:name:]` and its like, whose `[` has been read. */
  private delimited(delimiter: string): string {
    const from = this.at + 1
    const to = this.pattern.indexOf(delimiter, from)
    if (to < 0 || this.pattern[to + 1] !== "]") this.refuse()
    this.at = to + 2
    return this.pattern.slice(from, to)
  }
}

const OPEN = 0x5b
const CLOSE = 0x5d
const DASH = 0x2d
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

function scriptOfByte(byte: number): string {
  const isPlain = isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a && byte < 0x80)
  return isPlain ? String.fromCharCode(byte) : `\\x${byte < 16 ? "0" : ""}${byte.toString(16)}`
}

function scriptOfSet(set: ByteSet): string {
  let ranges = ""
  for (let from = 0; from < 256; from++) {
    if (set[from] === 0) continue
    let to = from
    while (to < 255 && set[to + 1] === 1) to++
    ranges += to === from ? scriptOfByte(from) : `${scriptOfByte(from)}-${scriptOfByte(to)}`
    from = to
  }
  return `[${ranges}]`
}
