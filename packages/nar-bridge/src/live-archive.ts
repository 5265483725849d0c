import { CastoreError, untilAborted, type Node } from "@tvix-ts/castore"
import type { NarCalculation } from "@tvix-ts/store"

/** Bytes that are kept for those who follow: the last piece, and what came before it. */
const WINDOW_BYTES = 2 ** 20

interface Piece {
  readonly bytes: Uint8Array
  /** Of its first byte in the archive. */
  readonly offset: number
}

/** The archive from an offset on, as it is stored. */
export type RestOf = (node: Node, from: number) => AsyncIterable<Uint8Array>

/**
 * An archive while it is fetched, for those who want it as it comes. They get its last piece when all of it is verified and
 * stored, so nobody ends up with another one that looks whole. Whoever falls behind gets the rest from the store; nobody
 * keeps the fetching from going on.
 */
export class LiveArchive implements NarCalculation {
  readonly narSize: number
  readonly narHash: Uint8Array
  readonly #window: Piece[] = []
  /** Pieces that are no longer in the window. */
  #dropped = 0
  #end = 0
  /** It was begun again, perhaps elsewhere: what came before may be of another. */
  #isBegunAgain = false
  #node: Node | undefined
  #failure: { readonly error: unknown } | undefined
  #news = Promise.withResolvers<void>()

  /** What it has to be. */
  constructor({ narSize, narHash }: NarCalculation) {
    this.narSize = narSize
    this.narHash = narHash
  }

  /** Takes what comes: a piece that is only there until this returns, and its offset in the archive. */
  readonly push = (bytes: Uint8Array, offset: number): void => {
    if (offset !== this.#end) this.#isBegunAgain = true
    else if (!this.#isBegunAgain && bytes.length > 0) {
      this.#window.push({ bytes: bytes.slice(), offset })
      this.#end += bytes.length
      while (this.#window.length > 1 && this.#end - this.#window[0]!.offset > WINDOW_BYTES) {
        this.#window.shift()
        this.#dropped++
      }
    }
    this.#tell()
  }
  /** It is verified and stored. */
  finish(node: Node): void {
    this.#node = node
    this.#tell()
  }
  fail(error: unknown): void {
    this.#failure = { error }
    this.#tell()
  }
  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  /** Resolves when something has come, or all is there. @throws what fetching it fails with; the signal's reason */
  async begun(signal: AbortSignal): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- until there is something
    while (this.#end === 0 && this.#node === undefined) await this.#next(signal)
  }

  /** All of it, each piece as soon as it may be given away. @throws as {@link begun} */
  async *read(restOf: RestOf, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { narSize } = this
    let read = 0
    for (let number = 0; read < narSize;) {
      if (this.#isBegunAgain && read > 0) {
        throw new CastoreError({
          code: "unavailable",
          reason: "the archive had to be fetched again from its beginning",
        })
      }
      const piece = this.#isBegunAgain ? undefined : this.#window[number - this.#dropped]
      if (piece !== undefined && (this.#node !== undefined || piece.offset + piece.bytes.length < narSize)) {
        yield piece.bytes
        read += piece.bytes.length
        number++
      } else if (this.#node !== undefined) {
        yield* restOf(this.#node, read)
        return
      } else {
        // oxlint-disable-next-line no-await-in-loop -- as it comes
        await this.#next(signal)
      }
    }
  }

  async #next(signal: AbortSignal): Promise<void> {
    if (this.#failure === undefined) await untilAborted(this.#news.promise, signal)
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
