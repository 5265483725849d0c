/** A thread that reads and hashes: see read-threads.ts. */
import { readSync } from "node:fs"
import { parentPort } from "node:worker_threads"
import { digestOf, DIGEST_LENGTH } from "../../digest.ts"
import type { ReadRequest } from "./read-threads.ts"

function readAndCheck({ fd, offset, buffer, lengths, digests }: ReadRequest): boolean {
  const end = lengths.reduce((total, length) => total + length, 0)
  for (let at = 0; at < end;) {
    const count = readSync(fd, new Uint8Array(buffer, at, end - at), 0, end - at, offset + at)
    if (count === 0) return false
    at += count
  }
  let at = 0
  return lengths.every((length, i) => {
    const digest = digestOf(new Uint8Array(buffer, at, length))
    at += length
    return digest.every((byte, j) => byte === digests[i * DIGEST_LENGTH + j])
  })
}

const port = parentPort!
port.on("message", (request: ReadRequest) => {
  let intact: boolean
  try {
    intact = readAndCheck(request)
  } catch {
    // Whoever asked reads it again, and tells why that fails.
    intact = false
  }
  port.postMessage(intact)
})
