import { runCases, type BrowserCases } from "./run-cases.ts"

addEventListener("message", ({ data }: MessageEvent<BrowserCases>) => {
  void runCases(data).then((failures) => postMessage(failures))
})
