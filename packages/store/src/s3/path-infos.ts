import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { S3Objects, type S3Options } from "@tvix-ts/castore/s3"
import { ahead } from "../ahead.ts"
import { checkStoreDigest } from "../path-info/check.ts"
import { encodePathInfo } from "../path-info/codec.ts"
import { hasEach } from "../path-info/has-each.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import { putInOrder } from "../path-info/put-in-order.ts"
import { requireThere } from "../path-info/require-there.ts"
import type { PathInfoService, PutPathInfoOptions } from "../path-info/service.ts"
import { mergeSignatures } from "../path-info/signatures.ts"
import { decodeStored } from "../path-info/stored.ts"

/** Bytes: 10,000 references and as many signatures have some 2 MB. */
const PATH_INFO_BYTES_MAX = 16 * 2 ** 20
/** Path infos of a list that are read at once. */
const READS_AT_ONCE = 32
/** How often a path info is put that others keep changing meanwhile. */
const PUTS_MAX = 32

/**
 * Path infos as objects, one each:
 *
 *     pathinfos/DIGEST    tvix.store.v1.PathInfo; DIGEST is the 32 digits of the store path
 *
 * Their names are in the order of the digests, which is that of lists. One that is put in place of another is put on the
 * condition that nobody else has done so meanwhile, so that no signature is lost; where a service knows no conditions, that
 * holds within one process only.
 */
export function s3PathInfoService(options: S3Options): PathInfoService {
  return new S3PathInfos(new S3Objects(options))
}

class S3PathInfos implements PathInfoService {
  readonly #objects: S3Objects
  /** By digest: puts under way in this process. */
  readonly #putting = new Map<string, Promise<unknown>>()

  constructor(objects: S3Objects) {
    this.#objects = objects
  }

  async get(digest: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    options.signal?.throwIfAborted()
    checkStoreDigest(digest, "digest")
    const object = await this.#objects.get(nameOf(digest), PATH_INFO_BYTES_MAX, options)
    return object && decodeStored(digest, object.bytes)
  }

  describe(digest: string, options?: CallOptions): Promise<PathInfo | undefined> {
    return this.get(digest, options)
  }

  has(digests: Iterable<string>, options: CallOptions = {}): Promise<Set<string>> {
    return hasEach(digests, async (digest) => {
      options.signal?.throwIfAborted()
      checkStoreDigest(digest, "digest")
      return (await this.#objects.head(nameOf(digest), options)) !== undefined
    })
  }

  async put(pathInfo: PathInfo, { requires = [], ...options }: PutPathInfoOptions = {}): Promise<PathInfo> {
    options.signal?.throwIfAborted()
    // The caller may change it while we wait; and what is not valid is refused now.
    const own = structuredClone(pathInfo)
    const bytes = encodePathInfo(own)
    const { digest } = own.storePath
    await requireThere(requires, this, options)
    const before = this.#putting.get(digest)
    const putting = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#put(own, bytes, options))
    this.#putting.set(digest, putting)
    try {
      return await putting
    } finally {
      if (this.#putting.get(digest) === putting) this.#putting.delete(digest)
    }
  }

  putMany(pathInfos: readonly PathInfo[], options: CallOptions = {}): Promise<void> {
    return putInOrder(pathInfos, (pathInfo, one) => this.put(pathInfo, one), options)
  }

  async *list(options: CallOptions = {}): AsyncGenerator<PathInfo, void, undefined> {
    options.signal?.throwIfAborted()
    let digests: string[] = []
    for await (const name of this.#objects.list(PREFIX, options)) {
      const digest = name.slice(PREFIX.length)
      // Others may keep other things in the bucket.
      if (!DIGITS.test(digest)) continue
      digests.push(digest)
      if (digests.length < READS_AT_ONCE * 8) continue
      yield* this.#some(digests, options)
      digests = []
    }
    yield* this.#some(digests, options)
  }

  async close(): Promise<void> {}

  async #put(pathInfo: PathInfo, bytes: Uint8Array, options: CallOptions): Promise<PathInfo> {
    const { digest } = pathInfo.storePath
    for (let i = 0; i < PUTS_MAX; i++) {
      options.signal?.throwIfAborted()
      const object = await this.#objects.get(nameOf(digest), PATH_INFO_BYTES_MAX, options)
      const merged = mergeSignatures(object && intact(digest, object.bytes), pathInfo)
      const merging = merged === pathInfo ? bytes : encodePathInfo(merged)
      const condition =
        object === undefined
          ? ({ unless: "there" } as const)
          : object.etag === undefined
            ? {}
            : { replaces: object.etag }
      if (await this.#objects.put(nameOf(digest), merging, { ...condition, ...options })) return merged
    }
    const reason = `the path info of ${digest} is being changed by others all the time`
    throw new CastoreError({ code: "unavailable", reason })
  }

  async *#some(digests: readonly string[], options: CallOptions): AsyncGenerator<PathInfo, void, undefined> {
    for await (const pathInfo of ahead(digests, READS_AT_ONCE, (digest) => this.get(digest, options))) {
      options.signal?.throwIfAborted()
      // It may be gone since it was listed.
      if (pathInfo !== undefined) yield pathInfo
    }
    options.signal?.throwIfAborted()
  }
}

const PREFIX = "pathinfos/"
const DIGITS = /^[0-9a-df-np-sv-z]{32}$/

function nameOf(digest: string): string {
  return PREFIX + digest
}

/** What is damaged is no hindrance to putting it right. */
function intact(digest: string, bytes: Uint8Array): PathInfo | undefined {
  try {
    return decodeStored(digest, bytes)
  } catch (error) {
    if (error instanceof CastoreError) return undefined
    throw error
  }
}
