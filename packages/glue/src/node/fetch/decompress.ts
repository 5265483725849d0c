/** What archives are compressed with, told by how they begin. */
import { Readable, Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib"
import { archiveProblem } from "../../fetch/problem.ts"
import { piecesOf, type Content } from "./content.ts"

interface Compression {
  readonly name: string
  readonly magic: readonly number[]
  /** Undefined if there is no way to read it. */
  readonly open?: () => Promise<Transform>
}

const COMPRESSIONS: readonly Compression[] = [
  { name: "gzip", magic: [0x1f, 0x8b], open: async () => createGunzip() },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], open: async () => createZstdDecompress() },
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
  const start = new Uint8Array(6)
  await content.file.read(start, 0, start.length, 0)
  const begins = (magic: readonly number[]): boolean => magic.every((byte, i) => start[i] === byte)
  const pieces = piecesOf(content)
  if (begins(ZIP)) return { kind: "zip", stream: pieces }
  const compression = COMPRESSIONS.find(({ magic }) => begins(magic))
  const open = compression?.open ?? (path.endsWith(".br") ? async () => createBrotliDecompress() : undefined)
  if (compression !== undefined && compression.open === undefined) {
    throw archiveProblem(`it is compressed with ${compression.name}: not supported`)
  }
  return {
    kind: "tar",
    stream: open === undefined ? pieces : through(pieces, await open(), compression?.name ?? "brotli"),
  }
}

async function* through(
  pieces: AsyncIterable<Uint8Array>,
  decoder: Transform,
  name: string,
): AsyncGenerator<Uint8Array, void> {
  // Streams keep what they are given, and `pieces` come in one buffer.
  const source = Readable.from(copies(pieces), { objectMode: false, highWaterMark: 2 ** 18 })
  source.on("error", (error) => decoder.destroy(error))
  try {
    for await (const piece of source.pipe(decoder)) yield piece as Uint8Array
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw archiveProblem(`damaged ${name} data: ${reason}`, cause)
  } finally {
    source.destroy()
    decoder.destroy()
  }
}
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) yield piece.slice()
}

/** Bytes given to the decoder at once: what it makes of them is in memory together, and may be thousands of times as much. */
const XZ_PIECE = 4096

async function openXz(): Promise<Transform> {
  const { XzDecompressor } = await import("@napi-rs/lzma").catch((cause: unknown) => {
    throw archiveProblem("it is compressed with xz: the library for that, @napi-rs/lzma, is not installed", cause)
  })
  const decoder = new XzDecompressor()
  return new Transform({
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
}

async function openBzip2(): Promise<Transform> {
  const { default: unbzip2 } = await import("unbzip2-stream")
  return unbzip2()
}
