import { concat, equal } from "@tvix-ts/bytes"
import {
  CastoreError,
  digestKey,
  formatDigest,
  type B3Digest,
  type BlobWriter,
  type CallOptions,
  type ChunkMeta,
  type Directory,
  type Node,
  type ReadOptions,
} from "@tvix-ts/castore"
import { ahead } from "../ahead.ts"
import type { Store } from "../store.ts"

/** Look-ups and small blobs at once. */
const AT_ONCE = 32
/** Bytes of blobs that are read whole, several at once; larger ones are passed on as they come. */
const SMALL = 256 * 1024
/** Bytes after which what was written is made durable, so that a copy that is cut off need not begin again. */
const COMMIT_AFTER = 256 * 1024 * 1024

type Castore = Pick<Store, "blobs" | "directories">

export interface CopyTreeOptions extends CallOptions {
  /**
   * Whether large blobs are put together from the chunks that the destination has, so that only the others are read from
   * the source. It is worth it if the destination is nearer than the source.
   */
  readonly reuseChunks?: boolean
  /** Called with the bytes of each blob when it has been read, or found to be there. */
  readonly onBlob?: (size: number, copied: boolean) => void
}

interface Blob {
  readonly digest: B3Digest
  readonly size: number
}

/**
 * Copies what is missing of a tree: blobs, then directories, children before their parents. So whoever has a directory has
 * everything below it, and a directory that is there need not be looked into.
 *
 * @throws {CastoreError} `missing` if `from` has not all of it, `corrupt` if it is not what its digests say
 */
export async function copyTree(node: Node, from: Castore, to: Castore, options: CopyTreeOptions = {}): Promise<void> {
  if (node.type === "symlink") return
  const missing = new Map<string, Missing>()
  if (node.type === "directory") await findMissing(node.digest, from, to, missing, options)
  await copyBlobs(blobsOf(node, missing), from, to, options)
  if (node.type === "directory") await putDirectories(node.digest, missing, to, options)
}

interface Missing {
  readonly digest: B3Digest
  readonly directory: Directory
}

/** Fills `missing` with what is to be copied of the tree, reading level by level. */
async function findMissing(
  root: B3Digest,
  from: Castore,
  to: Castore,
  missing: Map<string, Missing>,
  options: CallOptions,
): Promise<void> {
  const asked = new Set([digestKey(root)])
  const signal = callOptions(options)
  const look = async (digest: B3Digest): Promise<Missing | undefined> => {
    if ((await to.directories.get(digest, signal)) !== undefined) return undefined
    const directory = await from.directories.get(digest, signal)
    if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
    return { digest, directory }
  }
  for (let level = [root]; level.length > 0;) {
    const next: B3Digest[] = []
    for await (const found of ahead(level, AT_ONCE, look)) {
      if (found === undefined) continue
      missing.set(digestKey(found.digest), found)
      for (const [, child] of found.directory.entries) {
        if (child.type !== "directory" || asked.has(digestKey(child.digest))) continue
        asked.add(digestKey(child.digest))
        next.push(child.digest)
      }
    }
    level = next
  }
}

function* blobsOf(node: Node, missing: ReadonlyMap<string, Missing>): Generator<Blob> {
  if (node.type === "file") yield node
  const seen = new Set<string>()
  for (const { directory } of missing.values()) {
    for (const [, child] of directory.entries) {
      if (child.type !== "file" || seen.has(digestKey(child.digest))) continue
      seen.add(digestKey(child.digest))
      yield child
    }
  }
}

async function copyBlobs(blobs: Iterable<Blob>, from: Castore, to: Castore, options: CopyTreeOptions): Promise<void> {
  const signal = callOptions(options)
  const batch = to.blobs.batch(signal)
  let checks: Promise<void>[] = []
  let uncommitted = 0
  const commit = async (): Promise<void> => {
    await Promise.all(checks)
    if (checks.length > 0) await batch.commit()
    checks = []
    uncommitted = 0
  }
  /** Small blobs that are not there are read at once. */
  const look = async (blob: Blob): Promise<{ blob: Blob; there: boolean; contents?: Uint8Array }> => {
    if ((await to.blobs.stat(blob.digest, signal)) !== undefined) return { blob, there: true }
    if (blob.size > SMALL) return { blob, there: false }
    const pieces: Uint8Array[] = []
    for await (const piece of readRange(blob, 0, blob.size, from, signal)) pieces.push(piece)
    return { blob, there: false, contents: concat(pieces) }
  }
  try {
    for await (const { blob, there, contents } of ahead(blobs, AT_ONCE, look)) {
      if (!there) {
        const writer = batch.blob(blob.size)
        if (contents === undefined) await writeFrom(source(blob, from, to, options), writer)
        else await writer.write(contents)
        const checked = check(writer.end(), blob.digest)
        // It is awaited before the commit, if it comes to that.
        checked.catch(() => {})
        checks.push(checked)
        uncommitted += blob.size
      }
      options.onBlob?.(blob.size, !there)
      if (uncommitted >= COMMIT_AFTER) await commit()
    }
    await commit()
  } finally {
    // After a commit there is nothing to give up.
    await batch.abort()
  }
}

