/** Runs cases of the language corpus in whatever loads this: a page or a worker. Nothing here may need Node. */
// The bundle that the eval package publishes, as the server of main.ts serves it.
// oxlint-disable-next-line import/no-unresolved
import { deeply, Evaluation, httpIo, makeGlobals, memoryIo, printValue, type EvalIO } from "./eval.js"

export interface BrowserCases {
  /** The corpus as one file system: contents in base 64, or where a link points to. */
  readonly files: Readonly<Record<string, { readonly base64: string } | { readonly symlink: string }>>
  readonly cases: readonly BrowserCase[]
}
export interface BrowserCase {
  readonly name: string
  readonly path: string
  /** One char a byte, its line end included. */
  readonly expected: string
}

/** Cases that read other files, and neither folders nor links. */
const OVER_HTTP: ReadonlySet<string> = new Set([
  "eval-okay-import",
  "eval-okay-functionargs",
  "eval-okay-sort",
  "eval-okay-xml",
])

/** One line for each case that did not go as expected. */
export async function runCases({ files, cases }: BrowserCases): Promise<string[]> {
  const io = memoryIo(
    Object.fromEntries(
      Object.entries(files).map(([path, file]) => [path, "symlink" in file ? file : bytesOf(file.base64)]),
    ),
    { env: { TEST_VAR: "foo" } },
  )
  const failures: string[] = []
  for (const { name, path, expected } of cases) {
    const actual = await evaluate(io, path)
    if (actual !== expected) failures.push(`${name}: ${actual}`)
    if (!OVER_HTTP.has(name)) continue
    const base = new URL("/files", import.meta.url).href
    const overHttp = await evaluate(httpIo({ base, fetch: (url) => fetch(url) }), path)
    if (overHttp !== expected) failures.push(`${name}, files over HTTP: ${overHttp}`)
  }
  return failures
}

async function evaluate(io: EvalIO, path: string): Promise<string> {
  const searchPath = ["dir3", "dir4"].map((dir) => ({ prefix: "", path: `/pwd/lang/${dir}` }))
  const evaluation = new Evaluation({ io, searchPath, home: "/fake-home", system: "x86_64-linux" }, makeGlobals)
  try {
    const root = await evaluation.run(evaluation.importFile(path))
    return `${printValue(await evaluation.run(deeply(root)))}\n`
  } catch (problem) {
    return `ended with ${JSON.stringify(problem)}`
  }
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
