import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"

export interface Example {
  /** By the name that is in their first line: `// example-page.js`. */
  readonly programs: Readonly<Record<string, string>>
  /** What their comments say that they print, in order. */
  readonly printed: readonly string[]
}

/** The programs for browsers in the README of a package. */
export function exampleOf(name: string): Example {
  const readme = readFileSync(join(ROOT, "packages", name, "README.md"), "utf8")
  const blocks = [...readme.matchAll(/^```js\n(\/\/ (example-\S+\.js)\n[^]*?)^```$/gm)]
  const programs = Object.fromEntries(blocks.map(([, text = "", file = ""]) => [file, text]))
  const page = programs["example-page.js"] ?? ""
  return { programs, printed: [...page.matchAll(/(?:; |\) )\/\/ (.*)$/gm)].map((match) => match[1]!) }
}
