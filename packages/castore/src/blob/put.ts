import type { B3Digest } from "../digest.ts"
import type { BlobBatch, Contents } from "./service.ts"

/** `put` for back ends that have `batch`. The batch is used up. */
export async function putInto(batch: BlobBatch, contents: Contents, signal?: AbortSignal): Promise<B3Digest> {
  try {
    const writer = batch.blob()
    for await (const piece of contents) {
      signal?.throwIfAborted()
      await writer.write(piece)
    }
    signal?.throwIfAborted()
    const ended = writer.end()
    // It is awaited after the commit, and must not count as unhandled until then.
    ended.catch(() => {})
    await batch.commit()
    return await ended
  } catch (error) {
    await batch.abort()
    throw error
  }
}
