import { availableParallelism } from "node:os"
import type { Worker } from "node:worker_threads"
import type { ChunkMeta } from "../../blob/service.ts"
import { DIGEST_LENGTH } from "../../digest.ts"
import { startThread } from "./thread.ts"

/** Chunks that lie one after the other in a file, and are to lie so in `buffer`. */
export interface ReadRequest {
  /** Files are open in all threads of a process. */
  readonly fd: number
  /** Bytes from the beginning of the file. */
  readonly offset: number
  readonly buffer: SharedArrayBuffer
  /** Bytes of each chunk. */
  readonly lengths: readonly number[]
  /** 32 bytes for each chunk. */
  readonly digests: Uint8Array
}

/** More would only get into each other's way: two read and hash several gigabytes a second. */
const THREADS_MAX = 2

interface Thread {
  readonly worker: Worker
  /** In the order in which they were asked. */
  readonly waiting: ((intact: boolean) => void)[]
}

/**
 * Reads chunks and hashes them while they are still in the processor's cache, in threads of their own: the calling thread
 * meanwhile writes what came before. Large files out of a store come two to three times as fast.
 */
export class ReadThreads {
  private readonly threads: Thread[] = []
  private turn = 0

  /** Whether asking costs little from now on. */
  get running(): boolean {
    return this.threads.length > 0
  }

  /** Whether all chunks are in `buffer` now, and what their digests say; `false` too if that cannot be found out so. */
  read(fd: number, offset: number, buffer: SharedArrayBuffer, chunks: readonly ChunkMeta[]): Promise<boolean> {
    const digests = new Uint8Array(chunks.length * DIGEST_LENGTH)
    for (const [i, { digest }] of chunks.entries()) digests.set(digest, i * DIGEST_LENGTH)
    const request: ReadRequest = { fd, offset, buffer, lengths: chunks.map(({ size }) => size), digests }
    if (this.threads.length < Math.min(THREADS_MAX, availableParallelism())) this.start()
    const { worker, waiting } = this.threads[this.turn++ % this.threads.length]!
    if (waiting.length === 0) worker.ref()
    worker.postMessage(request)
    return new Promise((resolve) => waiting.push(resolve))
  }

  private start(): void {
    const thread: Thread = { worker: startThread("read-thread"), waiting: [] }
    const { worker, waiting } = thread
    worker.on("message", (intact: boolean) => {
      waiting.shift()!(intact)
      if (waiting.length === 0) worker.unref()
    })
    const end = (): void => {
      const at = this.threads.indexOf(thread)
      if (at >= 0) this.threads.splice(at, 1)
      for (const answer of waiting.splice(0)) answer(false)
    }
    worker.on("error", end)
    worker.on("exit", end)
    this.threads.push(thread)
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()))
  }
}
