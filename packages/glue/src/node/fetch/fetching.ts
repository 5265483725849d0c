import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decodeBase64, encodeBase64 } from "@tvix-ts/bytes"
import { CastoreError, decodeNode, encodeNode, type Node } from "@tvix-ts/castore"
import type { Hash } from "@tvix-ts/hash"
import { formatStorePath, parseStorePath, StorePathError } from "@tvix-ts/nix-compat"
import type { NarCalculation, PathInfo, Store } from "@tvix-ts/store"
import type { Fetched, Fetcher, GitRequest, GitTree, UrlRequest } from "../../fetch/fetcher.ts"
import { parseUrl } from "../../fetch/url.ts"
import { FetchError } from "../../fetch/problem.ts"
import { shownUrl } from "../../fetch/uri.ts"
import { FetchCache } from "./cache.ts"
import { piecesOf, type Content } from "./content.ts"
import { Downloader, type Download, type Version } from "./download.ts"
import type { DownloadOptions } from "./fetcher.ts"
import { checkArchiveFile } from "./local-archive.ts"
import { pathOfTree, storeFile, storeNode } from "./objects.ts"
import { fetchSettings, type FetchSettings, type NodeFetcherOptions } from "./options.ts"
import { unpack, UNPACK_LIMITS } from "./unpack.ts"

/** What the cache knows of an address. */
type Cached<T> = Version & T

/** A {@link Fetcher} over HTTP and git's command. */
export class NodeFetching implements Fetcher {
  private readonly settings: FetchSettings
  private readonly cache: FetchCache
  private readonly downloader: Downloader

  private readonly closing = new AbortController()
  /** To be removed at the end. */
  private readonly temporaryFolder: string | undefined

  constructor(options: NodeFetcherOptions) {
    this.temporaryFolder = options.cacheFolder === undefined ? mkdtempSync(join(tmpdir(), "tvix-fetch-")) : undefined
    const folder = options.cacheFolder ?? this.temporaryFolder!
    this.settings = fetchSettings(options, folder, this.closing.signal)
    this.cache = new FetchCache(folder, this.settings.onWarning)
    this.downloader = new Downloader(this.settings)
  }

  close(): void {
    this.closing.abort()
    this.downloader.close()
    this.cache.close()
    if (this.temporaryFolder !== undefined) rmSync(this.temporaryFolder, { recursive: true, force: true })
  }

  contents<T>(
    url: string,
    use: (pieces: AsyncIterable<Uint8Array>, size: number) => Promise<T>,
    options: DownloadOptions = {},
  ): Promise<T> {
    return guarded(async () => {
      const download = await this.downloader.get(url, {}, options)
      return this.take(download, undefined, (content) => use(piecesOf(content), content.size))
    })
  }

  file({ url, name }: UrlRequest): Promise<Fetched> {
    return guarded(async () => {
      if (!hasScheme(url)) throw new FetchError({ code: "invalid-url", message: `URL '${url}' doesn't have a scheme` })
      const store = await this.settings.store()
      const keyOf = (address: string): string => `${name} ${address}`
      const known = this.known(keyOf(url), "file", ({ path }) => storePathOf(path))
      const stored = known && fetchedFile(await this.info(store, known.value))
      if (known?.fresh === true && stored !== undefined) return stored
      const download = await this.download(url, stored && known?.version)
      const file = await this.take(download, stored, async (content) =>
        fetchedFile(await storeFile(content, name, store)),
      )
      const { path } = file
      for (const address of download.urls) this.cache.put("file", keyOf(address), { ...download.version, path })
      return file
    })
  }

  async tarball({ url, name }: UrlRequest): Promise<Fetched> {
    try {
      return await guarded(async () => {
        const { scheme, path } = parseUrl(url)
        if (scheme === "file") await checkArchiveFile(path)
        const store = await this.settings.store()
        const known = this.known(url, "tarball", treeOf)
        const tree = known !== undefined && (await isThere(store, known.value.node)) ? known.value : undefined
        if (known?.fresh === true && tree !== undefined) return await this.named(tree, name, store)
        const download = await this.download(url, tree && known?.version)
        const taken = await this.take(download, tree, async (content) => {
          const node = await this.unpack(content, store, url, path)
          return { node, ...(await store.nar.calculate(node)) }
        })
        const value = cachedTree(taken)
        for (const address of download.urls) this.cache.put("tarball", address, { ...download.version, ...value })
        return await this.named(taken, name, store)
      })
    } catch (error) {
      // C++ Nix makes an input of the address first. If it cannot, there is nothing that it would be fetching.
      throw error instanceof FetchError && hasScheme(url)
        ? error.while(`while fetching the input '${shownUrl(url)}'`)
        : error
    }
  }

  async git(request: GitRequest): Promise<GitTree> {
    return guarded(async () => {
      const { fetchGitTree } = await import("./git/fetch.ts")
      return fetchGitTree(request, this.settings, this.cache)
    })
  }

