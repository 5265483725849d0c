import { equal } from "@tvix-ts/bytes"
import type { Contents } from "@tvix-ts/castore"
import { encodeNix32, startHash } from "@tvix-ts/hash"
import { ingestNar, type Compression, type Store } from "@tvix-ts/store"
import type { CacheRequest } from "./http/exchange.ts"
import { parseOwnNarName, parseUploadName } from "./nar-name.ts"
import { CacheError, refuse } from "./problem.ts"
import type { Upload, Uploads } from "./uploads.ts"

/** Turns what was compressed into what it was. Fails with what is wrong with it, or with what the source fails with. */
export type Decompress = (contents: AsyncIterable<Uint8Array>, compression: Compression) => AsyncIterable<Uint8Array>

export interface PutNarOptions {
  readonly store: Store
  readonly uploads: Uploads
  readonly decompress: Decompress | undefined
  /** Bytes of an archive, and of the file that it comes in. */
  readonly narSizeMax: number
  readonly entriesMax: number
}

/** How files of each kind begin. Brotli says nothing of itself. */
const MAGIC: readonly (readonly [kind: Compression, bytes: readonly number[]])[] = [
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["gzip", [0x1f, 0x8b]],
]

/**
 * Takes a NAR file in: it is decompressed, hashed, cut into chunks and stored as it arrives. Resolves when it is durable, and
 * remembered by its name, which is what its narinfo will speak of.
 *
 * @throws {CacheError} {NarError} {CastoreError} and nothing of it is kept
 */
export async function putNar(name: string, request: CacheRequest, options: PutNarOptions): Promise<Upload> {
  const { store, uploads, narSizeMax, entriesMax } = options
  const parsed = parseUploadName(name)
  if (parsed === undefined) {
    return refuse({
      code: "malformed",
      part: `nar/${name}`,
      reason: "NARs are called after their hash: nar/<hash>.nar.zst",
    })
  }
  if (parsed.compression === undefined) {
    return refuse({
      code: "unsupported",
      part: `nar/${name}`,
      reason: "NARs may be compressed with xz, zstd, bzip2 or brotli",
    })
  }
  const encoding = request.header("content-encoding") ?? "identity"
  if (encoding !== "identity") {
    return refuse({
      code: "unsupported",
      part: "Content-Encoding",
      reason: "the name of a NAR says how it is compressed",
    })
  }
  const expected = parseOwnNarName(name)?.narHash
  const file = new FileMeter(request.body(), narSizeMax)
  const pieces = checkedAtEnd(archiveOf(file, parsed.compression, options.decompress), file)
  const { signal } = request
  const ingested = await ingestNar(pieces, store, {
    signal,
    narSizeMax,
    entriesMax,
    ...(expected !== undefined && { narHash: expected }),
  })
  const { node, narHash, narSize } = ingested
  const fileHash = file.digest()
  // Of the file, as C++ Nix calls it, or of the archive, as others do.
  if (parsed.hash !== undefined && !equal(parsed.hash, fileHash) && !equal(parsed.hash, narHash)) {
    const reason = `it is called after another SHA-256 than it has, ${encodeNix32(fileHash)}`
    refuse({ code: "malformed", part: "the file", reason })
  }
  const upload: Upload = { name, node, narHash, narSize, fileHash, fileSize: file.size }
  await uploads.put(upload)
  return upload
}

/** The file as it comes: measured, and hashed. */
class FileMeter implements AsyncIterable<Uint8Array> {
  readonly #contents: Contents
  readonly #sizeMax: number
  readonly #hasher = startHash("sha256")
  #digest: Uint8Array | undefined
  size = 0
  /** Whether it could not be read to its end. */
  failed = false

  constructor(contents: Contents, sizeMax: number) {
    this.#contents = contents
    this.#sizeMax = sizeMax
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const piece of this.#contents) {
        this.size += piece.length
        if (this.size > this.#sizeMax) refuse({ code: "too-large", part: "the file", sizeMax: this.#sizeMax })
        this.#hasher.update(piece)
        yield piece
      }
    } catch (error) {
      this.failed = true
      throw error
    }
    this.#digest = this.#hasher.digest()
  }

  /** @throws {CacheError} if it was not read to its end */
  digest(): Uint8Array {
    if (this.#digest !== undefined) return this.#digest
    return refuse({ code: "malformed", part: "the file", reason: "there is something after the compressed NAR" })
  }
}

/** What is in the file. */
async function* archiveOf(
  file: FileMeter,
  named: Compression,
  decompress: Decompress | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = file[Symbol.asyncIterator]()
  const first = await source.next()
  // C++ Nix has no suffix for some kinds.
  const start = first.done === true ? new Uint8Array() : first.value
  const kind = named === "none" ? sniff(start) : named
  const whole = startingWith(start, source)
  if (kind === "none") return yield* whole
  if (decompress === undefined) {
    return refuse({ code: "unsupported", part: "the file", reason: "only NARs that are not compressed are taken" })
  }
  try {
    yield* decompress(whole, kind)
  } catch (cause) {
    if (file.failed) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CacheError({ code: "malformed", part: "the file", reason }, { cause })
  }
}

function sniff(start: Uint8Array): Compression {
  const known = MAGIC.find(([, bytes]) => bytes.every((byte, i) => start[i] === byte))
  return known?.[0] ?? "none"
}

async function* startingWith(
  start: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (start.length > 0) yield start
  yield* rest
}

/** Before anything is stored. */
async function* checkedAtEnd(
  pieces: AsyncIterable<Uint8Array>,
  file: FileMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
  file.digest()
}
