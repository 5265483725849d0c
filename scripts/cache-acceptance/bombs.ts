/** Few bytes that become many: archives of a file of zeros, as each kind of compression has them. */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib"
import { encodeNix32 } from "@tvix-ts/hash"
import { readFile } from "node:fs/promises"
import { narOfFile } from "./uploads.ts"

export interface Bomb {
  readonly kind: string
  /** `/nar/….nar.zst` */
  readonly narUrl: string
  readonly body: Buffer
}

const MiB = 2 ** 20

/** The archive of a file of `size` zeros, which is all there, so that nothing but its size is wrong with it. */
function archive(size: number): Readable {
  const small = narOfFile(Buffer.alloc(8))
  // The length of the contents is 8 bytes, before them.
  const head = Buffer.from(small.subarray(0, small.indexOf("contents") + 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(size))
  const tail = small.subarray(head.length + 16)
  return Readable.from(
    (function* () {
      yield Buffer.concat([head, length])
      const zeros = Buffer.alloc(MiB)
      for (let left = size; left > 0; left -= MiB) yield zeros
      yield tail
    })(),
  )
}

/** @param size of the file, a multiple of a MiB */
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
