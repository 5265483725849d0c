import { equal, textOf } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type NarInfo, type PublicKey } from "@tvix-ts/nix-compat"
import { checkPathInfo } from "../path-info/check.ts"
import { hasEach } from "../path-info/has-each.ts"
import type { PathDescription, PathInfo } from "../path-info/path-info.ts"
import { requireThere } from "../path-info/require-there.ts"
import type { GetPathInfoOptions, PathInfoService, PutPathInfoOptions } from "../path-info/service.ts"
import { SharedCalls } from "../shared-calls.ts"
import type { Archives, Store, TransferOptions } from "../store.ts"
import type { CacheFiles, Codecs } from "./cache-files.ts"
import { CACHE_INFO, PRIORITY, readCacheInfo, writeCacheInfo, type CacheInfo } from "./cache-info.ts"
import { download } from "./download.ts"
import { descriptionOf, NarInfos } from "./nar-infos.ts"
import { mergeNarInfo, uploadArchive, uploadNarInfo, type UploadCompression } from "./upload.ts"

/** Whose word counts: of those who have these keys; everybody's; or nobody has said so, and then nothing is read. */
export type Trust = readonly PublicKey[] | "everybody" | undefined

export interface BinaryCacheOptions {
  readonly trust: Trust
  /** Where trees are put when path infos are asked for; it stays open when the cache is closed. */
  readonly castore: Pick<Store, "blobs" | "directories">
  /**
   * Bytes of archives that may be put there, if nobody else uses the castore, so that what was put stays; `undefined` if it
   * is somebody else's.
   */
  readonly ownBytesMax: number | undefined
  /** Files and folders that an archive may have: they are in memory until its folders are complete. */
  readonly entriesMax: number
  /** In place of what the cache itself says. */
  readonly priority: number | undefined
  readonly codecs: Codecs
  /** Of archives that are put. */
  readonly compression: UploadCompression
  readonly level?: number
  /** For how long it is remembered that a path is not there, in ms. */
  readonly absentMs: number
  /** ms since whenever. */
  readonly now: () => number
}

/** The path infos and archives of a binary cache, in files as C++ Nix has them. What is in it cannot be listed. */
export class BinaryCache implements PathInfoService, Archives {
  readonly #files: CacheFiles
  readonly #options: BinaryCacheOptions
  readonly #narInfos: NarInfos
  readonly #fetching = new SharedCalls<PathInfo>()
  /** What is in our own castore. */
  readonly #fetched = new Map<string, PathInfo>()
  #fetchedBytes = 0
  #info: Promise<CacheInfo | undefined> | undefined

  constructor(files: CacheFiles, options: BinaryCacheOptions) {
    this.#files = files
    this.#options = options
    const { trust, absentMs, now } = options
    this.#narInfos = new NarInfos(files, { trusted: trust === "everybody" ? undefined : (trust ?? []), absentMs, now })
  }

  /** One request, unless it is remembered. */
  async describe(digest: string, options: CallOptions = {}): Promise<PathDescription | undefined> {
    const narInfo = await this.#narInfo(digest, options)
    return narInfo && descriptionOf(narInfo)
  }

