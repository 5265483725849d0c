/** The page of the store's cases: runs them itself, has a worker run them, and leaves the results for main.ts. */
import type { Outcome } from "../outcome.ts"
import { runStoreCases } from "./store-cases.ts"

const wasm = new URLSearchParams(location.search).has("wasm")

const inPage = await runStoreCases(wasm)
const inWorker = await new Promise<Outcome>((resolve, reject) => {
  const worker = new Worker(`store-worker.js${location.search}`, { type: "module" })
  worker.addEventListener("message", ({ data }: MessageEvent<Outcome>) => resolve(data))
  worker.addEventListener("error", ({ message }) => reject(new Error(message)))
  worker.postMessage(wasm)
})

Object.assign(globalThis, { results: { inPage, inWorker } })
