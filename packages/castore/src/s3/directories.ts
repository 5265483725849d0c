import type { CallOptions } from "../call.ts"
import { digestKey, digestOf, formatDigest, type B3Digest } from "../digest.ts"
import { ClosureCheck, type EncodedDirectory } from "../directory/closure.ts"
import { encodeDirectory } from "../directory/codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "../directory/service.ts"
import { decodeStored } from "../directory/stored.ts"
import { CastoreError } from "../problem.ts"
import { readVerified } from "./contents.ts"
import { objectName } from "./names.ts"
import { S3Objects } from "./objects.ts"
import type { S3Options, Zstd } from "./options.ts"

/** Directories of a tree that are read at once: as many as go in a round trip. */
const READS_AT_ONCE = 32

/**
 * Directories as objects, one each. Of a tree, each is stored after those in it, so that whoever finds one finds all that is
 * below it, whatever ended the storing.
 */
export function s3DirectoryService(options: S3Options): DirectoryService {
  return new S3Directories(new S3Objects(options), options.zstd)
}

class S3Directories implements DirectoryService {
  readonly #objects: S3Objects
  readonly #zstd: Zstd

  constructor(objects: S3Objects, zstd: Zstd) {
    this.#objects = objects
    this.#zstd = zstd
  }

  async get(digest: B3Digest, options: CallOptions = {}): Promise<Directory | undefined> {
    const bytes = await readVerified("directory", digest, this.#objects, this.#zstd, options)
    return bytes && decodeStored(digest, bytes)
  }

  async *getRecursive(digest: B3Digest, options: CallOptions = {}): AsyncGenerator<Directory, void, undefined> {
    const stop = new AbortController()
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
    const seen = new Set([digestKey(digest)])
    /** Level by level: those that are known of, and, before them, those that are being read. */
    const known: B3Digest[] = [digest]
    const underWay: { readonly digest: B3Digest; readonly directory: Promise<Directory | undefined> }[] = []
    let taken = 0
    try {
      for (;;) {
        while (underWay.length < READS_AT_ONCE && taken < known.length) {
          const next = known[taken++]!
          const directory = this.get(next, { signal })
          // Its turn comes later, or not at all.
          directory.catch(() => {})
          underWay.push({ digest: next, directory })
        }
        const first = underWay.shift()
        if (first === undefined) return
        const directory = await first.directory
        options.signal?.throwIfAborted()
        if (directory === undefined) {
          if (first.digest === digest) return
          throw new CastoreError({ code: "missing", what: `directory ${formatDigest(first.digest)}` })
        }
        for (const [, node] of directory.entries) {
          if (node.type !== "directory" || seen.has(digestKey(node.digest))) continue
          seen.add(digestKey(node.digest))
          known.push(node.digest)
        }
        yield directory
      }
    } finally {
      stop.abort()
    }
  }

  async put(directory: Directory, options: CallOptions = {}): Promise<B3Digest> {
    options.signal?.throwIfAborted()
    const bytes = encodeDirectory(directory)
    const digest = digestOf(bytes)
    await this.#store({ digest, bytes }, options)
    return digest
  }

  putMultiple(options: CallOptions = {}): DirectoryPutter {
    const closure = new ClosureCheck()
    const staged = new Map<string, EncodedDirectory & { readonly children: readonly string[] }>()
    return {
      put: (directory) => {
        options.signal?.throwIfAborted()
        const { digest, bytes } = closure.add(directory)
        const children = directory.entries.flatMap(([, node]) =>
          node.type === "directory" ? digestKey(node.digest) : [],
        )
        staged.set(digestKey(digest), { digest, bytes, children })
      },
      close: async () => {
        options.signal?.throwIfAborted()
        const root = closure.finish()
        // If one fails, those that contain it are not stored, and the others need not be.
        const stop = new AbortController()
        const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
        const stored = new Map<string, Promise<void>>()
        for (const [key, { children, ...one }] of staged) {
          const storing = Promise.all(children.flatMap((child) => stored.get(child) ?? []))
            .then(() => this.#store(one, { signal }))
            .catch((error: unknown) => {
              stop.abort(error)
              throw error
            })
          stored.set(key, storing)
        }
        const results = await Promise.allSettled(stored.values())
        options.signal?.throwIfAborted()
        if (stop.signal.aborted) throw stop.signal.reason
        for (const result of results) if (result.status === "rejected") throw result.reason
        return root
      },
    }
  }

  async close(): Promise<void> {}

  async #store({ digest, bytes }: EncodedDirectory, options: CallOptions): Promise<void> {
    options.signal?.throwIfAborted()
    const compressed = await this.#zstd.compress(bytes)
    await this.#objects.put(objectName("directories", digest), compressed, { unless: "there", ...options })
  }
}
