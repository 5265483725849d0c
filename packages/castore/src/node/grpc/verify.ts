/** Contents as a peer sends them, made into contents that may be given to others: nothing is yielded unverified. */
import { equal } from "@tvix-ts/bytes"
import { startHash } from "@tvix-ts/hash"
import type { ChunkMeta } from "../../blob/service.ts"
import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"

/** Bytes that are held back, at most, until they are verified. */
export const HELD_BYTES_MAX = 8 * 2 ** 20

/** What a blob without known chunks is cut into here. */
const PIECE_BYTES = 256 * 2 ** 10

type Pieces = AsyncGenerator<Uint8Array, void, undefined>

/**
 * Yields each chunk once its digest is right, and the last one once that of the whole is.
 *
 * @throws {CastoreError} `corrupt` at the first chunk that is not what the list says, if the contents are shorter or longer,
 *   or if the chunks are not those of the blob
 */
export async function* verifyByChunks(
  digest: B3Digest,
  chunks: readonly ChunkMeta[],
  contents: AsyncIterable<Uint8Array>,
): Pieces {
  // The one chunk of a blob that was not cut is the blob.
  const whole = chunks.length === 1 && equal(chunks[0]!.digest, digest) ? undefined : startHash("blake3")
  let index = 0
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const bytes of contents) {
    for (let rest = bytes; rest.length > 0;) {
      const chunk = chunks[index]
      if (chunk === undefined) throw corrupt(digest, "there is more of it than its chunks")
      const part = rest.subarray(0, chunk.size - heldBytes)
      rest = rest.subarray(part.length)
      held.push(part)
      heldBytes += part.length
      if (heldBytes < chunk.size) continue
      if (!equal(digestOfParts(held), chunk.digest)) {
        throw corrupt(digest, `its chunk ${index} is not ${formatDigest(chunk.digest)}`)
      }
      if (whole !== undefined) for (const part of held) whole.update(part)
      index++
      heldBytes = 0
      // The last one waits for the end.
      if (index === chunks.length) continue
      const verified = held
      held = []
      yield* verified
    }
  }
  if (index < chunks.length) throw corrupt(digest, `it ends in chunk ${index} of ${chunks.length}`)
  if (whole !== undefined && !equal(whole.digest(), digest))
    throw corrupt(digest, "its chunks are those of another blob")
  yield* held
}

/**
 * The same for a peer that says nothing of chunks. What is held back is bounded: a large blob is read twice, first to see
 * that it is right and to take the digests of its pieces, then to be given on piece by piece.
 *
 * @param open reads it from its first byte
 */
export async function* verifyWhole(digest: B3Digest, open: () => AsyncIterable<Uint8Array>): Pieces {
  const whole = startHash("blake3")
  let held: Uint8Array[] | undefined = []
  let heldBytes = 0
  const pieces = new PieceDigests()
  for await (const bytes of open()) {
    whole.update(bytes)
    pieces.update(bytes)
    if (held === undefined) continue
    heldBytes += bytes.length
    if (heldBytes <= HELD_BYTES_MAX) {
      if (bytes.length > 0) held.push(bytes)
    } else held = undefined
  }
  if (!equal(whole.digest(), digest)) throw corrupt(digest, "the peer sent other contents")
  if (held !== undefined) yield* held
  else yield* verifyByChunks(digest, pieces.finish(), open())
}

/** Cuts a stream into pieces of one size, and keeps the digest of each. */
class PieceDigests {
  readonly #pieces: ChunkMeta[] = []
  #hasher = startHash("blake3")
  #size = 0

  update(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      const part = rest.subarray(0, PIECE_BYTES - this.#size)
      this.#hasher.update(part)
      this.#size += part.length
      rest = rest.subarray(part.length)
      if (this.#size === PIECE_BYTES) this.#end()
    }
  }

  finish(): readonly ChunkMeta[] {
    if (this.#size > 0) this.#end()
    return this.#pieces
  }

  #end(): void {
    this.#pieces.push({ digest: this.#hasher.digest() as B3Digest, size: this.#size })
    this.#hasher = startHash("blake3")
    this.#size = 0
  }
}

function digestOfParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return digestOf(parts[0]!)
  const hasher = startHash("blake3")
  for (const part of parts) hasher.update(part)
  return hasher.digest()
}

function corrupt(digest: B3Digest, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
}
