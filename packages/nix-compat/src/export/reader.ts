import { byteStringFrom } from "@tvix-ts/bytes"
import { NarReader } from "../nar/reader.ts"
import type { NarSink } from "../nar/sink.ts"
import { paddingOf } from "../nar/words.ts"
import { NAME_LENGTH_MAX, StorePathError } from "../problem.ts"
import { DERIVATION_SUFFIX, parseStorePath, STORE_DIR, storePathBase, type StorePath } from "../store-path.ts"
import { MAGIC, MORE, NO_MORE, type ExportDescription } from "./format.ts"
import { ExportError } from "./problem.ts"

/** One path of an export. Its parts have to be read in this order. */
export interface ExportedPath {
  /** Its Nix archive. A piece is good as long as those of the export are. */
  readonly archive: AsyncIterable<Uint8Array>
  /** To be called when the archive has been read to its end. @throws {ExportError} */
  description(): Promise<ExportDescription>
}

/** Digest, dash and name, below the store. */
const PATH_LENGTH_MAX = STORE_DIR.length + 1 + 33 + NAME_LENGTH_MAX
/** Nobody checked the signatures that there were; they are skipped. */
const SIGNATURE_LENGTH_MAX = 65_536
/** Ten times what the largest systems refer to from one path. */
const REFERENCES_MAX = 100_000

/**
 * Reads what `nix-store --export` writes, one path after the other; whatever follows it is not read. Each must be read to its
 * end before the next is asked for.
 *
 * @param contents whose pieces need be good only until the next is asked for
 * @throws {ExportError} for what is no export
 * @throws {NarError} as the archives do
 */
export async function* readExport(contents: AsyncIterable<Uint8Array>): AsyncGenerator<ExportedPath, void, undefined> {
  const source = new Source(contents)
  try {
    for (;;) {
      const mark = await source.number()
      if (mark === NO_MORE) return
      if (mark !== MORE) throw new ExportError({ code: "mark" })
      const path = new Exported(source)
      yield path
      if (!path.done) throw new Error("the path before has not been read to its end")
    }
  } finally {
    await source.close()
  }
}

class Exported implements ExportedPath {
  done = false
  readonly #source: Source
  constructor(source: Source) {
    this.#source = source
  }

  get archive(): AsyncIterable<Uint8Array> {
    return this.#archive()
  }

  async *#archive(): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = new NarReader(NOBODY, { isFollowed: true })
    while (reader.rest === undefined) {
      const piece = await this.#source.piece()
      // Nobody asks to wait.
      void reader.write(piece)
      const { rest = 0 } = reader
      this.#source.giveBack(rest)
      yield piece.subarray(0, piece.length - rest)
    }
  }

  async description(): Promise<ExportDescription> {
    const source = this.#source
    if ((await source.number()) !== MAGIC) throw new ExportError({ code: "magic" })
    const storePath = parsePath(await source.text(PATH_LENGTH_MAX))
    const count = await source.number()
    if (count > REFERENCES_MAX) throw new ExportError({ code: "too-many-references", countMax: REFERENCES_MAX })
    const references = new Map<string, StorePath>()
    for (let i = 0; i < count; i++) {
      const reference = parsePath(await source.text(PATH_LENGTH_MAX))
      references.set(storePathBase(reference), reference)
    }
    const deriver = await source.text(PATH_LENGTH_MAX)
    const mark = await source.number()
    if (mark === MORE) await source.text(SIGNATURE_LENGTH_MAX)
    else if (mark !== NO_MORE) throw new ExportError({ code: "mark" })
    this.done = true
    const sorted = [...references].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)
    return { storePath, references: sorted, ...(deriver !== "" && { deriver: parseDeriver(deriver) }) }
  }
}

function parsePath(text: string): StorePath {
  try {
    return parseStorePath(text)
  } catch (cause) {
    if (!(cause instanceof StorePathError)) throw cause
    throw new ExportError({ code: "not-a-path", text, reason: cause.message }, { cause })
  }
}

function parseDeriver(text: string): StorePath {
  const path = parsePath(text)
  if (path.name.endsWith(DERIVATION_SUFFIX)) return path
  throw new ExportError({ code: "not-a-path", text, reason: "it would be a derivation" })
}

const nothing = (): void => {}
const NOBODY: NarSink = {
  file: nothing,
  contents: nothing,
  symlink: nothing,
  directory: nothing,
  entry: nothing,
  endDirectory: nothing,
}

/** Pieces, of which any number of bytes can be taken. */
class Source {
  readonly #pieces: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array()
  #at = 0
  constructor(contents: AsyncIterable<Uint8Array>) {
    this.#pieces = contents[Symbol.asyncIterator]()
  }

  /** What there is of the present piece, or else the next. */
  async piece(): Promise<Uint8Array> {
    while (this.#at === this.#piece.length) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const next = await this.#pieces.next()
      if (next.done === true) throw new ExportError({ code: "truncated" })
      this.#piece = next.value
      this.#at = 0
    }
    const piece = this.#piece.subarray(this.#at)
    this.#at = this.#piece.length
    return piece
  }

  giveBack(length: number): void {
    this.#at -= length
  }

  async bytes(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length;) {
      // oxlint-disable-next-line no-await-in-loop
      const piece = await this.piece()
      const taken = Math.min(piece.length, length - at)
      bytes.set(piece.subarray(0, taken), at)
      this.giveBack(piece.length - taken)
      at += taken
    }
    return bytes
  }

  /** Exact up to 2^53; what is greater is greater than anything that is allowed. */
  async number(): Promise<number> {
    const bytes = await this.bytes(8)
    return Number(new DataView(bytes.buffer).getBigUint64(0, true))
  }

  async text(lengthMax: number): Promise<string> {
    const length = await this.number()
    if (length > lengthMax) throw new ExportError({ code: "text-too-long", length, lengthMax })
    const text = byteStringFrom(await this.bytes(length))
    const padding = await this.bytes(paddingOf(length))
    if (padding.some((byte) => byte !== 0)) throw new ExportError({ code: "padding" })
    return text
  }

  async close(): Promise<void> {
    await this.#pieces.return?.()
  }
}
