/**
 * Runs an automaton as libstdc++'s depth-first executor does (bits/regex_executor.tcc): what it finds is neither POSIX's
 * leftmost-longest match nor Perl's first one. A repetition takes the first way that leads to a match; an alternative
 * tries both ways and the longer match wins, the earlier one among equals. Groups keep what an earlier iteration gave
 * them, and a repetition may go round twice without reading anything.
 *
 * Where the original recurses, this pushes a record on a stack of its own, so the subject's length is bounded by memory
 * only. Time can be exponential, as there; {@link ChargeSteps} is how a caller puts an end to it.
 */
import { Kind, type Automaton } from "./automaton.ts"
import type { ByteSet } from "./byte-set.ts"

/** Told, every {@link CHARGE} steps, that many more were taken. May throw to stop. */
export type ChargeSteps = (steps: number) => void
const CHARGE = 4096

/** What a record on the stack undoes or goes on with, in the two low bits of its first number. */
const AfterRepeat = 0
const AfterFirstAlternative = 1
const AfterSecondAlternative = 2
const AfterGroup = 3
/** Numbers in a record. */
const RECORD = 4

export class Executor {
  private readonly kind: Uint8Array
  private readonly next: Int32Array
  private readonly other: Int32Array
  private readonly argument: Int32Array
  private readonly sets: readonly ByteSet[]
  private readonly start: number
  /** The bytes a match can begin with, or `undefined` if it can be empty. Computed when first searching. */
  private firstBytes: ByteSet | undefined | null = null
  private readonly automaton: Automaton

  /** Where each Repeat state was entered last and how often there. */
  private readonly repeatAt: Int32Array
  private readonly repeatCount: Int32Array
  /** Ends of groups are -1 while unset; a begin alone means nothing. */
  private readonly begins: Int32Array
  private readonly ends: Int32Array
  private stack = new Int32Array(64 * RECORD)

  /** The best match so far. */
  readonly matchBegins: Int32Array
  readonly matchEnds: Int32Array

  constructor(automaton: Automaton, start: number) {
    this.automaton = automaton
    this.start = start
    this.kind = Uint8Array.from(automaton.kind)
    this.next = Int32Array.from(automaton.next)
    this.other = Int32Array.from(automaton.other)
    this.argument = Int32Array.from(automaton.argument)
    this.sets = automaton.sets
    this.repeatAt = new Int32Array(automaton.kind.length)
    this.repeatCount = new Int32Array(automaton.kind.length)
    this.begins = new Int32Array(automaton.groupCount)
    this.ends = new Int32Array(automaton.groupCount)
    this.matchBegins = new Int32Array(automaton.groupCount)
    this.matchEnds = new Int32Array(automaton.groupCount)
  }

  /** Whether all of `text` matches. */
  matchWhole(text: string, charge: ChargeSteps | undefined): boolean {
    return this.run(text, 0, true, false, charge)
  }

  /** The first match that begins at `from` or later. `^` matches at the start of `text` only. */
  search(text: string, from: number, charge: ChargeSteps | undefined): boolean {
    if (this.firstBytes === null) this.firstBytes = this.automaton.firstBytes(this.start)
    const first = this.firstBytes
    for (let at = from; at <= text.length; at++) {
      if (first !== undefined) {
        while (at < text.length && first[text.charCodeAt(at)] === 0) at++
        if (at === text.length) return false
      }
      if (this.run(text, at, false, false, charge)) return true
    }
    return false
  }

  /** A match that begins at `from` and is not empty. */
  matchSomethingAt(text: string, from: number, charge: ChargeSteps | undefined): boolean {
    return this.run(text, from, false, true, charge)
  }

  private run(text: string, from: number, whole: boolean, notEmpty: boolean, charge: ChargeSteps | undefined): boolean {
    const { kind, next, other, argument, sets, begins, ends, repeatAt, repeatCount } = this
    const length = text.length
    ends.fill(-1)
    repeatCount.fill(0)
    let stack = this.stack
    let top = 0
    let state = this.start
    let at = from
    /** Whether the path just tried, or one tried since the last alternative, led to a match. */
    let found = false
    let bestEnd = -1
    let steps = 0

    for (;;) {
      // Forward, until the path ends in a match or cannot go on.
      forward: for (;;) {
        if (++steps === CHARGE) {
          steps = 0
          charge?.(CHARGE)
        }
        if (top + RECORD > stack.length) {
          const larger = new Int32Array(stack.length * 2)
          larger.set(stack)
          stack = this.stack = larger
        }
        switch (kind[state]!) {
          case Kind.Byte:
            if (at === length || text.charCodeAt(at) !== argument[state]) break forward
            at++
            state = next[state]!
            break
          case Kind.Set:
            if (at === length || sets[argument[state]!]![text.charCodeAt(at)] !== 1) break forward
            at++
            state = next[state]!
            break
          case Kind.Repeat: {
            const count = repeatAt[state] === at ? repeatCount[state]! : 0
            // Round twice at one place, so that groups inside get set, but no further.
            if (count >= 2) {
              state = next[state]!
              break
            }
            stack[top] = (state << 2) | AfterRepeat
            stack[top + 1] = at
            stack[top + 2] = repeatAt[state]!
            stack[top + 3] = repeatCount[state]!
            top += RECORD
            repeatAt[state] = at
            repeatCount[state] = count + 1
            state = other[state]!
            break
          }
          case Kind.Alternative:
            stack[top] = (state << 2) | AfterFirstAlternative
            stack[top + 1] = at
            top += RECORD
            state = other[state]!
            break
          case Kind.GroupBegin: {
            const group = argument[state]!
            stack[top] = (group << 2) | AfterGroup
            stack[top + 1] = begins[group]!
            stack[top + 2] = ends[group]!
            top += RECORD
            begins[group] = at
            state = next[state]!
            break
          }
          case Kind.GroupEnd: {
            const group = argument[state]!
            stack[top] = (group << 2) | AfterGroup
            stack[top + 1] = begins[group]!
            stack[top + 2] = ends[group]!
            top += RECORD
            ends[group] = at
            state = next[state]!
            break
          }
          case Kind.LineBegin:
            if (at !== 0) break forward
            state = next[state]!
            break
          case Kind.LineEnd:
            if (at !== length) break forward
            state = next[state]!
            break
          case Kind.Accept:
            if ((whole && at !== length) || (notEmpty && at === from)) break forward
            found = true
            if (at > bestEnd) {
              bestEnd = at
              this.matchBegins.set(begins)
              this.matchEnds.set(ends)
              // Nothing can beat a match that reaches the end.
              if (at === length) return true
            }
            break forward
        }
      }
      // Back, to the last choice that is still open.
      back: for (;;) {
        if (top === 0) return bestEnd >= 0
        top -= RECORD
        const record = stack[top]!
        const index = record >> 2
        switch (record & 3) {
          case AfterRepeat:
            repeatAt[index] = stack[top + 2]!
            repeatCount[index] = stack[top + 3]!
            if (found) break
            at = stack[top + 1]!
            state = next[index]!
            break back
          case AfterFirstAlternative:
            at = stack[top + 1]!
            stack[top] = ((found ? 1 : 0) << 2) | AfterSecondAlternative
            top += RECORD
            found = false
            state = next[index]!
            break back
          case AfterSecondAlternative:
            if (index === 1) found = true
            break
          case AfterGroup:
            begins[index] = stack[top + 1]!
            ends[index] = stack[top + 2]!
            break
        }
      }
    }
  }
}
