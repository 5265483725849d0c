/**
 * The list of what is known not to pass, one line each, the reason to the right:
 *
 *     eval-fail-recursion stderr   names the other place first
 *
 * The middle word is the check that fails: status, stdout or stderr. A known failure that passes is an error: the list
 * stays true.
 */
import { CHECKS, type Check } from "./run.ts"

export interface KnownFailure {
  readonly name: string
  readonly check: Check
  readonly reason: string
}

const HEADER = `# What does not pass of C++ Nix 2.26's language corpus, and why: CASE CHECK REASON.
# CHECK is status, stdout or stderr.
# \`npm run corpus -- --update\` rewrites the list and keeps the reasons. See scripts/corpus/known-failures.ts.
`
const NO_REASON = "(no reason given yet)"

/** @throws {Error} naming the line that is not of the form above. */
export function parseKnownFailures(text: string): KnownFailure[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return []
    const [, name = "", check = "", reason = ""] = /^(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (!isCheck(check)) {
      throw new Error(`known failures, line ${index + 1}: want CASE CHECK REASON, got ${line}`)
    }
    return [{ name, check, reason }]
  })
}

const isCheck = (word: string): word is Check => (CHECKS as readonly string[]).includes(word)

/** The list for what failed now, reasons kept where there were some. */
export function updateKnownFailures(
  old: readonly KnownFailure[],
  failed: ReadonlyMap<string, readonly Check[]>,
): KnownFailure[] {
  const reasonFor = (name: string, check: Check): string =>
    old.find((known) => known.name === name && known.check === check)?.reason ?? NO_REASON
  return [...failed].flatMap(([name, checks]) =>
    checks.map((check) => ({ name, check, reason: reasonFor(name, check) })),
  )
}

export function printKnownFailures(list: readonly KnownFailure[]): string {
  const width = Math.max(0, ...list.map(({ name }) => name.length))
  const rows = list.map(({ name, check, reason }) => `${name.padEnd(width)} ${check.padEnd(6)} ${reason}\n`)
  return HEADER + rows.join("")
}
