/** What holds and what does not, as it is found out; and the figures that are asked for. */

export class Tally {
  passed = 0
  readonly failures: string[] = []
  readonly figures: string[] = []

  section(name: string): void {
    console.log(`\n${name}`)
  }

  check(what: string, holds: boolean, details = ""): boolean {
    const line = details === "" ? what : `${what}: ${details}`
    if (holds) this.passed++
    else this.failures.push(line)
    console.log(`${holds ? "ok    " : "FAILED"}  ${line}`)
    return holds
  }

  equal(what: string, actual: unknown, expected: unknown): boolean {
    const [got, wanted] = [actual, expected].map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    return this.check(what, got === wanted, got === wanted ? "" : `${got}, not ${wanted}`)
  }

  /** A measurement; with `asked`, one that decides. */
  figure(what: string, value: string, asked?: { readonly of: string; readonly holds: boolean }): void {
    const line = `${what}: ${value}${asked === undefined ? "" : ` (asked: ${asked.of})`}`
    this.figures.push(line)
    if (asked === undefined) console.log(`        ${line}`)
    else this.check(what, asked.holds, `${value} (asked: ${asked.of})`)
  }

  /** The last line is what .ci/run counts. */
  conclude(): number {
    console.log("\nfigures")
    for (const figure of this.figures) console.log(`        ${figure}`)
    for (const failure of this.failures) console.error(`FAILED  ${failure}`)
    console.log(`${this.passed} passed, ${this.failures.length} failed`)
    return this.failures.length === 0 ? 0 : 1
  }
}
