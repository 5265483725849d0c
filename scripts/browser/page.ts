/** The page of the browser test: runs the cases itself, has a worker run them, and leaves the results for main.ts. */
import { runCases, type BrowserCases } from "./run-cases.ts"

const cases = (await (await fetch("cases.json")).json()) as BrowserCases

const inPage = await runCases(cases)
const inWorker = await new Promise<string[]>((resolve, reject) => {
  const worker = new Worker("worker.ts", { type: "module" })
  worker.addEventListener("message", ({ data }: MessageEvent<string[]>) => resolve(data))
  worker.addEventListener("error", ({ message }) => reject(new Error(message)))
  worker.postMessage(cases)
})

// What the policy is for: if this ran, the test would prove nothing.
let evalAllowed = true
try {
  // oxlint-disable-next-line no-implied-eval, no-new-func
  new Function("")()
} catch {
  evalAllowed = false
}

Object.assign(globalThis, { results: { inPage, inWorker, evalAllowed } })
