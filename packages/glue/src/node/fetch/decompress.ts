/** What archives are compressed with, told by how they begin. */
import { CompressionError, decompress, type Compression } from "@tvix-ts/store/node"
import { archiveProblem } from "../../fetch/problem.ts"
import { isTarHeader, TAR_BLOCK } from "../../fetch/tar-reader.ts"
import { piecesOf, type Content } from "./content.ts"

interface Magic {
  readonly name: string
  readonly magic: readonly number[]
  /** Undefined if there is no way to read it. */
  readonly compression?: Compression
}

const COMPRESSIONS: readonly Magic[] = [
  { name: "gzip", magic: [0x1f, 0x8b], compression: "gzip" },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], compression: "zstd" },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], compression: "xz" },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], compression: "bzip2" },
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
  const found = COMPRESSIONS.find(({ magic }) => begins(magic))
  if (found !== undefined && found.compression === undefined) {
    throw archiveProblem(`it is compressed with ${found.name}: not supported`)
  }
  const compression = found?.compression ?? (path.endsWith(".br") ? "br" : "none")
  return { kind: "tar", stream: decompressed(pieces, compression) }
}

/** Tapes are padded, and so are files that were on them. */
async function* decompressed(
  pieces: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* decompress(pieces, compression, { trailing: "ignore" })
  } catch (error) {
    if (!(error instanceof CompressionError)) throw error
    throw archiveProblem(error.message, error)
  }
}
