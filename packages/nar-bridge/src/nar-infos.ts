import { equal } from "@tvix-ts/bytes"
import type { CallOptions } from "@tvix-ts/castore"
import { hexDigest } from "@tvix-ts/hash"
import { formatNarInfo, type NarInfo, type SecretKey } from "@tvix-ts/nix-compat"
import { signedBy, type PathDescription, type Store } from "@tvix-ts/store"
import { ownNarName, type OwnCompression } from "./nar-name.ts"
import { isHere } from "./stored-node.ts"

/** A narinfo as it is served. */
export interface RenderedNarInfo {
  readonly text: string
  /** With its quotes. */
  readonly etag: string
}

export interface NarInfosOptions {
  readonly keys: readonly SecretKey[]
  /** What narinfos say that the NAR is compressed with. */
  readonly compression: OwnCompression
  /** Bytes of archives that would have to be fetched from another cache; larger ones are not offered. As many as there are without. */
  readonly narSizeMax?: number
  /** How long a narinfo is served without looking whether it has changed: others may write to the store. */
  readonly freshMs?: number
  /** Narinfos that are remembered, of a kilobyte each. */
  readonly entriesMax?: number
  /** Bytes of all of them. */
  readonly bytesMax?: number
  /** ms. */
  readonly clock?: () => number
}

interface Entry {
  /** When it was last compared with the store, ms. */
  checked: number
  readonly description: PathDescription
  readonly rendered: RenderedNarInfo
}

const FRESH_MS = 1000
const ENTRIES_MAX = 50_000
const BYTES_MAX = 64 * 2 ** 20

/**
 * Narinfos of what is in a store. Those of paths that our keys have not signed are signed when they are asked for: what is in
 * the store, we vouch for; and, where it is fetched from other caches, what these have shown to be so.
 */
export class NarInfos {
  readonly #pathInfos: Pick<Store["pathInfos"], "describe">
  readonly #keys: readonly SecretKey[]
  readonly #compression: OwnCompression
  readonly #narSizeMax: number | undefined
  readonly #freshMs: number
  readonly #entriesMax: number
  readonly #bytesMax: number
  readonly #clock: () => number
  /** The least recently rendered first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(store: Pick<Store, "pathInfos">, options: NarInfosOptions) {
    this.#pathInfos = store.pathInfos
    this.#keys = options.keys
    this.#compression = options.compression
    this.#narSizeMax = options.narSizeMax
    this.#freshMs = options.freshMs ?? FRESH_MS
    this.#entriesMax = options.entriesMax ?? ENTRIES_MAX
    this.#bytesMax = options.bytesMax ?? BYTES_MAX
    this.#clock = options.clock ?? (() => performance.now())
  }

  /** The narinfo if it was looked at just now. */
  fresh(digest: string): RenderedNarInfo | undefined {
    const entry = this.#entries.get(digest)
    return entry !== undefined && this.#clock() - entry.checked < this.#freshMs ? entry.rendered : undefined
  }

  /** @param digest the 32 digits of a store path */
  async get(digest: string, options?: CallOptions): Promise<RenderedNarInfo | undefined> {
    const fresh = this.fresh(digest)
    if (fresh !== undefined) return fresh
    const checked = this.#clock()
    const description = await this.#pathInfos.describe(digest, options)
    if (description === undefined || !this.#isOffered(description)) {
      this.forget(digest)
      return undefined
    }
    const known = this.#entries.get(digest)
    if (known !== undefined && sameDescription(known.description, description)) {
      known.checked = checked
      return known.rendered
    }
    const rendered = await this.#render(description)
    this.forget(digest)
    this.#entries.set(digest, { checked, description, rendered })
    this.#bytes += rendered.text.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#bytes <= this.#bytesMax) break
      this.forget(oldest)
    }
    return rendered
  }

  #isOffered(description: PathDescription): boolean {
    return isHere(description) || description.narSize <= (this.#narSizeMax ?? Infinity)
  }

  /** It has changed, as we know. */
  forget(digest: string): void {
    this.#bytes -= this.#entries.get(digest)?.rendered.text.length ?? 0
    this.#entries.delete(digest)
  }

  async #render(description: PathDescription): Promise<RenderedNarInfo> {
    const { storePath, narHash, narSize, references, deriver, contentAddress } = description
    const info: NarInfo = {
      storePath,
      url: `nar/${ownNarName(storePath.digest, narHash, this.#compression)}`,
      compression: this.#compression,
      // Of what is compressed while it is sent, nobody knows them.
      ...(this.#compression === "none" && { fileHash: narHash, fileSize: narSize }),
      narHash,
      narSize,
      references,
      ...(deriver !== undefined && { deriver }),
      signatures: await signedBy(isKnownArchive(description) ? this.#keys : [], description),
      ...(contentAddress !== undefined && { contentAddress }),
    }
    const text = formatNarInfo(info)
    return { text, etag: etagOf(text) }
  }
}

/** A strong tag of a byte string. */
export function etagOf(text: string): string {
  return `"${hexDigest("sha256", text).slice(0, 32)}"`
}

/**
 * Whether the hash of the archive is what we know, or what somebody trusted has signed. Of a path that follows from its contents
 * no signature is wanted; but before they are here, its archive may be anything, which our signature would vouch for.
 */
function isKnownArchive(description: PathDescription): boolean {
  const { contentAddress } = description
  if (contentAddress === undefined || isHere(description)) return true
  return contentAddress.method === "nar" && contentAddress.hash.algorithm === "sha256"
}

/** Path infos are small: comparing them takes less time than rendering one. */
function sameDescription(a: PathDescription, b: PathDescription): boolean {
  return (
    a.narSize === b.narSize &&
    a.storePath.name === b.storePath.name &&
    a.references.length === b.references.length &&
    a.signatures.length === b.signatures.length &&
    equal(a.narHash, b.narHash) &&
    a.references.every((one, i) => samePath(one, b.references[i])) &&
    a.signatures.every((one, i) => one.name === b.signatures[i]!.name && equal(one.bytes, b.signatures[i]!.bytes)) &&
    samePath(a.deriver, b.deriver) &&
    sameAddress(a.contentAddress, b.contentAddress)
  )
}

function samePath(a: PathDescription["deriver"], b: PathDescription["deriver"]): boolean {
  return a?.digest === b?.digest && a?.name === b?.name
}

function sameAddress(a: PathDescription["contentAddress"], b: PathDescription["contentAddress"]): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.method === b.method && a.hash.algorithm === b.hash.algorithm && equal(a.hash.digest, b.hash.digest)
}
