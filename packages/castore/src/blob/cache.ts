import { equal } from "@tvix-ts/bytes"
import type { CallOptions } from "../call.ts"
import { formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"
import { putInto } from "./put.ts"
import type { BlobBatch, BlobMeta, BlobService, BlobWriter, Contents, ReadOptions } from "./service.ts"

/**
 * What is in `near` comes from there; what is not comes from `far`, and is put into `near` on the way if all of it is read.
 * What is stored goes to both: it is durable in both when that has been promised.
 *
 * Whatever keeps `near` from being filled (its disk is full, say) is no failure of reading. A blob that is damaged in `near`
 * is one: it is reported, not papered over. Closing closes both.
 */
export function cacheBlobService(near: BlobService, far: BlobService): BlobService {
  return new CachedBlobs(near, far)
}

class CachedBlobs implements BlobService {
  private readonly near: BlobService
  private readonly far: BlobService

  constructor(near: BlobService, far: BlobService) {
    this.near = near
    this.far = far
  }

  async stat(digest: B3Digest, options?: CallOptions): Promise<BlobMeta | undefined> {
    return (await this.near.stat(digest, options)) ?? this.far.stat(digest, options)
  }

  async read(digest: B3Digest, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const here = await this.near.read(digest, options)
    if (here !== undefined) return here
    const contents = await this.far.read(digest, options)
    const partial = (options.from ?? 0) > 0 || options.to !== undefined
    return contents === undefined || partial ? contents : this.fill(digest, contents, options.signal)
  }

  put(contents: Contents, options?: CallOptions): Promise<B3Digest> {
    return putInto(this.batch(options), contents, options?.signal)
  }

  batch(options?: CallOptions): BlobBatch {
    return new CachedBatch(this.near.batch(options), this.far.batch(options))
  }

  async close(): Promise<void> {
    await Promise.all([this.near.close(), this.far.close()])
  }

  private async *fill(
    digest: B3Digest,
    contents: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const filling = new Filling(this.near.batch(signal === undefined ? {} : { signal }))
    try {
      for await (const piece of contents) {
        await filling.write(piece)
        yield piece
      }
      await filling.finish(digest)
    } finally {
      await filling.stop()
    }
  }
}

/** A blob on its way into the near back end, on which nobody's reading depends. */
class Filling {
  private batch: BlobBatch | undefined
  private writer: BlobWriter | undefined

  constructor(batch: BlobBatch) {
    this.batch = batch
  }

  async write(piece: Uint8Array): Promise<void> {
    try {
      this.writer ??= this.batch?.blob()
      await this.writer?.write(piece)
    } catch {
      await this.stop()
    }
  }

  /** @throws {CastoreError} `corrupt` if what was read is not what was asked for */
  async finish(digest: B3Digest): Promise<void> {
    const { batch } = this
    if (batch === undefined) return
    let stored: B3Digest
    try {
      const ended = (this.writer ?? batch.blob(0)).end()
      ended.catch(() => {})
      await batch.commit()
      stored = await ended
      this.batch = undefined
    } catch {
      return
    }
    // Both back ends verify what they give; this costs nothing, as the digest is there anyway.
    if (!equal(stored, digest)) {
      const reason = `its contents have the digest ${formatDigest(stored)}`
      throw new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
    }
  }

  async stop(): Promise<void> {
    const { batch } = this
    this.batch = undefined
    this.writer = undefined
    try {
      await batch?.abort()
    } catch {
      // It is what has failed.
    }
  }
}

class CachedBatch implements BlobBatch {
  private readonly near: BlobBatch
  private readonly far: BlobBatch

  constructor(near: BlobBatch, far: BlobBatch) {
    this.near = near
    this.far = far
  }

  blob(size?: number): BlobWriter {
    const near = this.near.blob(size)
    const far = this.far.blob(size)
    return {
      write(bytes) {
        const waiting = far.write(bytes)
        const alsoWaiting = near.write(bytes)
        if (waiting === undefined) return alsoWaiting
        return alsoWaiting === undefined ? waiting : both(waiting, alsoWaiting)
      },
      async end() {
        const [digest] = await Promise.all([far.end(), near.end()])
        return digest
      },
    }
  }

  /** The far one first: what is in a cache should be in what it caches. */
  async commit(): Promise<void> {
    await this.far.commit()
    await this.near.commit()
  }

  async abort(): Promise<void> {
    await Promise.all([this.near.abort(), this.far.abort()])
  }
}

async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  await Promise.all([one, other])
}
