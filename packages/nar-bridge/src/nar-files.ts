import { equal } from "@tvix-ts/bytes"
import type { CallOptions, Node } from "@tvix-ts/castore"
import { encodeNix32 } from "@tvix-ts/hash"
import {
  openNar,
  renderNar,
  SharedCalls,
  writeNar,
  type Compression,
  type NarCalculation,
  type NarFile,
  type Store,
} from "@tvix-ts/store"
import { networkOf } from "./address.ts"
import type { Fetches } from "./fetches.ts"
import { whileSent, type Answer, type StreamedBody } from "./http/answer.ts"
import type { CacheRequest } from "./http/exchange.ts"
import { matches, rangeHolds, rangeOf, type ByteRange } from "./http/range.ts"
import type { Gate } from "./limits.ts"
import { LiveArchive } from "./live-archive.ts"
import { parseOwnNarName, parseUploadName } from "./nar-name.ts"
import { refuse } from "./problem.ts"
import { isHere, isStored } from "./stored-node.ts"
import type { Uploads } from "./uploads.ts"

/** Makes something smaller while it is sent. */
export interface Compressor {
  /** Of the program and its settings: what has the same one gives the same bytes for the same bytes. */
  readonly version: string
  /** Pieces, of `contents` as well, are done with when the next is asked for. */
  compress(contents: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/** What a host can compress with; what is not there is answered with 404. */
export type Compressors = { readonly [Kind in Compression]?: Compressor }

/** Archives of which an index is kept, for those who read them in many small parts. */
const OPEN_MAX = 4
const TYPE = "application/x-nix-nar"

/** Who may have archives: as they are, or compressed while they are sent. */
export interface NarGates {
  readonly downloads: Gate
  readonly compressions: Gate
}

/** Values of `Cache-Control`. */
export interface NarCaching {
  readonly immutable: string
  readonly changing: string
}

interface Found extends NarCalculation {
  /** `undefined` if the archive is elsewhere; then {@link fetch} brings it: whole, or as it comes. */
  readonly node: Node | undefined
  readonly fetch: (how: "get" | "follow") => Promise<Node | LiveArchive | undefined>
  readonly compression: Compression
  /** Whether the name is that of these bytes, and of no others. */
  readonly isImmutable: boolean
}

/** The archives of a store, under the names of nar-name.ts and those that they were uploaded with. */
export class NarFiles {
  readonly #store: Store
  readonly #uploads: Uploads
  readonly #compressors: Compressors
  readonly #gates: NarGates
  readonly #fetches: Fetches
  readonly #indexedMax: number
  /** By the SHA-256 of the archive; the least recently used first. */
  readonly #open = new Map<string, NarFile>()
  readonly #opening = new SharedCalls<NarFile>()

  /** @param indexedMax entries of a tree that may be read in parts: its index takes some 300 bytes for each */
  constructor(
    store: Store,
    uploads: Uploads,
    compressors: Compressors,
    gates: NarGates,
    fetches: Fetches,
    indexedMax: number,
  ) {
    this.#indexedMax = indexedMax
    this.#store = store
    this.#uploads = uploads
    this.#compressors = compressors
    this.#gates = gates
    this.#fetches = fetches
  }

  /**
   * The body of what is answered is to be written, come what may: it may have a place that others wait for.
   *
   * @param cacheControl of what never changes, and of what may
   * @throws {CacheError} `not-found`, `range`, `busy`
   */
  async answer(name: string, request: CacheRequest, cacheControl: NarCaching): Promise<Answer> {
    const { signal } = request
    const { downloads, compressions } = this.#gates
    const client = networkOf(request.address)
    const found = await this.#find(name, request)
    if (found === undefined) refuse({ code: "not-found", what: `nar/${name}` })
    const { compression, narHash, narSize } = found
    const compressor = compression === "none" ? undefined : this.#compressors[compression]
    if (compression !== "none" && compressor === undefined) refuse({ code: "not-found", what: `nar/${name}` })
    const base = encodeNix32(narHash)
    const etag = compressor === undefined ? `"${base}"` : `"${base}-${compressor.version}"`
    const headers: Record<string, string> = {
      "Content-Type": TYPE,
      ETag: etag,
      "Cache-Control": found.isImmutable ? cacheControl.immutable : cacheControl.changing,
    }
    if (compressor === undefined) headers["Accept-Ranges"] = "bytes"
    if (matches(request.header("if-none-match"), etag)) return { status: 304, headers }
    if (request.method === "HEAD") {
      // Of what is elsewhere, all that is known is that it is.
      if (found.node !== undefined) {
        await this.#requireStored(found.node, name, { signal })
        if (entriesOf(found.node) > this.#indexedMax) delete headers["Accept-Ranges"]
      }
      if (compressor !== undefined) return { status: 200, headers }
      return { status: 200, headers, body: { length: narSize, write: async () => {} } }
    }
    const isRanged = compressor === undefined && rangeHolds(request.header("if-range"), etag)
    const asked = isRanged ? rangeOf(request.header("range"), narSize) : undefined
    if (asked === "none") refuse({ code: "range", size: narSize })
    const node = found.node ?? (await found.fetch(asked === undefined ? "follow" : "get"))
    if (node === undefined) return refuse({ code: "not-found", what: `nar/${name}` })
    if (node instanceof LiveArchive) {
      // Whether it can be read in parts is known when it is here.
      delete headers["Accept-Ranges"]
      const leave = await (compressor === undefined ? downloads : compressions).enter(signal, client)
      return { status: 200, headers, body: whileSent(this.#live(base, node, compressor), leave) }
    }
    const isIndexed = entriesOf(node) <= this.#indexedMax
    if (!isIndexed) delete headers["Accept-Ranges"]
    const range = isIndexed ? asked : undefined
    // Once it has begun, an end that comes too early is all that can be said.
    await this.#requireStored(node, name, { signal })
    const leave = await (compressor === undefined ? downloads : compressions).enter(signal, client)
    try {
      const body = compressor === undefined ? this.#whole(node, narSize) : this.#compressed(node, compressor)
      if (range === undefined) return { status: 200, headers, body: whileSent(body, leave) }
      const nar = await this.#openNar(base, node, signal)
      headers["Content-Range"] = `bytes ${range.from}-${range.to - 1}/${narSize}`
      return { status: 206, headers, body: whileSent(partOf(nar, range), leave) }
    } catch (error) {
      leave()
      throw error
    }
  }

  async #find(name: string, request: CacheRequest): Promise<Found | undefined> {
    const options: CallOptions = { signal: request.signal }
    const own = parseOwnNarName(name)
    if (own !== undefined) {
      const { digest, narHash, compression } = own
      const described = await this.#store.pathInfos.describe(digest, options)
      if (described === undefined || !equal(described.narHash, narHash)) return undefined
      const { narSize } = described
      const fetch: Found["fetch"] = async (how) => {
        const fetched = await this.#fetches[how](digest, request)
        if (fetched === undefined || !equal(fetched.narHash, narHash)) return undefined
        return fetched instanceof LiveArchive ? fetched : fetched.node
      }
      const node = isHere(described) ? described.node : undefined
      return { node, fetch, narHash, narSize, compression, isImmutable: true }
    }
    const { compression, hash } = parseUploadName(name) ?? {}
    const upload = compression === undefined ? undefined : await this.#uploads.get(name)
    if (compression === undefined || upload === undefined) return undefined
    const { node, narHash, narSize } = upload
    return { node, fetch: async () => node, narHash, narSize, compression, isImmutable: hash !== undefined }
  }

  /** It may have been collected since it was heard of. @throws {CacheError} `not-found` */
  async #requireStored(node: Node, name: string, options: CallOptions): Promise<void> {
    if (!(await isStored(node, this.#store, options))) refuse({ code: "not-found", what: `nar/${name}` })
  }

  #whole(node: Node, length: number): StreamedBody {
    return { length, write: (output, signal) => writeNar(node, this.#store, output, { signal }) }
  }

  #compressed(node: Node, compressor: Compressor): StreamedBody {
    return compressedBody(compressor, (signal) => renderNar(node, this.#store, { signal }))
  }

  #live(base: string, archive: LiveArchive, compressor: Compressor | undefined): StreamedBody {
    const { narSize } = archive
    const read = (signal: AbortSignal): AsyncIterable<Uint8Array> =>
      archive.read((node, from) => this.#rest(base, node, { from, to: narSize }, signal), signal)
    return compressor === undefined ? bodyOf(narSize, read) : compressedBody(compressor, read)
  }

  async *#rest(
    base: string,
    node: Node,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (range.from > 0 && entriesOf(node) <= this.#indexedMax) {
      const nar = await this.#openNar(base, node, signal)
      yield* nar.read({ ...range, signal, fleeting: true })
      return
    }
    let offset = 0
    for await (const piece of renderNar(node, this.#store, { signal })) {
      const skipped = Math.max(0, range.from - offset)
      offset += piece.length
      if (skipped < piece.length) yield piece.subarray(skipped)
    }
  }

  /** Made once for all who want it at the same time, as long as one of them does. */
  async #openNar(key: string, node: Node, signal: AbortSignal): Promise<NarFile> {
    const nar =
      this.#open.get(key) ??
      (await this.#opening.run(key, signal, (stop) => openNar(node, this.#store, { signal: stop })))
    this.#open.delete(key)
    this.#open.set(key, nar)
    if (this.#open.size > OPEN_MAX) this.#open.delete(this.#open.keys().next().value!)
    return nar
  }
}

function entriesOf(node: Node): number {
  return node.type === "directory" ? node.size : 0
}

function partOf(nar: NarFile, { from, to }: ByteRange): StreamedBody {
  return bodyOf(to - from, (signal) => nar.read({ from, to, signal, fleeting: true }))
}

type Contents = (signal: AbortSignal) => AsyncIterable<Uint8Array>

function compressedBody(compressor: Compressor, contents: Contents): StreamedBody {
  return bodyOf(undefined, (signal) => compressor.compress(inBlocks(contents(signal))))
}

function bodyOf(length: number | undefined, contents: Contents): StreamedBody {
  return {
    length,
    async write(output, signal) {
      for await (const piece of contents(signal)) {
        const waiting = output(piece)
        if (waiting !== undefined) await waiting
      }
    },
  }
}

const BLOCK_BYTES = 2 ** 17

/** The same bytes in fewer pieces, each only until the next is taken. */
async function* inBlocks(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const block = new Uint8Array(BLOCK_BYTES)
  let used = 0
  for await (const piece of contents) {
    if (used + piece.length > BLOCK_BYTES) {
      if (used > 0) yield block.subarray(0, used)
      used = 0
    }
    if (piece.length > BLOCK_BYTES) yield piece
    else {
      block.set(piece, used)
      used += piece.length
    }
  }
  if (used > 0) yield block.subarray(0, used)
}
