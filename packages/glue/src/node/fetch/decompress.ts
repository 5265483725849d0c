/** What archives are compressed with, told by how they begin. */
import { createRequire } from "node:module"
import type * as Lzma from "@napi-rs/lzma"
import { PassThrough, Readable, Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib"
import { archiveProblem } from "../../fetch/problem.ts"
import { isTarHeader, TAR_BLOCK } from "../../fetch/tar-reader.ts"
import { piecesOf, type Content } from "./content.ts"

/** What comes out if `source` goes in; with its errors. */
type Decoder = (source: Readable) => Readable

interface Compression {
  readonly name: string
  readonly magic: readonly number[]
  /** Undefined if there is no way to read it. */
  readonly open?: () => Promise<Decoder>
}

const COMPRESSIONS: readonly Compression[] = [
  { name: "gzip", magic: [0x1f, 0x8b], open: async () => through(createGunzip()) },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], open: async () => through(createZstdDecompress()) },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], open: openXz },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], open: openBzip2 },
  { name: "lzip", magic: [0x4c, 0x5a, 0x49, 0x50] },
  { name: "compress", magic: [0x1f, 0x9d] },
  { name: "lrzip", magic: [0x4c, 0x52, 0x5a, 0x49] },
]
const ZIP = [0x50, 0x4b] as const

export type ArchiveKind = "zip" | "tar"

/** @param path of the address: brotli says nothing of itself */
export async function openArchive(
  content: Content,
  path: string,
): Promise<{ readonly kind: ArchiveKind; readonly stream: AsyncIterable<Uint8Array> }> {
  const start = new Uint8Array(TAR_BLOCK)
  await content.file.read(start, 0, start.length, 0)
  const begins = (magic: readonly number[]): boolean => magic.every((byte, i) => start[i] === byte)
  const pieces = piecesOf(content)
  // Tape archives begin with a name, which may be as what others begin with: "PKGBUILD".
  if (isTarHeader(start)) return { kind: "tar", stream: pieces }
  if (begins(ZIP)) return { kind: "zip", stream: pieces }
  const compression = COMPRESSIONS.find(({ magic }) => begins(magic))
  const open = compression?.open ?? (path.endsWith(".br") ? async () => through(createBrotliDecompress()) : undefined)
  if (compression !== undefined && compression.open === undefined) {
    throw archiveProblem(`it is compressed with ${compression.name}: not supported`)
  }
  return {
    kind: "tar",
    stream: open === undefined ? pieces : decoded(pieces, await open(), compression?.name ?? "brotli"),
  }
}

async function* decoded(
  pieces: AsyncIterable<Uint8Array>,
  decoder: Decoder,
  name: string,
): AsyncGenerator<Uint8Array, void> {
  // Streams keep what they are given, and `pieces` come in one buffer.
  const source = Readable.from(copies(pieces), { objectMode: false, highWaterMark: 2 ** 18 })
  const result = decoder(source)
  try {
    for await (const piece of result) yield piece as Uint8Array
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw archiveProblem(`damaged ${name} data: ${reason}`, cause)
  } finally {
    source.destroy()
    result.destroy()
  }
}
function through(decoder: Transform): Decoder {
  return (source) => {
    source.on("error", (error) => decoder.destroy(error))
    return source.pipe(decoder)
  }
}
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) yield piece.slice()
}

/** Bytes given to the decoder at once: what it makes of them is in memory together, and may be thousands of times as much. */
const XZ_PIECE = 4096

function loadXz(): typeof Lzma {
  try {
    // A native addon, which is in no bundle.
    return createRequire(import.meta.url)("@napi-rs/lzma") as typeof Lzma
  } catch (cause) {
    throw archiveProblem("it is compressed with xz: the library for that, @napi-rs/lzma, is not installed", cause)
  }
}

async function openXz(): Promise<Decoder> {
  const { XzDecompressor } = loadXz()
  const decoder = new XzDecompressor()
  const transform = new Transform({
    transform(piece: Uint8Array, _, done) {
      try {
        for (let at = 0; at < piece.length; at += XZ_PIECE) this.push(decoder.update(piece.subarray(at, at + XZ_PIECE)))
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done) {
      void (async () => {
        try {
          this.push(await decoder.finish())
          done()
        } catch (error) {
          done(error as Error)
        }
      })()
    },
  })
  return through(transform)
}

async function openBzip2(): Promise<Decoder> {
  const { default: unbzip2 } = await import("unbzip2-stream")
  return (source) => {
    // A stream of the oldest kind, which closes before all of it is read.
    const result = new PassThrough()
    const decoder = unbzip2()
    source.on("error", (error) => result.destroy(error))
    decoder.on("error", (error) => result.destroy(error as Error))
    return source.pipe(decoder).pipe(result)
  }
}
