/**
 * The automaton that a pattern becomes: state for state the one libstdc++ builds, because both the limit on its size and
 * the order in which its paths are tried are visible in the results.
 */
import type { ByteSet } from "./byte-set.ts"

/** What a state does. `next` and `other` are the states it leads to. */
export const Kind = {
  /** Tries `other`, then `next`, and keeps the longer match. */
  Alternative: 0,
  /** Tries `other`, once more through the repeated part, and `next` only if that fails. */
  Repeat: 1,
  LineBegin: 2,
  LineEnd: 3,
  /** Group number `argument` begins; group 0 is the whole match. */
  GroupBegin: 4,
  GroupEnd: 5,
  /** Reads the byte `argument`. */
  Byte: 6,
  /** Reads a member of the set number `argument`. */
  Set: 7,
  Accept: 8,
  /** Joins others; gone from a finished automaton. */
  Join: 9,
} as const

/** libstdc++'s _GLIBCXX_REGEX_STATE_LIMIT. */
const STATES_MAX = 100_000
const NONE = -1

/** Thrown by {@link Automaton.add} when the automaton grows beyond what libstdc++ allows. */
export class TooManyStates extends Error {
  override readonly name = "TooManyStates"
}

/** A part under construction: entered at `from`, left through the still unset `next` of `to`. */
export interface Part {
  readonly from: number
  to: number
}

export class Automaton {
  readonly kind: number[] = []
  readonly next: number[] = []
  readonly other: number[] = []
  readonly argument: number[] = []
  readonly sets: ByteSet[] = []
  /** Group 0, the whole match, included. */
  groupCount = 0

  add(kind: number, argument = 0, next = NONE, other = NONE): number {
    const state = this.kind.length
    if (state === STATES_MAX) throw new TooManyStates()
    this.kind.push(kind)
    this.argument.push(argument)
    this.next.push(next)
    this.other.push(other)
    return state
  }

  append(part: Part, from: number, to: number): void {
    this.next[part.to] = from
    part.to = to
  }

  /** Copies everything reachable within `part`. */
  clone({ from, to }: Part): Part {
    const copies = new Map<number, number>()
    const open = [from]
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const next = this.next[state]!
      const other = this.other[state]!
      copies.set(state, this.add(this.kind[state]!, this.argument[state], next, other))
      if (other !== NONE && !copies.has(other)) open.push(other)
      if (state !== to && next !== NONE && !copies.has(next)) open.push(next)
    }
    for (const copy of copies.values()) {
      if (this.next[copy] !== NONE) this.next[copy] = copies.get(this.next[copy]!)!
      if (this.other[copy] !== NONE) this.other[copy] = copies.get(this.other[copy]!)!
    }
    return { from: copies.get(from)!, to: copies.get(to)! }
  }

  /** Short-cuts all {@link Kind.Join} states. */
  finish(): void {
    for (let state = 0; state < this.kind.length; state++) {
      this.next[state] = this.behindJoins(this.next[state]!)
      this.other[state] = this.behindJoins(this.other[state]!)
    }
  }

  private behindJoins(state: number): number {
    while (state !== NONE && this.kind[state] === Kind.Join) state = this.next[state]!
    return state
  }

  /**
   * The bytes a path from `state` can read first, or `undefined` if it may end without reading any. Assertions are taken
   * to hold.
   */
  firstBytes(state: number): ByteSet | undefined {
    const bytes = new Uint8Array(256)
    const seen = new Set<number>([state])
    for (const at of seen) {
      switch (this.kind[at]!) {
        case Kind.Accept:
          return undefined
        case Kind.Byte:
          bytes[this.argument[at]!] = 1
          continue
        case Kind.Set: {
          const set = this.sets[this.argument[at]!]!
          for (let byte = 0; byte < 256; byte++) if (set[byte] === 1) bytes[byte] = 1
          continue
        }
      }
      seen.add(this.next[at]!)
      if (this.other[at] !== NONE) seen.add(this.other[at]!)
    }
    return bytes
  }
}