async function writeFrom(contents: AsyncIterable<Uint8Array>, writer: BlobWriter): Promise<void> {
  for await (const piece of contents) {
    const waiting = writer.write(piece)
    if (waiting !== undefined) await waiting
  }
}

async function check(written: Promise<B3Digest>, digest: B3Digest): Promise<void> {
  if (!equal(await written, digest)) throw corrupt(digest, "its contents have another digest")
}

/** Pieces are done with when the next is asked for: writers copy. */
async function* source(blob: Blob, from: Castore, to: Castore, options: CopyTreeOptions): AsyncGenerator<Uint8Array> {
  const signal = callOptions(options)
  const meta = options.reuseChunks === true ? await from.blobs.stat(blob.digest, signal) : undefined
  if (meta === undefined || meta.chunks.length < 2) {
    yield* readRange(blob, 0, blob.size, from, { ...signal, fleeting: true })
    return
  }
  // Neighbours that are missing are read together.
  let at = 0
  let unread = 0
  for await (const { size, near } of ahead(meta.chunks, AT_ONCE, (chunk) => chunkAt(chunk, to, signal))) {
    if (near !== undefined) {
      yield* readRange(blob, unread, at, from, { ...signal, fleeting: true })
      yield* near
      unread = at + size
    }
    at += size
  }
  yield* readRange(blob, unread, blob.size, from, { ...signal, fleeting: true })
}

async function chunkAt(
  { digest, size }: ChunkMeta,
  to: Castore,
  signal: CallOptions,
): Promise<{ size: number; near: AsyncIterable<Uint8Array> | undefined }> {
  return { size, near: await to.blobs.read(digest, signal) }
}

async function* readRange(
  { digest, size }: Blob,
  start: number,
  end: number,
  from: Castore,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  // An empty blob is read all the same: it has to be there.
  if (start === end && size > 0) return
  const contents = await from.blobs.read(digest, { ...options, from: start, to: end })
  if (contents === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
  yield* contents
}

/** Children first: a whole tree at once, what others join together in the order of its depth. */
async function putDirectories(
  root: B3Digest,
  missing: ReadonlyMap<string, Missing>,
  to: Castore,
  options: CallOptions,
) {
  if (missing.size === 0) return
  const signal = callOptions(options)
  const levels = levelsOf(root, missing)
  if (isWhole(missing)) {
    const putter = to.directories.putMultiple(signal)
    for (const level of levels) for (const { directory } of level) await putter.put(directory)
    checkRoot(await putter.close(), root)
    return
  }
  const put = async ({ digest, directory }: Missing): Promise<void> => {
    checkRoot(await to.directories.put(directory, signal), digest)
  }
  for (const level of levels) for await (const _ of ahead(level, AT_ONCE, put));
}

function isWhole(missing: ReadonlyMap<string, Missing>): boolean {
  for (const { directory } of missing.values()) {
    for (const [, child] of directory.entries) {
      if (child.type === "directory" && !missing.has(digestKey(child.digest))) return false
    }
  }
  return true
}

/** What is missing, by the length of the longest way down: each directory comes after all that are in it. */
function levelsOf(root: B3Digest, missing: ReadonlyMap<string, Missing>): readonly (readonly Missing[])[] {
  const levels: Missing[][] = []
  const heights = new Map<string, number>()
  const open: { readonly key: string; readonly missing: Missing; next: number; height: number }[] = []
  const begin = (digest: B3Digest): number | undefined => {
    const key = digestKey(digest)
    const found = missing.get(key)
    if (found === undefined) return 0
    const height = heights.get(key)
    if (height === undefined) open.push({ key, missing: found, next: 0, height: 0 })
    return height
  }
  begin(root)
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const child = top.missing.directory.entries[top.next]?.[1]
    if (child === undefined) {
      open.pop()
      heights.set(top.key, top.height + 1)
      ;(levels[top.height] ??= []).push(top.missing)
    } else if (child.type === "directory") {
      // One that is begun now is met again when it has ended.
      const height = begin(child.digest)
      if (height === undefined) continue
      top.height = Math.max(top.height, height)
      top.next++
    } else top.next++
  }
  return levels
}

function checkRoot(put: B3Digest, expected: B3Digest): void {
  if (!equal(put, expected)) {
    const what = `directory ${formatDigest(expected)}`
    throw new CastoreError({ code: "corrupt", what, reason: "its contents have another digest" })
  }
}

function corrupt(digest: B3Digest, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
}

function callOptions({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal }
}
