/** Random choices that a seed repeats. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** Uniform in [0, 1). Mulberry32, by Tommy Ettinger: 32 bits of state, every seed a different sequence. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count)
  }
  between(from: number, to: number): number {
    return from + this.below(to - from)
  }
  chance(probability: number): boolean {
    return this.fraction() < probability
  }
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
}
