/** Counts of what is as it should be, and the first few that are not. */
export class Tally {
  passed = 0
  failed = 0
  readonly #title: string
  readonly #shown: number

  /** @param shown how many failures are printed */
  constructor(title: string, shown: number) {
    this.#title = title
    this.#shown = shown
  }

  add(passed: boolean, describe: () => string): void {
    if (passed) this.passed++
    else if (++this.failed <= this.#shown) console.log(`not so: ${this.#title}: ${describe()}`)
  }

  print(): void {
    console.log(`${this.#title.padEnd(34)} ${this.passed} of ${this.passed + this.failed}`)
  }
}
