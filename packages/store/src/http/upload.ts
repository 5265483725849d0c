import { bytesOf, equal, textOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { encodeNix32, startHash } from "@tvix-ts/hash"
import { formatNarInfo, formatSignature, formatStorePath, storePathBase, type NarInfo } from "@tvix-ts/nix-compat"
import type { Compression } from "../compression/problem.ts"
import { renderNar } from "../nar/render.ts"
import type { PathDescription, PathInfo } from "../path-info/path-info.ts"
import type { Store, TransferOptions } from "../store.ts"
import type { CacheFiles, Codecs } from "./cache-files.ts"
import { nameOf } from "./nar-infos.ts"

/** What archives that are put are compressed with. */
export type UploadCompression = Exclude<Compression, "bzip2">

const SUFFIXES: Readonly<Record<UploadCompression, string>> = {
  none: "",
  xz: ".xz",
  zstd: ".zst",
  br: ".br",
  gzip: ".gz",
}

/** From the fastest to the best; the usual one is the library's own default but for brotli, whose is ten times as slow. */
interface Levels {
  readonly from: number
  readonly to: number
  readonly usual: number
}
export const LEVELS: Readonly<Record<UploadCompression, Levels>> = {
  none: { from: 0, to: 0, usual: 0 },
  zstd: { from: 1, to: 19, usual: 3 },
  gzip: { from: 1, to: 9, usual: 6 },
  xz: { from: 0, to: 9, usual: 6 },
  br: { from: 0, to: 11, usual: 5 },
}

export interface UploadOptions {
  readonly compression: UploadCompression
  readonly level?: number
}

/**
 * Sends the archive of a path. Its name is known before it is compressed, so that it need be nowhere but on its way.
 *
 * @returns the narinfo, which is still to be written
 * @throws {CastoreError} `corrupt` if the tree is not what the path info says; then the archive is not there
 */
export async function uploadArchive(
  pathInfo: PathInfo,
  files: CacheFiles,
  codecs: Codecs,
  from: Pick<Store, "blobs" | "directories">,
  { compression, level, signal, onBytes }: UploadOptions & TransferOptions,
): Promise<NarInfo> {
  const { node, narHash, narSize } = pathInfo
  const options = signal === undefined ? {} : { signal }
  const url = `nar/${encodeNix32(narHash)}.nar${SUFFIXES[compression]}`
  let sent: Pick<NarInfo, "fileHash" | "fileSize"> = {}
  async function* archive(): AsyncGenerator<Uint8Array, void, undefined> {
    const hasher = startHash("sha256")
    let size = 0
    for await (const piece of renderNar(node, from, options)) {
      hasher.update(piece)
      size += piece.length
      onBytes?.(piece.length)
      yield piece
    }
    // Whoever reads a file that breaks off here knows that it is none.
    if (size === narSize && equal(hasher.digest(), narHash)) return
    const what = textOf(formatStorePath(pathInfo.storePath))
    throw new CastoreError({ code: "corrupt", what, reason: "its Nix archive is another than its path info says" })
  }
  async function* file(): AsyncGenerator<Uint8Array, void, undefined> {
    const hasher = startHash("sha256")
    let size = 0
    for await (const piece of codecs.compress(archive(), compression, level)) {
      hasher.update(piece)
      size += piece.length
      yield piece
    }
    sent = { fileHash: hasher.digest(), fileSize: size }
  }
  await files.write(url, file, "application/x-nix-nar", options)
  return { ...descriptionOnly(pathInfo), url, compression, ...sent }
}

export async function uploadNarInfo(narInfo: NarInfo, files: CacheFiles, options: TransferOptions): Promise<void> {
  const text = formatNarInfo(narInfo)
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  await files.write(nameOf(narInfo.storePath.digest), () => [bytesOf(text)], "text/x-nix-narinfo", signal)
}

/**
 * What a narinfo is to say when `pathInfo` is put: the archive that is there, and the signatures of both. `undefined` if the
 * archive is another, so that nothing of it can be kept.
 */
export function mergeNarInfo(there: NarInfo, pathInfo: PathDescription): NarInfo | undefined {
  const isSame =
    there.narSize === pathInfo.narSize &&
    equal(there.narHash, pathInfo.narHash) &&
    there.storePath.name === pathInfo.storePath.name &&
    there.references.map(storePathBase).join(" ") === pathInfo.references.map(storePathBase).join(" ")
  if (!isSame) return undefined
  const known = new Set(pathInfo.signatures.map(formatSignature))
  const more = there.signatures.filter((signature) => !known.has(formatSignature(signature)))
  return { ...there, ...descriptionOnly(pathInfo), signatures: [...pathInfo.signatures, ...more] }
}

function descriptionOnly(description: PathDescription): PathDescription {
  const { storePath, references, narSize, narHash, signatures, deriver, contentAddress } = description
  return {
    storePath,
    references,
    narSize,
    narHash,
    signatures,
    ...(deriver !== undefined && { deriver }),
    ...(contentAddress !== undefined && { contentAddress }),
  }
}
