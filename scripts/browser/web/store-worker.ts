import { runStoreCases } from "./store-cases.ts"

addEventListener("message", ({ data }: MessageEvent<boolean>) => {
  void runStoreCases(data).then((results) => postMessage(results))
})
