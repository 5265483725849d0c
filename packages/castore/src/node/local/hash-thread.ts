/** The thread that hashes: see verifier.ts. */
import { parentPort } from "node:worker_threads"
import { digestOf, DIGEST_LENGTH } from "../../digest.ts"
import type { Check } from "./verifier.ts"

const port = parentPort!
port.on("message", ({ buffer, lengths, digests }: Check) => {
  let at = 0
  const intact = lengths.every((length, i) => {
    const digest = digestOf(new Uint8Array(buffer, at, length))
    at += length
    return digest.every((byte, j) => byte === digests[i * DIGEST_LENGTH + j])
  })
  port.postMessage(intact)
})
