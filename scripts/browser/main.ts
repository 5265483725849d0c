/**
 * `npm run test:browser`: the browser bundle of the eval package passes the language corpus in headless Chromium, in a
 * page and in a worker, under a policy that forbids `eval` and everything from elsewhere; files come out of memory, and some
 * over HTTP. The examples for pages and workers in the package's README are run, too.
 *
 * What was found goes to .cache/browser.json: for each of `page`, `worker` and `example` the lines that tell of a failure.
 */
import { existsSync, globSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { stripTypeScriptTypes } from "node:module"
import { delimiter, join } from "node:path"
import process from "node:process"
import { chromium } from "playwright-core"
import { bundleForBrowsers } from "./bundle.ts"
import { readCases } from "../corpus/cases.ts"
import { fetchCorpus } from "../corpus/fetch.ts"
import { parseKnownFailures } from "../corpus/known-failures.ts"
import { ROOT } from "../toolchain.mjs"
import type { BrowserCases } from "./run-cases.ts"

/** Cases that need a store, which the evaluator's own bundle has none of. The commands pass them with one in memory. */
const NEED_STORE: ReadonlySet<string> = new Set([
  "eval-okay-context",
  "eval-okay-context-introspection",
  "eval-okay-derivation-legacy",
  "eval-okay-eq-derivations",
  "eval-okay-path",
  "eval-okay-substring-context",
])

const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'"
/** A browser that talks to nobody but us. Playwright gives it a new, empty profile. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

const EXAMPLE = exampleOfReadme()
const server = await serve(collectCases(), await bundleForBrowsers())
const browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS })
try {
  const page = await browser.newPage()
  const complaints: string[] = []
  const example: string[] = []
  // A script that does not even load leaves nothing to wait for.
  const broken = new Promise<never>((_, reject) => {
    page.on("pageerror", reject)
  })
  page.on("console", (message) => void (message.type() === "log" && example.push(message.text())))
  page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())))
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
  const finished = page
    .waitForFunction(() => (globalThis as { results?: Results }).results, undefined, { timeout: 120_000 })
    .then((handle) => handle.jsonValue())
  const results = await Promise.race([finished, broken]).catch((error: unknown) => void complaints.push(String(error)))
  if (complaints.length === 0) {
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/example.html`)
    for (let waited = 0; waited < 10_000 && example.length < EXAMPLE.printed.length; waited += 50)
      await page.waitForTimeout(50)
  }
  report(results ?? undefined, complaints, example)
} finally {
  await browser.close()
  server.close()
}

/** The two programs for browsers in the README, and the comments that say what they print. */
function exampleOfReadme(): { readonly page: string; readonly worker: string; readonly printed: readonly string[] } {
  const readme = readFileSync(join(ROOT, "packages", "eval", "README.md"), "utf8")
  const block = (name: string): string =>
    new RegExp(`^\`\`\`js\\n(// ${name}\\n[^]*?)^\`\`\`$`, "m").exec(readme)?.[1] ?? ""
  const page = block("example-page.js")
  return {
    page,
    worker: block("example-worker.js"),
    printed: [...page.matchAll(/; \/\/ (.*)$|\) \/\/ (.*)$/gm)].map((m) => m[1] ?? m[2]!),
  }
}

interface Results {
  readonly inPage: readonly string[]
  readonly inWorker: readonly string[]
  readonly evalAllowed: boolean
}

function report(results: Results | undefined, complaints: readonly string[], example: readonly string[]): void {
  const total = 2 * collectCases().cases.length + 1
  const failures =
    results === undefined
      ? [...complaints, "the page did not finish"]
      : [...results.inPage.map((line) => `page: ${line}`), ...results.inWorker.map((line) => `worker: ${line}`)]
  if (example.join("\n") !== EXAMPLE.printed.join("\n"))
    failures.push(`the example of the README printed ${JSON.stringify(example)}`)
  mkdirSync(join(ROOT, ".cache"), { recursive: true })
  const record = { page: results?.inPage, worker: results?.inWorker, example, complaints, failures }
  writeFileSync(join(ROOT, ".cache", "browser.json"), `${JSON.stringify(record, null, 2)}\n`)
  if (results?.evalAllowed === true) failures.push("the policy does not forbid eval")
  for (const line of failures) console.log(line)
  console.log(`${results === undefined ? 0 : Math.max(0, total - failures.length)} passed, ${failures.length} failed`)
  if (failures.length > 0) process.exitCode = 1
}

/** The cases that need nothing but files: no flags, no store, and no known failure. */
function collectCases(): BrowserCases {
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

async function serve(cases: BrowserCases, bundle: string): Promise<Server> {
  const script = (name: string): string =>
    stripTypeScriptTypes(readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8"))
  const answers: Readonly<Record<string, readonly [type: string, body: string]>> = {
    "/": ["text/html", '<!doctype html><script type="module" src="page.ts"></script>'],
    "/page.ts": ["text/javascript", script("page")],
    "/worker.ts": ["text/javascript", script("worker")],
    "/run-cases.ts": ["text/javascript", script("run-cases")],
    "/eval.js": ["text/javascript", bundle],
    "/example.html": ["text/html", '<!doctype html><script type="module" src="example-page.js"></script>'],
    "/example-page.js": ["text/javascript", EXAMPLE.page],
    "/example-worker.js": ["text/javascript", EXAMPLE.worker],
    "/cases.json": ["application/json", JSON.stringify(cases)],
  }
  const fileAt = (url: string): readonly [type: string, body: string | Buffer] | undefined => {
    const file = url.startsWith("/files/") ? cases.files[url.slice("/files".length)] : undefined
    return file !== undefined && "base64" in file ? ["text/plain", Buffer.from(file.base64, "base64")] : undefined
  }
  const listening = createServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? fileAt(request.url ?? "")
    response.writeHead(answer ? 200 : 404, {
      "content-type": answer?.[0] ?? "text/plain",
      "content-security-policy": POLICY,
    })
    response.end(answer?.[1])
  })
  await new Promise<void>((resolve) => listening.listen(0, "localhost", resolve))
  return listening
}

/** `$CHROMIUM`, or the one on PATH. */
function findChromium(): string {
  const onPath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .flatMap((dir) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(dir, name)))
  const found = [process.env["CHROMIUM"], ...onPath].find((path) => path !== undefined && existsSync(path))
  if (found === undefined)
    throw new Error("no Chromium: install it (apt-get install chromium), or name it in $CHROMIUM")
  return found
}
