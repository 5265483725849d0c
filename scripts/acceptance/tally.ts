/** What holds and what does not, as it is found out; and the figures that are asked for. */

export class Tally {
  passed = 0
  readonly failures: string[] = []
  readonly figures: string[] = []

  section(name: string): void {
    console.log(`\n${name}`)
  }

  check(what: string, holds: boolean, details = ""): boolean {
    const line = details === "" ? what : `${what}: ${shortened(details)}`
    if (holds) this.passed++
    else this.failures.push(line)
    console.log(`${holds ? "ok    " : "FAILED"}  ${line}`)
    return holds
  }

  equal(what: string, actual: unknown, expected: unknown): boolean {
    const [got, wanted] = [actual, expected].map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    const difference = got === wanted ? "" : `${shortened(String(got))}, not ${shortened(String(wanted))}`
    return this.check(what, got === wanted, difference)
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

/** One line, of which both ends are there: programs say last what is wrong. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= LENGTH_MAX ? line : `${line.slice(0, LENGTH_MAX / 2)} … ${line.slice(-LENGTH_MAX / 2)}`
}
const LENGTH_MAX = 400
