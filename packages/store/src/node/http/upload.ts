import type { ClientRequest } from "node:http"
import { concat } from "@tvix-ts/bytes"
import type { Contents } from "@tvix-ts/castore"
import { withTimeout } from "./body.ts"
import { Transient } from "./retry.ts"
import type { HttpSettings } from "./settings.ts"

/** What is sent, from the beginning each time it is called. */
export type Outgoing = () => Contents

/** Bytes of files that are sent with their length, which some servers want to know. */
const SMALL = 2 ** 20

/**
 * Sends a file, and waits for the answer; which may come before the file is sent, if the server does not want it.
 *
 * @throws {unknown} what `contents` throws; then the server has only part of the file, and knows that
 */
export async function send<T>(
  request: ClientRequest,
  contents: Outgoing,
  answered: Promise<T>,
  { stalledTimeoutMs, answerTimeoutMs }: HttpSettings,
): Promise<T> {
  let answer: { readonly value: T } | undefined
  const early = answered.then((value) => void (answer = { value }))
  early.catch(() => {})
  const pieces: Uint8Array[] = []
  let size = 0
  let streaming = false
  const write = async (piece: Uint8Array): Promise<void> => {
    if (request.write(piece)) return
    const drained = new Promise<void>((resolve) => request.once("drain", resolve))
    await withTimeout(Promise.race([drained, early]), stalledTimeoutMs, () => {
      return new Transient(`the server took nothing for ${stalledTimeoutMs / 1000} seconds`)
    })
  }
  for await (const piece of contents()) {
    if (answer !== undefined) break
    if (streaming) {
      // The caller may use the memory again.
      await write(piece.slice())
      continue
    }
    pieces.push(piece.slice())
    size += piece.length
    if (size <= SMALL) continue
    streaming = true
    await write(concat(pieces))
    pieces.length = 0
  }
  if (answer !== undefined) return answer.value
  if (streaming) request.end()
  else {
    request.setHeader("content-length", size)
    request.end(concat(pieces))
  }
  return withTimeout(answered, answerTimeoutMs, () => {
    return new Transient(`the server does not answer for ${answerTimeoutMs / 1000} seconds`)
  })
}
