/** Bytes that lie on disk: a download that is complete, or a file that somebody named. */
import type { FileHandle } from "node:fs/promises"

const PIECE = 256 * 1024

export interface Content {
  readonly file: FileHandle
  /** Bytes. */
  readonly size: number
  close(): Promise<void>
}

/** The bytes in order; each piece until the next is asked for. */
export async function* piecesOf({ file, size }: Content): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(Math.min(PIECE, Math.max(size, 1)))
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at)
    // It has got shorter, which only a file of somebody else's can: whoever counts will notice.
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
