import { equal, textOf } from "@tvix-ts/bytes"
import { CastoreError, type Node } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { formatStorePath, NarError, type NarInfo } from "@tvix-ts/nix-compat"
import { CompressionError } from "../compression/problem.ts"
import { ingestNar } from "../nar/ingest.ts"
import type { GetPathInfoOptions } from "../path-info/service.ts"
import { checkContents } from "../path-info/trust.ts"
import type { Store, TransferOptions } from "../store.ts"
import type { CacheFiles, Codecs } from "./cache-files.ts"

/**
 * Fetches the archive that `narInfo` speaks of, checks all that it says of it, and puts the tree into `into`: durable when it
 * resolves, and not to be seen if it fails. References are not looked for in it: like C++ Nix, we take them from whoever
 * signed it.
 *
 * @throws {CastoreError} `missing` if the archive is not there, `corrupt` if it is another one
 */
export async function download(
  narInfo: NarInfo,
  files: CacheFiles,
  codecs: Codecs,
  into: Pick<Store, "blobs" | "directories">,
  { signal, onBytes, onArchive, entriesMax }: TransferOptions & GetPathInfoOptions & { readonly entriesMax: number },
): Promise<Node> {
  const { url, narSize, narHash } = narInfo
  const options = signal === undefined ? {} : { signal }
  const what = files.shown(url)
  const compression = codecs.known(narInfo.compression)
  if (compression === undefined) {
    const reason = `it is compressed with '${textOf(narInfo.compression)}', which is not supported`
    throw new CastoreError({ code: "corrupt", what, reason })
  }
  const contents = await files.stream(url, options)
  if (contents === undefined) {
    const path = textOf(formatStorePath(narInfo.storePath))
    throw new CastoreError({ code: "missing", what: `the archive of '${path}', ${what},` })
  }
  const archive = codecs.decompress(checkFile(contents, narInfo, what), compression)
  try {
    const { node } = await ingestNar(told(archive, onBytes, onArchive), into, {
      ...options,
      narSize,
      narHash,
      entriesMax,
    })
    await checkContents(narInfo, node, into, options)
    return node
  } catch (error) {
    const isWrong =
      error instanceof NarError ||
      (error instanceof CompressionError && error.problem.code !== "unavailable") ||
      (error instanceof CastoreError &&
        error.problem.code === "invalid" &&
        /^(narHash|narSize|archive)$/.test(error.problem.field))
    if (!isWrong) throw error
    throw new CastoreError({ code: "corrupt", what, reason: error.message }, { cause: error })
  }
}

/** @throws {CastoreError} `corrupt` at the end, or where it is too long */
async function* checkFile(
  contents: AsyncIterable<Uint8Array>,
  { fileHash, fileSize }: NarInfo,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = fileHash && startHash("sha256")
  const wrong = (reason: string): never => {
    throw new CastoreError({ code: "corrupt", what, reason })
  }
  let size = 0
  for await (const piece of contents) {
    size += piece.length
    if (fileSize !== undefined && size > fileSize) wrong(`it has more than the ${fileSize} bytes that its narinfo says`)
    hasher?.update(piece)
    yield piece
  }
  if (fileSize !== undefined && size !== fileSize) wrong(`it has ${size} bytes, not ${fileSize}, as its narinfo says`)
  if (fileHash !== undefined && !equal(hasher!.digest(), fileHash)) {
    wrong("it has another SHA-256 than its narinfo says")
  }
}

async function* told(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: TransferOptions["onBytes"],
  onArchive: GetPathInfoOptions["onArchive"],
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0
  for await (const piece of pieces) {
    onBytes?.(piece.length)
    onArchive?.(piece, offset)
    offset += piece.length
    yield piece
  }
}
