/**
 * Reads a language test file: Nix expressions separated by `---` lines, each with its expectation on the line that it is
 * about.
 *
 *     1 + 2              #> 3
 *     ---
 *     1 + "a"            #! cannot-add
 *
 * `#>` is the value as `nix-instantiate --eval --strict` prints it; `#!` the code of the problem that evaluation ends
 * with, which is reported on that very line. Relative paths start at lang-tests/.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"

export const LANG_TESTS: string = join(ROOT, "lang-tests")

export interface Fixture {
  /** Relative to lang-tests/. */
  readonly file: string
  /** 1-based line of `source`'s first line, so that failures point into the file. */
  readonly line: number
  /** The expression as written, its mark (a comment) included, without the last newline. One char a byte. */
  readonly source: string
  /** `undefined` for a snippet without a mark, which only `npm run lang-tests:oracle -- --fill` accepts. */
  readonly expect: Expectation | undefined
}

export type Expectation =
  | { readonly value: string }
  /** `line` is 1-based within `source`. */
  | { readonly code: string; readonly line: number }

/** @throws {Error} on a snippet with more than one mark. */
export function parseFixtures(file: string, text: string): Fixture[] {
  let line = 1
  return text
    .replace(/\n$/, "")
    .split(/\n---\n/)
    .map((source) => {
      const start = line
      line += source.split("\n").length + 1 // the separator's line
      const marks = source.split("\n").flatMap((one, index): Expectation[] => {
        const [, kind, wanted = ""] = /#([>!]) ?(.*)$/.exec(one) ?? []
        if (kind === undefined) return []
        return [kind === ">" ? { value: wanted.trim() } : { code: wanted.trim(), line: index + 1 }]
      })
      if (marks.length > 1)
        throw new Error(`${file}:${start}: a snippet has one #> or #!, this one has ${marks.length}`)
      return { file, line: start, source, expect: marks[0] }
    })
}

/** The inverse of {@link parseFixtures}. */
export function printFixtures(fixtures: readonly Fixture[]): string {
  return `${fixtures.map(({ source }) => source).join("\n---\n")}\n`
}

/** Every test file with its snippets, in order of name. */
export function readFixtures(): Map<string, Fixture[]> {
  const files = globSync("**/*.nix", { cwd: LANG_TESTS, exclude: ["files/**"] }).sort()
  return new Map(files.map((file) => [file, parseFixtures(file, readFileSync(join(LANG_TESTS, file), "latin1"))]))
}
