import { equal } from "@tvix-ts/bytes"
import type { CallOptions, Node } from "@tvix-ts/castore"
import { encodeNix32 } from "@tvix-ts/hash"
import {
  openNar,
  renderNar,
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
import { parseOwnNarName, parseUploadName } from "./nar-name.ts"
import { refuse } from "./problem.ts"
import { isStored } from "./stored-node.ts"
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

interface Found extends NarCalculation {
  /** Looks it up, where that may mean to fetch the archive from elsewhere. */
  readonly node: () => Promise<Node>
  readonly compression: Compression
}

/** The archives of a store, under the names of nar-name.ts and those that they were uploaded with. */
export class NarFiles {
  readonly #store: Store
  readonly #uploads: Uploads
  readonly #compressors: Compressors
  readonly #gates: NarGates
  readonly #fetches: Fetches
  /** By the SHA-256 of the archive; the least recently used first. */
  readonly #open = new Map<string, Promise<NarFile>>()

  constructor(store: Store, uploads: Uploads, compressors: Compressors, gates: NarGates, fetches: Fetches) {
    this.#store = store
    this.#uploads = uploads
    this.#compressors = compressors
    this.#gates = gates
    this.#fetches = fetches
  }

  /**
   * The body of what is answered is to be written, come what may: it may have a place that others wait for.
   *
   * @param cacheControl of what never changes
   * @throws {CacheError} `not-found`, `range`, `busy`
   */
  async answer(name: string, request: CacheRequest, cacheControl: string): Promise<Answer> {
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
    const headers: Record<string, string> = { "Content-Type": TYPE, ETag: etag, "Cache-Control": cacheControl }
    if (compressor === undefined) headers["Accept-Ranges"] = "bytes"
    if (matches(request.header("if-none-match"), etag)) return { status: 304, headers }
    const isHead = request.method === "HEAD"
    if (compressor !== undefined) {
      if (isHead) return { status: 200, headers }
      const node = await found.node()
      const leave = await compressions.enter(signal, client)
      return { status: 200, headers, body: whileSent(this.#compressed(node, compressor), leave) }
    }
    const ranged = rangeHolds(request.header("if-range"), etag) && !isHead
    const range = ranged ? rangeOf(request.header("range"), narSize) : undefined
    if (range === "none") refuse({ code: "range", size: narSize })
    if (range !== undefined) {
      const nar = await this.#openNar(base, await found.node())
      headers["Content-Range"] = `bytes ${range.from}-${range.to - 1}/${narSize}`
      const leave = await downloads.enter(signal, client)
      return { status: 206, headers, body: whileSent(partOf(nar, range), leave) }
    }
    if (isHead) return { status: 200, headers, body: { length: narSize, write: async () => {} } }
    const node = await found.node()
    // Once it has begun, an end that comes too early is all that can be said.
    if (!(await isStored(node, this.#store, { signal }))) refuse({ code: "not-found", what: `nar/${name}` })
    const write: StreamedBody["write"] = (output, aborted) => writeNar(node, this.#store, output, { signal: aborted })
    const leave = await downloads.enter(signal, client)
    return { status: 200, headers, body: whileSent({ length: narSize, write }, leave) }
  }

  async #find(name: string, request: CacheRequest): Promise<Found | undefined> {
    const options: CallOptions = { signal: request.signal }
    const own = parseOwnNarName(name)
    if (own !== undefined) {
      const { digest, narHash, compression } = own
      const described = await this.#store.pathInfos.describe(digest, options)
      if (described === undefined || !equal(described.narHash, narHash)) return undefined
      const { narSize } = described
      const node = async (): Promise<Node> => {
        const pathInfo = await this.#fetches.get(digest, request)
        if (pathInfo === undefined || !equal(pathInfo.narHash, narHash)) {
          return refuse({ code: "not-found", what: `nar/${name}` })
        }
        return pathInfo.node
      }
      return { node, narHash, narSize, compression }
    }
    const compression = parseUploadName(name)?.compression
    const upload = compression === undefined ? undefined : await this.#uploads.get(name)
    if (compression === undefined || upload === undefined) return undefined
    const { node, narHash, narSize } = upload
    // It may have been collected since.
    if (!(await isStored(node, this.#store, options))) return undefined
    return { node: async () => node, narHash, narSize, compression }
  }

  #compressed(node: Node, compressor: Compressor): StreamedBody {
    return {
      length: undefined,
      write: async (output, signal) => {
        const blocks = inBlocks(renderNar(node, this.#store, { signal }))
        for await (const piece of compressor.compress(blocks)) {
          const waiting = output(piece)
          if (waiting !== undefined) await waiting
        }
      },
    }
  }

  #openNar(key: string, node: Node): Promise<NarFile> {
    const opened = this.#open.get(key) ?? openNar(node, this.#store)
    this.#open.delete(key)
    this.#open.set(key, opened)
    if (this.#open.size > OPEN_MAX) this.#open.delete(this.#open.keys().next().value!)
    opened.catch(() => this.#open.delete(key))
    return opened
  }
}

function partOf(nar: NarFile, { from, to }: ByteRange): StreamedBody {
  return {
    length: to - from,
    async write(output, signal) {
      for await (const piece of nar.read({ from, to, signal, fleeting: true })) {
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
