/**
 * `npm run test:browser`: what is portable works in headless Chromium, in a page and in a worker, under a policy that
 * forbids `eval` and everything from elsewhere. The browser bundle of the eval package passes the language corpus, with
 * files out of memory and some over HTTP. The store's cases run where WebAssembly is forbidden, and where it is allowed. The
 * examples for pages and workers in the packages' READMEs are run, too.
 *
 * What was found goes to .cache/browser.json: for each page that was opened its results, what it printed, and what the
 * browser complained about.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"
import { chromium } from "playwright-core"
import { ROOT } from "../toolchain.mjs"
import { collectCases, EVAL_EXAMPLE, languageAnswers } from "./language.ts"
import type { Outcome } from "./outcome.ts"
import { serve } from "./serve.ts"
import { STORE_EXAMPLE, storeAnswers, storeSizes } from "./store.ts"

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

interface LanguageResults {
  readonly inPage: readonly string[]
  readonly inWorker: readonly string[]
  readonly evalAllowed: boolean
}
interface StorePageResults {
  readonly inPage: Outcome
  readonly inWorker: Outcome
}

/** What a page left, logged, and was blamed for. */
interface Visit<Results> {
  readonly results: Results | undefined
  readonly printed: readonly string[]
  readonly complaints: readonly string[]
}

const cases = collectCases()
const { base, server } = await serve({ ...(await languageAnswers(cases)), ...(await storeAnswers()) })
const browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS })
try {
  const visits = {
    language: await visit<LanguageResults>("/"),
    languageExample: await visit("/example.html", EVAL_EXAMPLE.printed.length),
    store: await visit<StorePageResults>("/store.html"),
    storeWithWasm: await visit<StorePageResults>("/store.html?wasm"),
    storeExample: await visit("/store-example.html", STORE_EXAMPLE.printed.length),
  }
  console.log(`bundles of the store: ${await storeSizes()}`)
  report([
    languageOutcome(visits.language),
    exampleOutcome("eval", visits.languageExample, EVAL_EXAMPLE.printed),
    storeOutcome("store", visits.store),
    storeOutcome("store with WebAssembly", visits.storeWithWasm),
    exampleOutcome("store", visits.storeExample, STORE_EXAMPLE.printed),
  ])
  mkdirSync(join(ROOT, ".cache"), { recursive: true })
  writeFileSync(join(ROOT, ".cache", "browser.json"), `${JSON.stringify(visits, null, 2)}\n`)
} finally {
  await browser.close()
  server.close()
}

/**
 * Opens a page and waits until it has left its `results`.
 *
 * @param printedCount where given, the page leaves none, and it is waited for so many lines instead
 */
async function visit<Results>(path: string, printedCount?: number): Promise<Visit<Results>> {
  const page = await browser.newPage()
  const complaints: string[] = []
  const printed: string[] = []
  // A script that does not even load leaves nothing to wait for.
  const broken = new Promise<never>((_, reject) => {
    page.on("pageerror", reject)
  })
  const enough = new Promise<undefined>((resolve) => {
    page.on("console", (message) => {
      if (message.type() === "log") printed.push(message.text())
      else if (!(message.type() === "warning" && isSimdWarning(message.text()))) complaints.push(message.text())
      if (printed.length === printedCount) resolve(undefined)
    })
  })
  await page.goto(`${base}${path}`)
  const finished =
    printedCount === undefined
      ? page
          .waitForFunction(() => (globalThis as { results?: Results }).results, undefined, { timeout: 120_000 })
          .then((handle) => handle.jsonValue())
      : Promise.race([enough, page.waitForTimeout(10_000)]).then(() => undefined)
  const results = await Promise.race([finished, broken]).catch((error: unknown) => void complaints.push(String(error)))
  await page.close()
  return { results: results ?? undefined, printed, complaints }
}

/** blake3-jit compiles when a page loads it, and says so if it may not; then it does without. */
function isSimdWarning(text: string): boolean {
  return text.startsWith("Failed to initialize WASM SIMD: CompileError:") && text.includes("Content Security Policy")
}

function languageOutcome({ results, complaints }: Visit<LanguageResults>): Outcome {
  if (results === undefined) return { passed: 0, failures: [...complaints, "the page did not finish"] }
  const wrong = [...results.inPage.map((line) => `page: ${line}`), ...results.inWorker.map((line) => `worker: ${line}`)]
  return {
    passed: 2 * cases.cases.length - wrong.length,
    failures: [...complaints, ...wrong, ...(results.evalAllowed ? ["the policy does not forbid eval"] : [])],
  }
}

function storeOutcome(name: string, { results, complaints }: Visit<StorePageResults>): Outcome {
  const blamed = complaints.map((line) => `${name}: ${line}`)
  if (results === undefined) return { passed: 0, failures: [...blamed, `${name}: the page did not finish`] }
  const { inPage, inWorker } = results
  return {
    passed: inPage.passed + inWorker.passed,
    failures: [
      ...blamed,
      ...inPage.failures.map((line) => `${name}, page: ${line}`),
      ...inWorker.failures.map((line) => `${name}, worker: ${line}`),
    ],
  }
}

function exampleOutcome(name: string, { printed, complaints }: Visit<unknown>, expected: readonly string[]): Outcome {
  const failures = complaints.map((line) => `the example of ${name}: ${line}`)
  if (printed.join("\n") !== expected.join("\n"))
    failures.push(`the example of ${name} printed ${JSON.stringify(printed)}`)
  return { passed: failures.length === 0 ? 1 : 0, failures }
}

function report(outcomes: readonly Outcome[]): void {
  const failures = outcomes.flatMap((outcome) => outcome.failures)
  for (const line of failures) console.log(line)
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0)
  console.log(`${passed} passed, ${failures.length} failed`)
  if (failures.length > 0) process.exitCode = 1
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
