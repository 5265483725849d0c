/** The tree in an archive, put into a castore: each file as it comes, the directories at the end. */
import type { BlobBatch, BlobWriter, DirectoryNode } from "@tvix-ts/castore"
import { CastoreError } from "@tvix-ts/castore"
import type { Store } from "@tvix-ts/store"
import { archiveProblem } from "../../fetch/problem.ts"
import { TarReader, type TarEntry, type TarSink } from "../../fetch/tar-reader.ts"
import { TreeAssembler, type PendingFile, type TreeTop } from "../../fetch/tree-assembler.ts"
import type { Content } from "./content.ts"
import { openArchive } from "./decompress.ts"

export interface UnpackLimits {
  readonly entriesMax: number
  readonly depthMax: number
  /** Of all contents together. */
  readonly bytesMax: number
  /** How often larger than the archive its contents may be, from `ratioFrom` bytes of them on. */
  readonly ratioMax: number
  readonly ratioFrom: number
}

/** Linux has 90,000 files; what compresses a thousandfold, again and again, was made to. */
export const UNPACK_LIMITS: UnpackLimits = {
  entriesMax: 4_000_000,
  depthMax: 512,
  bytesMax: 64 * 2 ** 30,
  ratioMax: 2000,
  ratioFrom: 2 ** 30,
}

export interface UnpackOptions {
  /** Of the address: a byte string. */
  readonly path: string
  readonly limits: UnpackLimits
  /** Default: `inner`. */
  readonly top?: TreeTop
  /** Bytes of contents so far. */
  readonly onProgress: (bytes: number) => void
  readonly signal?: AbortSignal
}

/**
 * Durable when it resolves; if it fails, nothing of it can be seen.
 *
 * @throws {FetchError} `archive`
 */
export async function unpack(content: Content, store: Store, options: UnpackOptions): Promise<DirectoryNode> {
  const { signal } = options
  const batch = store.blobs.batch(signal === undefined ? {} : { signal })
  const unpacking = new Unpacking(batch, content.size, options)
  try {
    const { kind, stream } = await openArchive(content, options.path)
    if (kind === "zip") {
      const { readZip } = await import("./zip.ts")
      await readZip(content, unpacking)
    } else await readTar(stream, unpacking)
    return await unpacking.finish(store)
  } catch (error) {
    await batch.abort()
    if (error instanceof CastoreError && error.problem.code === "invalid") throw archiveProblem(error.message, error)
    throw error
  }
}

async function readTar(stream: AsyncIterable<Uint8Array>, sink: TarSink): Promise<void> {
  const reader = new TarReader(sink)
  for await (const piece of stream) {
    await reader.write(piece)
    // The rest, if there is any, is not part of the archive.
    if (reader.ended) return
  }
  reader.end()
}

/** Takes what is in an archive, as tape archives tell it. */
class Unpacking implements TarSink {
  private readonly batch: BlobBatch
  private readonly options: UnpackOptions
  private readonly tree: TreeAssembler
  private readonly bytesMax: number
  private readonly digests: Promise<void>[] = []
  private file: PendingFile | undefined
  private writer: BlobWriter | undefined
  private bytes = 0

  constructor(batch: BlobBatch, archiveSize: number, options: UnpackOptions) {
    const { limits } = options
    this.batch = batch
    this.options = options
    this.tree = new TreeAssembler(limits)
    this.bytesMax = Math.min(limits.bytesMax, Math.max(limits.ratioFrom, archiveSize * limits.ratioMax))
  }

  entry({ type, path, size, executable, target }: TarEntry): void {
    switch (type) {
      case "directory":
        return this.tree.directory(path)
      case "symlink":
        return this.tree.symlink(path, target)
      case "link":
        return this.tree.link(path, target)
      case "file":
        this.bytes += size
        // Said before it is written: a false promise costs nothing.
        if (this.bytes > this.bytesMax) throw archiveProblem(`its contents have more than ${this.bytesMax} bytes`)
        this.options.onProgress(this.bytes)
        this.file = this.tree.file(path, size, executable)
        this.writer = this.batch.blob(size)
    }
  }

  contents(bytes: Uint8Array): void | Promise<void> {
    return this.writer!.write(bytes)
  }

  endFile(): void {
    const file = this.file!
    const ended = this.writer!.end().then((digest) => void (file.digest = digest))
    // Whoever fails says so at the end, where it is waited for.
    ended.catch(() => undefined)
    this.digests.push(ended)
    this.writer = undefined
    this.file = undefined
  }

  async finish({ directories }: Store): Promise<DirectoryNode> {
    await this.batch.commit()
    await Promise.all(this.digests)
    return this.tree.finish(directories, this.options.top)
  }
}
