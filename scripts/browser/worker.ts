import { runCases, type BrowserCases } from "./run-cases.ts"

addEventListener("message", async ({ data }: MessageEvent<BrowserCases>) => {
  postMessage(await runCases(data))
})
