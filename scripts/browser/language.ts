/** The language corpus for pages, and the eval package's examples. */
import { globSync, lstatSync, readFileSync, readlinkSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { readCases } from "../corpus/cases.ts"
import { fetchCorpus } from "../corpus/fetch.ts"
import { parseKnownFailures } from "../corpus/known-failures.ts"
import { ROOT } from "../toolchain.mjs"
import { bundleForBrowsers } from "./bundle.ts"
import { exampleOf, type Example } from "./example.ts"
import type { BrowserCases } from "./run-cases.ts"
import type { Answers } from "./serve.ts"

/** Cases that need a store, which the evaluator's own bundle has none of. The commands pass them with one in memory. */
const NEED_STORE: ReadonlySet<string> = new Set([
  "eval-okay-context",
  "eval-okay-context-introspection",
  "eval-okay-derivation-legacy",
  "eval-okay-eq-derivations",
  "eval-okay-flake-ref-to-string",
  "eval-okay-parse-flake-ref",
  "eval-okay-path",
  "eval-okay-substring-context",
])

/** The two programs for browsers in the eval package's README. */
export const EVAL_EXAMPLE: Example = exampleOf("eval")

/** The cases that need nothing but files: no flags, no store, and no known failure. */
export function collectCases(): BrowserCases {
  const functional = fetchCorpus()
  const list = readFileSync(join(ROOT, "lang-tests", "nix-2.26-known-failures.txt"), "utf8")
  const left = NEED_STORE.union(new Set(parseKnownFailures(list).map(({ name }) => name)))
  const cases = readCases(functional)
    .filter(({ kind, name, args }) => kind === "eval-okay" && !left.has(name) && args.length === 3)
    .map(({ name, stdout = "" }) => ({ name, path: `/pwd/lang/${name}.nix`, expected: stdout }))
  const paths = globSync("lang/**", { cwd: functional }).filter(
    (path) => !lstatSync(join(functional, path)).isDirectory(),
  )
  const files = paths.map((path) => {
    const real = join(functional, path)
    const isLink = lstatSync(real).isSymbolicLink()
    return [
      `/pwd/${path}`,
      isLink ? { symlink: readlinkSync(real) } : { base64: readFileSync(real, "base64") },
    ] as const
  })
  return { cases, files: Object.fromEntries(files) }
}

/** `/` runs the cases, `/example.html` the example. */
export async function languageAnswers(cases: BrowserCases): Promise<Answers> {
  const script = (name: string): string =>
    stripTypeScriptTypes(readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8"))
  const files = Object.entries(cases.files).flatMap(([path, file]) =>
    "base64" in file ? [[`/files${path}`, ["text/plain", Buffer.from(file.base64, "base64")] as const] as const] : [],
  )
  return {
    "/": ["text/html", '<!doctype html><script type="module" src="page.ts"></script>'],
    "/page.ts": ["text/javascript", script("page")],
    "/worker.ts": ["text/javascript", script("worker")],
    "/run-cases.ts": ["text/javascript", script("run-cases")],
    "/eval.js": ["text/javascript", await bundleForBrowsers()],
    "/example.html": ["text/html", '<!doctype html><script type="module" src="example-page.js"></script>'],
    "/example-page.js": ["text/javascript", EVAL_EXAMPLE.programs["example-page.js"]!],
    "/example-worker.js": ["text/javascript", EVAL_EXAMPLE.programs["example-worker.js"]!],
    "/cases.json": ["application/json", JSON.stringify(cases)],
    ...Object.fromEntries(files),
  }
}
