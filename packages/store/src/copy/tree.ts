import { concat, equal } from "@tvix-ts/bytes"
import {
  CastoreError,
  digestKey,
  directoryDigest,
  formatDigest,
  type B3Digest,
  type BlobWriter,
  type CallOptions,
  type ChunkMeta,
  type Directory,
  type Node,
  type ReadOptions,
} from "@tvix-ts/castore"
import { ahead, type Load } from "../ahead.ts"
import type { Store } from "../store.ts"

/** Look-ups of directories and chunks at once. */
const AT_ONCE = 64
/** Small blobs at once, and their bytes: as many as peers give in one call. */
const BLOBS_AT_ONCE = 512
const BLOB_BYTES_AT_ONCE = 4 * 1024 * 1024
/** Bytes of blobs that are read whole, several at once; larger ones are passed on as they come. */
const SMALL = 256 * 1024
/** Bytes after which what was written is made durable, so that a copy that is cut off need not begin again. */
const COMMIT_AFTER = 256 * 1024 * 1024

/** A large blob is only looked for. */
const SMALL_LOAD: Load<Blob> = { of: ({ size }) => (size <= SMALL ? size : 0), max: BLOB_BYTES_AT_ONCE }

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

interface Found extends Missing {
  readonly children: readonly B3Digest[]
}

/**
 * Fills `missing` with what is to be copied of the tree. The source gives all of its directories in one go, however deep; the
 * destination is asked from the root down, and not about what is below those that it has. While few are to be asked about,
 * it is asked about those below them as well, so that a tree that is deep does not take a round trip per level.
 */
async function findMissing(
  root: B3Digest,
  from: Castore,
  to: Castore,
  missing: Map<string, Missing>,
  options: CallOptions,
): Promise<void> {
  const signal = callOptions(options)
  const has = async (digest: B3Digest): Promise<boolean> => (await to.directories.get(digest, signal)) !== undefined
  if (await has(root)) return
  const all = await directoriesOf(root, from, signal)
  /** What the destination has said. */
  const there = new Map<string, boolean>()
  const ask = async (digest: B3Digest): Promise<void> => void there.set(digestKey(digest), await has(digest))
  missing.set(digestKey(root), all.get(digestKey(root))!)
  for (let level = all.get(digestKey(root))!.children; level.length > 0;) {
    if (!level.every((digest) => there.has(digestKey(digest)))) {
      for await (const _ of ahead(toAskAbout(level, all, there), AT_ONCE, ask));
    }
    const next: B3Digest[] = []
    for (const digest of level) {
      const key = digestKey(digest)
      if (there.get(key) === true || missing.has(key)) continue
      const found = all.get(key)!
      missing.set(key, found)
      for (const child of found.children) next.push(child)
    }
    level = next
  }
}

/** Those in a level of which nothing is known; if they are few, as many below them that all may be asked about at once. */
function toAskAbout(
  level: readonly B3Digest[],
  all: ReadonlyMap<string, Found>,
  there: ReadonlyMap<string, boolean>,
): readonly B3Digest[] {
  const unknown: B3Digest[] = []
  const seen = new Set<string>()
  const candidates = [...level]
  for (let i = 0; i < candidates.length && (i < level.length || unknown.length < AT_ONCE); i++) {
    const digest = candidates[i]!
    const key = digestKey(digest)
    if (seen.has(key) || there.get(key) === true) continue
    seen.add(key)
    if (!there.has(key)) unknown.push(digest)
    for (const child of all.get(key)!.children) candidates.push(child)
  }
  return unknown
}

/** @throws {CastoreError} `missing` if they are not all there */
async function directoriesOf(root: B3Digest, from: Castore, options: CallOptions): Promise<Map<string, Found>> {
  const all = new Map<string, Found>()
  for await (const directory of from.directories.getRecursive(root, options)) {
    const digest = directoryDigest(directory)
    const children = directory.entries.flatMap(([, node]) => (node.type === "directory" ? [node.digest] : []))
    all.set(digestKey(digest), { digest, directory, children })
  }
  if (all.size === 0) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(root)}` })
  return all
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
    return { blob, there: false, contents: pieces.length === 1 ? pieces[0]! : concat(pieces) }
  }
  try {
    for await (const { blob, there, contents } of ahead(blobs, BLOBS_AT_ONCE, look, SMALL_LOAD)) {
      if (!there) {
        const writer = batch.blob(blob.size)
        if (contents === undefined) await writeFrom(source(blob, from, to, options), writer)
        else {
          const waiting = writer.write(contents)
          if (waiting !== undefined) await waiting
        }
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
  // All of it is asked for without a range, which small ones of a peer can be in one round trip.
  const range = start === 0 && end === size ? {} : { from: start, to: end }
  const contents = await from.blobs.read(digest, { ...options, ...range })
  if (contents === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
  let left = end - start
  for await (const piece of contents) {
    left -= piece.length
    if (left < 0) break
    yield piece
  }
  if (left !== 0) throw corrupt(digest, `it does not have the ${size} bytes that its directory says`)
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
