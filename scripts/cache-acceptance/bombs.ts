/** Few bytes that become many: archives of zeros, as each kind of compression has them. */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { constants, crc32, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib"
import { encodeNix32 } from "@tvix-ts/hash"
import { readFile } from "node:fs/promises"

export interface Bomb {
  readonly kind: string
  /** `/nar/….nar.zst` */
  readonly narUrl: string
  readonly body: Buffer
}

const MiB = 2 ** 20

/** Of each file: small enough for every limit to files, so that only all of them together are too much. */
const FILE_BYTES = 16 * MiB

/** The archive of a folder of zeros, which is all there: nothing but its size is wrong with it. */
function archive(size: number): Readable {
  return Readable.from(
    (function* () {
      const zeros = Buffer.alloc(MiB)
      yield Buffer.concat(["nix-archive-1", "(", "type", "directory"].map(word))
      for (let at = 0; at < size; at += FILE_BYTES) {
        const name = String(at).padStart(16, "0")
        yield Buffer.concat(["entry", "(", "name", name, "node", "(", "type", "regular", "contents"].map(word))
        yield lengthOf(FILE_BYTES)
        for (let left = FILE_BYTES; left > 0; left -= MiB) yield zeros
        yield Buffer.concat([")", ")"].map(word))
      }
      yield word(")")
    })(),
  )
}

/** As archives have it: length, bytes, zeros to a multiple of 8. */
function word(text: string): Buffer {
  return Buffer.concat([lengthOf(text.length), Buffer.from(text, "latin1"), Buffer.alloc((8 - (text.length % 8)) % 8)])
}

function lengthOf(size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(size))
  return bytes
}

/** An archive as a frame of zstd that says that it needs 2 GiB of what came before (RFC 8878, section 3.1.1.1.2). */
export function zstdOfWideWindow(nar: Buffer): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (31 - 10) << 3, 0, 0, 0])
  // One raw block, the last.
  header.writeUIntLE((nar.length << 3) | 1, 6, 3)
  return Buffer.concat([header, nar])
}

/** `xz`, made to say that it needs 4 GiB of what came before (the .xz format, sections 3.1 and 5.3.1). */
export function xzOfLargeDictionary(xz: Buffer): Buffer {
  const changed = Buffer.from(xz)
  const header = 12
  const size = (changed[header]! + 1) * 4
  const filter = changed.indexOf(Buffer.from([0x21, 1]), header)
  if (filter < 0 || filter > header + size - 7) throw new Error("this xz has no block of one LZMA2 filter")
  changed[filter + 2] = 40
  changed.writeUInt32LE(crc32(changed.subarray(header, header + size - 4)), header + size - 4)
  return changed
}

/** @param size of what they become, a multiple of 16 MiB */
export async function makeBombs(dir: string, size: number): Promise<Bomb[]> {
  const bombs: Bomb[] = []
  const add = async (kind: string, suffix: string, compress: (file: string) => Promise<unknown>): Promise<void> => {
    const file = `${dir}/bomb${suffix}`
    await compress(file)
    const body = await readFile(file)
    const hash = encodeNix32(createHash("sha256").update(body).digest())
    bombs.push({ kind, narUrl: `/nar/${hash}.nar${suffix}`, body })
  }
  await add("zstd", ".zst", (file) => pipeline(archive(size), createZstdCompress(), createWriteStream(file)))
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }
  await add("brotli", ".br", (file) => pipeline(archive(size), createBrotliCompress(quick), createWriteStream(file)))
  await add("gzip", ".gz", (file) => pipeline(archive(size), createGzip(), createWriteStream(file)))
  for (const [kind, suffix, words] of [
    ["xz", ".xz", ["xz", "-1", "-c"]],
    ["bzip2", ".bz2", ["bzip2", "-c"]],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- each takes a processor
    await add(kind, suffix, (file) => {
      const [command, ...args] = words
      const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
      return Promise.all([pipeline(archive(size), child.stdin), pipeline(child.stdout, createWriteStream(file))])
    })
  }
  return bombs
}