  /** What the cache says of an address, if that can be what was put there. */
  private known<T>(
    key: string,
    kind: string,
    read: (value: Readonly<Record<string, unknown>>) => T | undefined,
  ): { readonly value: T; readonly version: Version; readonly fresh: boolean } | undefined {
    const known = this.cache.get(kind, key)
    if (known === undefined || typeof known.value !== "object" || known.value === null) return undefined
    const record = known.value as Readonly<Record<string, unknown>>
    const value = read(record)
    if (value === undefined) return undefined
    const { etag, lastModified } = record
    const version = {
      ...(typeof etag === "string" && { etag }),
      ...(typeof lastModified === "string" && { lastModified }),
    }
    const { tarballTtl } = this.settings
    return { value, version, fresh: tarballTtl > 0 && known.age <= tarballTtl }
  }

  /** With a `known` version, whatever happens it can be used: then there is only a warning. */
  private async download(url: string, known: Version | undefined): Promise<Download> {
    try {
      return await this.downloader.get(url, known)
    } catch (error) {
      if (known === undefined || !(error instanceof FetchError)) throw error
      this.settings.onWarning(`${error.message}; using cached version`)
      return { content: undefined, version: known, urls: [] }
    }
  }

  private async take<T>(
    { content }: Download,
    known: T | undefined,
    store: (content: Content) => Promise<T>,
  ): Promise<T> {
    if (content === undefined) return known!
    try {
      return await store(content)
    } finally {
      await content.close()
    }
  }

  private async unpack(content: Content, store: Store, url: string, path: string): Promise<Node> {
    const { bytesMax, onProgress } = this.settings
    const activity = `unpacking '${shownUrl(url)}'`
    let done = 0
    const tell = (finished: boolean): void => onProgress({ activity, done, unit: "bytes", finished })
    try {
      return await unpack(content, store, {
        path,
        limits: { ...UNPACK_LIMITS, bytesMax },
        onProgress(bytes) {
          done = bytes
          tell(false)
        },
      })
    } finally {
      tell(true)
    }
  }

  private async info(store: Store, path: string): Promise<PathInfo | undefined> {
    return store.pathInfos.get(parseStorePath(path).digest)
  }

  /** A tree that is stored, under a name of its own. */
  private async named(tree: Tree, name: string, store: Store): Promise<Fetched> {
    const path = pathOfTree(name, tree.narHash)
    if ((await this.info(store, path)) === undefined) await storeNode(tree.node, name, tree, store)
    return { path, hash: sha256(tree.narHash) }
  }
}

function storePathOf(value: unknown): string | undefined {
  try {
    return typeof value === "string" ? formatStorePath(parseStorePath(value)) : undefined
  } catch (error) {
    if (error instanceof StorePathError) return undefined
    throw error
  }
}

type Tree = NarCalculation & { readonly node: Node }

function cachedTree({ node, narSize, narHash }: Tree): Cached<Record<string, unknown>> {
  return { node: encodeBase64(encodeNode("", node)), narSize, narHash: encodeBase64(narHash) }
}
function treeOf({ node, narSize, narHash }: Readonly<Record<string, unknown>>): Tree | undefined {
  if (typeof node !== "string" || typeof narSize !== "number" || typeof narHash !== "string") return undefined
  try {
    const digest = decodeBase64(narHash)
    const bytes = decodeBase64(node)
    if (digest?.length !== 32 || bytes === undefined) return undefined
    return { node: decodeNode(bytes).node, narSize, narHash: digest }
  } catch (error) {
    if (error instanceof CastoreError) return undefined
    throw error
  }
}

async function isThere(store: Store, node: Node): Promise<boolean> {
  switch (node.type) {
    case "symlink":
      return true
    case "file":
      return (await store.blobs.stat(node.digest)) !== undefined
    case "directory":
      return (await store.directories.get(node.digest)) !== undefined
  }
}

function fetchedFile(info: PathInfo): Fetched
function fetchedFile(info: PathInfo | undefined): Fetched | undefined
/** Undefined for what is there in another way, by somebody else: of that, the hash is not known. */
function fetchedFile(info: PathInfo | undefined): Fetched | undefined {
  if (info?.contentAddress?.method !== "flat") return undefined
  return { path: formatStorePath(info.storePath), hash: info.contentAddress.hash }
}

function sha256(digest: Uint8Array): Hash {
  return { algorithm: "sha256", digest }
}

function hasScheme(url: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(url)
}

/** What the store, or a disk, refuses is a problem of fetching. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CastoreError)
      throw new FetchError({ code: "storage", message: error.message }, { cause: error })
    const { syscall } = error as NodeJS.ErrnoException
    if (error instanceof Error && syscall !== undefined) {
      throw new FetchError({ code: "storage", message: error.message }, { cause: error })
    }
    throw error
  }
}
