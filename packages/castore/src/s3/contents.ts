import { equal } from "@tvix-ts/bytes"
import type { CallOptions } from "../call.ts"
import { digestOf, formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"
import { objectName } from "./names.ts"
import type { S3Objects } from "./objects.ts"
import type { Zstd } from "./options.ts"

/** zstd adds 3 bytes to each 128 KiB that it cannot compress, and a header. */
const OVERHEAD_MAX = 1024

/** What {@link readVerified} reads: its name for people, where it is, and how large it may be, in bytes. */
const KINDS = {
  /** Tvix can be told to make chunks larger than it does by itself. */
  chunk: { place: "chunks", bytesMax: 8 * 2 ** 20 },
  /** A million entries have some 80 MB. */
  directory: { place: "directories", bytesMax: 256 * 2 ** 20 },
} as const

/** The bytes with this digest; `undefined` if they are not there. @throws {CastoreError} `corrupt` if they have another */
export async function readVerified(
  kind: keyof typeof KINDS,
  digest: B3Digest,
  objects: S3Objects,
  zstd: Zstd,
  options: CallOptions,
): Promise<Uint8Array | undefined> {
  const { place, bytesMax } = KINDS[kind]
  const name = objectName(place, digest)
  const object = await objects.get(name, bytesMax + bytesMax / 128 + OVERHEAD_MAX, options)
  if (object === undefined) return undefined
  const corrupt = (reason: string, cause?: unknown): CastoreError => {
    const what = `${kind} ${formatDigest(digest)}, ${objects.describe(name)},`
    return new CastoreError({ code: "corrupt", what, reason }, { cause })
  }
  let bytes: Uint8Array
  try {
    bytes = await zstd.decompress(object.bytes, bytesMax)
  } catch (error) {
    throw corrupt(`it cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  const actual = digestOf(bytes)
  if (!equal(actual, digest)) throw corrupt(`its contents have the digest ${formatDigest(actual)}`)
  options.signal?.throwIfAborted()
  return bytes
}
