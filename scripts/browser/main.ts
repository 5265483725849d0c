/**
 * `npm run test:browser`: the published browser bundle of the eval package passes the language corpus in headless
 * Chromium, in a page and in a worker, under a policy that forbids `eval` and everything from elsewhere.
 */
import { existsSync, globSync, lstatSync, readFileSync, readlinkSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { stripTypeScriptTypes } from "node:module"
import { delimiter, join } from "node:path"
import process from "node:process"
import { chromium } from "playwright-core"
import { readCases } from "../corpus/cases.ts"
import { fetchCorpus } from "../corpus/fetch.ts"
import { parseKnownFailures } from "../corpus/known-failures.ts"
import { ROOT } from "../toolchain.mjs"
import type { BrowserCases } from "./run-cases.ts"

const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'"
const BUNDLE = join(ROOT, "packages", "eval", "dist", "browser.js")

const server = await serve(collectCases())
const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] })
try {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())))
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
  const results = await page
    .waitForFunction(() => (globalThis as { results?: Results }).results, undefined, { timeout: 120_000 })
    .then((handle) => handle.jsonValue())
    .catch((error: unknown) => void complaints.push(String(error)))
  report(results ?? undefined, complaints)
} finally {
  await browser.close()
  server.close()
}

interface Results {
  readonly inPage: readonly string[]
  readonly inWorker: readonly string[]
  readonly evalAllowed: boolean
}

function report(results: Results | undefined, complaints: readonly string[]): void {
  const total = 2 * collectCases().cases.length
  const failures =
    results === undefined
      ? [...complaints, "the page did not finish"]
      : [...results.inPage.map((line) => `page: ${line}`), ...results.inWorker.map((line) => `worker: ${line}`)]
  if (results?.evalAllowed === true) failures.push("the policy does not forbid eval")
  for (const line of failures) console.log(line)
  console.log(`${results === undefined ? 0 : Math.max(0, total - failures.length)} passed, ${failures.length} failed`)
  if (failures.length > 0) process.exitCode = 1
}

/** The cases that need nothing but files: no flags, no store, and no known failure. */
function collectCases(): BrowserCases {
  const functional = fetchCorpus()
  const list = readFileSync(join(ROOT, "lang-tests", "nix-2.26-known-failures.txt"), "utf8")
  const known = new Set(parseKnownFailures(list).map(({ name }) => name))
  const cases = readCases(functional)
    .filter(({ kind, name, args }) => kind === "eval-okay" && !known.has(name) && args.length === 3)
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

async function serve(cases: BrowserCases): Promise<Server> {
  if (!existsSync(BUNDLE)) throw new Error("no browser bundle; run `npm run build` first")
  const script = (name: string): string =>
    stripTypeScriptTypes(readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8"))
  const answers: Readonly<Record<string, readonly [type: string, body: string]>> = {
    "/": ["text/html", '<!doctype html><script type="module" src="page.ts"></script>'],
    "/page.ts": ["text/javascript", script("page")],
    "/worker.ts": ["text/javascript", script("worker")],
    "/run-cases.ts": ["text/javascript", script("run-cases")],
    "/eval.js": ["text/javascript", readFileSync(BUNDLE, "utf8")],
    "/cases.json": ["application/json", JSON.stringify(cases)],
  }
  const listening = createServer((request, response) => {
    const answer = answers[request.url ?? ""]
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