  /** Whether there is a narinfo, whatever it says. */
  has(digests: Iterable<string>, options?: CallOptions): Promise<Set<string>> {
    return hasEach(digests, (digest) => this.#narInfos.has(digest, options))
  }

  /** Fetches the archive, since there is no other way to know the tree. Whoever asks for the same meanwhile waits for it. */
  async get(digest: string, options: GetPathInfoOptions = {}): Promise<PathInfo | undefined> {
    const narInfo = await this.#narInfo(digest, options)
    if (narInfo === undefined) return undefined
    const { castore, ownBytesMax } = this.#options
    const fetched = this.#fetched.get(digest)
    // The cache may have another archive by now, or more signatures.
    if (fetched !== undefined && equal(fetched.narHash, narInfo.narHash) && fetched.narSize === narInfo.narSize) {
      return { ...descriptionOf(narInfo), node: fetched.node }
    }
    return this.#fetching.run(digest, options.signal, async (signal) => {
      const fetch = { ...options, signal }
      if (ownBytesMax === undefined) return this.#fetch(narInfo, castore, fetch)
      if (this.#fetchedBytes + narInfo.narSize > ownBytesMax) {
        const reason = `more than ${ownBytesMax} bytes of archives would be in a temporary folder; cache(NEAR,FAR) keeps them`
        throw new CastoreError({ code: "full", reason })
      }
      this.#fetchedBytes += narInfo.narSize
      try {
        const pathInfo = await this.#fetch(narInfo, castore, fetch)
        this.#fetched.set(digest, pathInfo)
        return pathInfo
      } catch (error) {
        this.#fetchedBytes -= narInfo.narSize
        throw error
      }
    })
  }

  /** Of several caches, the one with the lowest is asked first. */
  async priority(): Promise<number> {
    return this.#options.priority ?? (await this.#cacheInfo())?.priority ?? PRIORITY
  }

  /** Sends archive and narinfo, unless they are there. The tree is that in the castore. */
  async put(pathInfo: PathInfo, { requires = [], ...options }: PutPathInfoOptions = {}): Promise<PathInfo> {
    await requireThere(requires, this, options)
    const narInfo = await this.#push(pathInfo, this.#options.castore, options)
    return { ...descriptionOf(narInfo), node: pathInfo.node }
  }

  async putMany(pathInfos: readonly PathInfo[], options: CallOptions = {}): Promise<void> {
    for (const pathInfo of pathInfos) checkPathInfo(pathInfo)
    // oxlint-disable-next-line no-await-in-loop -- each after those that it refers to
    for (const pathInfo of pathInfos) await this.put(pathInfo, options)
  }

  // oxlint-disable-next-line require-yield -- there is nothing that could be
  async *list(): AsyncGenerator<PathInfo, void, undefined> {
    const reason = "it answers questions about store paths, but does not say which it has"
    throw new CastoreError({ code: "invalid", field: `the binary cache ${this.#files.shown("")}`, reason })
  }

  async fetch(
    description: PathDescription,
    into: Pick<Store, "blobs" | "directories">,
    options: TransferOptions = {},
  ): Promise<PathInfo> {
    const { storePath, narHash, narSize } = description
    const narInfo = await this.#narInfo(storePath.digest, options)
    const what = textOf(formatStorePath(storePath))
    if (narInfo === undefined) throw new CastoreError({ code: "missing", what })
    if (!equal(narInfo.narHash, narHash) || narInfo.narSize !== narSize) {
      throw new CastoreError({ code: "corrupt", what, reason: `the archive of ${this.#files.shown("")} is another` })
    }
    return this.#fetch(narInfo, into, options)
  }

  async push(
    pathInfo: PathInfo,
    from: Pick<Store, "blobs" | "directories">,
    options: TransferOptions & { readonly after?: Promise<unknown> } = {},
  ): Promise<void> {
    await this.#push(pathInfo, from, options)
  }

  async close(): Promise<void> {
    await this.#files.close()
  }

  async #narInfo(digest: string, { signal }: CallOptions): Promise<NarInfo | undefined> {
    const options = signal === undefined ? {} : { signal }
    if (this.#options.trust === undefined) {
      const reason = "say whose signatures count, with trusted-public-keys=NAME:KEY, or require-signatures=false"
      throw new CastoreError({ code: "invalid", field: `the binary cache ${this.#files.shown("")}`, reason })
    }
    // Both at once: what the cache says of itself is asked only the first time.
    const [info, narInfo] = await Promise.all([this.#cacheInfo(), this.#narInfos.get(digest, options)])
    if (info === undefined && narInfo === undefined) {
      const reason = `it has no ${CACHE_INFO}, so that it does not appear to be one`
      throw new CastoreError({ code: "invalid", field: `the binary cache ${this.#files.shown("")}`, reason })
    }
    return narInfo
  }

  async #fetch(
    narInfo: NarInfo,
    into: Pick<Store, "blobs" | "directories">,
    options: TransferOptions & GetPathInfoOptions,
  ): Promise<PathInfo> {
    try {
      const { codecs, entriesMax } = this.#options
      const node = await download(narInfo, this.#files, codecs, into, { ...options, entriesMax })
      return { ...descriptionOf(narInfo), node }
    } catch (error) {
      // The next who asks is told what is there then.
      this.#narInfos.forget(narInfo.storePath.digest)
      throw error
    }
  }

  async #push(
    pathInfo: PathInfo,
    from: Pick<Store, "blobs" | "directories">,
    options: TransferOptions & { readonly after?: Promise<unknown> },
  ): Promise<NarInfo> {
    checkPathInfo(pathInfo)
    const { storePath } = pathInfo
    const { codecs, compression, level } = this.#options
    const { after, ...transfer } = options
    await this.#initialize(options)
    const there = this.#narInfos.isAbsent(storePath.digest)
      ? undefined
      : await this.#narInfos.read(storePath.digest, options).catch(replaceable)
    const merged = there && mergeNarInfo(there, pathInfo)
    if (merged !== undefined && merged.signatures.length === there!.signatures.length) return merged
    const upload = { compression, ...(level !== undefined && { level }), ...transfer }
    const narInfo = merged ?? (await uploadArchive(pathInfo, this.#files, codecs, from, upload))
    await after
    await uploadNarInfo(narInfo, this.#files, transfer)
    this.#narInfos.forget(storePath.digest)
    return narInfo
  }

  async #initialize({ signal }: CallOptions): Promise<void> {
    if ((await this.#cacheInfo()) !== undefined) return
    await writeCacheInfo(this.#files, signal === undefined ? {} : { signal })
    this.#info = undefined
  }

  #cacheInfo(): Promise<CacheInfo | undefined> {
    if (this.#info !== undefined) return this.#info
    const info = readCacheInfo(this.#files, {})
    this.#info = info
    const retry = (): void => void (this.#info = undefined)
    // What is not there may come.
    info.then((found) => found ?? retry(), retry)
    return info
  }
}

/** What is damaged is no hindrance to putting it right. */
function replaceable(error: unknown): undefined {
  if (error instanceof CastoreError && error.problem.code === "corrupt") return undefined
  throw error
}
