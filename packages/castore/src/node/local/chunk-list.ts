import { CastoreError } from "../../problem.ts"
import { DIGEST_LENGTH, type B3Digest } from "../../digest.ts"
import type { ChunkMeta } from "../../blob/service.ts"

/** Bytes per chunk in the index: the digest, then the size as 32 bits, little-endian. */
export const CHUNK_ENTRY = DIGEST_LENGTH + 4

/** Reads column `chunks` of table `blobs`. */
export function readChunkList(bytes: Uint8Array, what: string): ChunkMeta[] {
  if (bytes.length % CHUNK_ENTRY !== 0) {
    throw new CastoreError({ code: "corrupt", what, reason: "its list of chunks has no sensible length" })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const chunks: ChunkMeta[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_ENTRY) {
    chunks.push({
      digest: bytes.subarray(at, at + DIGEST_LENGTH) as B3Digest,
      size: view.getUint32(at + DIGEST_LENGTH, true),
    })
  }
  return chunks
}

/** Grows a list while its blob is being cut. */
export class ChunkListWriter {
  count = 0
  private bytes = new Uint8Array(16 * CHUNK_ENTRY)
  private view = new DataView(this.bytes.buffer)

  add(digest: B3Digest, size: number): void {
    const at = this.count * CHUNK_ENTRY
    if (at === this.bytes.length) {
      const grown = new Uint8Array(2 * at)
      grown.set(this.bytes)
      this.bytes = grown
      this.view = new DataView(grown.buffer)
    }
    this.bytes.set(digest, at)
    this.view.setUint32(at + DIGEST_LENGTH, size, true)
    this.count++
  }

  first(): B3Digest {
    return this.bytes.slice(0, DIGEST_LENGTH) as B3Digest
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.count * CHUNK_ENTRY)
  }
}
