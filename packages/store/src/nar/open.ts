import {
  CastoreError,
  digestKey,
  directoryDigest,
  formatDigest,
  type B3Digest,
  type CallOptions,
  type Directory,
  type FileNode,
  type Node,
} from "@tvix-ts/castore"
import { NarWriter } from "@tvix-ts/nix-compat"
import type { Store } from "../store.ts"

/** A Nix archive of which any part can be read without rendering what is before it. */
export interface NarFile {
  /** Bytes. */
  readonly size: number
  /** Pieces are never empty, and the caller may keep them, unless they are `fleeting`. */
  read(options?: ReadNarOptions): AsyncIterable<Uint8Array>
}

export interface ReadNarOptions extends CallOptions {
  /** The half-open range of bytes that is wanted: [from, to), cut off at the end of the archive. All of it without. */
  readonly from?: number
  readonly to?: number
  /** That each piece is done with before the next is asked for, which saves copying. */
  readonly fleeting?: boolean
}

/** Bytes of files that are read at once, as trees are walked. */
const SMALL = 256 * 1024
/** Entries that a tree may have to be opened: the index takes some 300 bytes for each. */
const ENTRIES_MAX = 5_000_000

/**
 * Makes an index of the archive of a tree, from its directories alone: all of the archive but the contents of files, and
 * where those belong.
 *
 * @throws {CastoreError} `missing` if a directory is; `full` if there are more than five million entries
 */
export async function openNar(
  node: Node,
  store: Pick<Store, "blobs" | "directories">,
  options: CallOptions = {},
): Promise<NarFile> {
  const index = new NarIndex()
  const writer = new NarWriter((bytes) => index.literal(bytes))
  describe(node, await directoriesOf(node, store, options), writer, (file) => {
    writer.file(file.size, file.executable)
    writer.skipContents(() => index.file(file))
  })
  const { size } = index
  return {
    size,
    read: ({ from = 0, to = size, ...options } = {}) => index.read(store, from, Math.min(to, size), options),
  }
}

type Directories = ReadonlyMap<string, Directory>

async function directoriesOf(
  node: Node,
  store: Pick<Store, "directories">,
  options: CallOptions,
): Promise<Directories> {
  const directories = new Map<string, Directory>()
  if (node.type !== "directory") return directories
  if (node.size > ENTRIES_MAX) {
    throw new CastoreError({ code: "full", reason: `a tree of ${node.size} entries is too large to be read in parts` })
  }
  for await (const directory of store.directories.getRecursive(node.digest, options)) {
    directories.set(digestKey(directoryDigest(directory)), directory)
  }
  return directories
}

/** Walks without recursion: trees may be deeper than the stack. */
function describe(root: Node, directories: Directories, writer: NarWriter, file: (file: FileNode) => void): void {
  const open: { readonly entries: Directory["entries"]; next: number }[] = []
  let entryCount = 0
  const visit = (node: Node): void => {
    switch (node.type) {
      case "file":
        return file(node)
      case "symlink":
        return writer.symlink(node.target)
      case "directory": {
        const directory = directories.get(digestKey(node.digest))
        if (directory === undefined) {
          throw new CastoreError({ code: "missing", what: `directory ${formatDigest(node.digest)}` })
        }
        writer.directory()
        open.push({ entries: directory.entries, next: 0 })
      }
    }
  }
  visit(root)
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    const entry = directory.entries[directory.next++]
    if (entry === undefined) {
      writer.endDirectory()
      open.pop()
      continue
    }
    // Directories that lie about their sizes could make this go on for ever.
    if (++entryCount > ENTRIES_MAX) throw new CastoreError({ code: "full", reason: "the tree is too large" })
    writer.entry(entry[0])
    visit(entry[1])
  }
}

/** Bytes of an archive that are not contents of files, one after the other, and the files between them. */
class NarIndex {
  size = 0
  #literals = new Uint8Array(4096)
  #used = 0
  readonly #files: { readonly digest: B3Digest; readonly size: number }[] = []
  /** Of each file: where its contents are in the archive, and how many bytes of literals are before them. */
  readonly #offsets: number[] = []
  readonly #literalEnds: number[] = []

  literal(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#literals.length) {
      const grown = new Uint8Array(2 * (this.#used + bytes.length))
      grown.set(this.#literals.subarray(0, this.#used))
      this.#literals = grown
    }
    this.#literals.set(bytes, this.#used)
    this.#used += bytes.length
    this.size += bytes.length
  }

  /** The contents of a file come next. */
  file({ digest, size }: FileNode): void {
    this.#files.push({ digest, size })
    this.#offsets.push(this.size)
    this.#literalEnds.push(this.#used)
    this.size += size
  }

  async *read(
    store: Pick<Store, "blobs">,
    from: number,
    to: number,
    options: Pick<ReadNarOptions, "signal" | "fleeting">,
  ): AsyncGenerator<Uint8Array> {
    const { signal, fleeting = false } = options
    signal?.throwIfAborted()
    /** Where there is one, small files need not wait. */
    const reader = store.blobs.reader?.()
    let at = Math.max(from, 0)
    // The first file that begins at `at` or later; of the one before it, contents may still be wanted.
    let next = this.#firstFileFrom(at)
    while (at < to) {
      const before = next - 1
      const end = before < 0 ? 0 : this.#offsets[before]! + this.#files[before]!.size
      if (at < end) {
        const start = this.#offsets[before]!
        const stop = Math.min(to, end)
        const file = this.#files[before]!
        const whole = file.size <= SMALL ? reader?.read(file.digest) : undefined
        if (whole?.length === file.size) {
          signal?.throwIfAborted()
          const bytes = whole.subarray(at - start, stop - start)
          yield fleeting ? bytes : bytes.slice()
        } else yield* fileRange(store, file, at - start, stop - start, options)
        at = stop
        continue
      }
      const stop = Math.min(to, this.#offsets[next] ?? this.size)
      if (at < stop) {
        const literalAt = (this.#literalEnds[next] ?? this.#used) - ((this.#offsets[next] ?? this.size) - at)
        const literals = this.#literals.subarray(literalAt, literalAt + (stop - at))
        yield fleeting ? literals : literals.slice()
        at = stop
      }
      next++
    }
  }

  #firstFileFrom(offset: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#offsets[middle]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

async function* fileRange(
  store: Pick<Store, "blobs">,
  file: { readonly digest: B3Digest; readonly size: number },
  from: number,
  to: number,
  options: Pick<ReadNarOptions, "signal" | "fleeting">,
): AsyncGenerator<Uint8Array> {
  const what = `blob ${formatDigest(file.digest)}`
  // Of all of it, an end that comes too late is noticed as well.
  const range = to === file.size ? { from } : { from, to }
  const contents = await store.blobs.read(file.digest, { ...options, ...range })
  if (contents === undefined) throw new CastoreError({ code: "missing", what })
  let missing = to - from
  for await (const piece of contents) {
    missing -= piece.length
    if (missing < 0) break
    yield piece
  }
  if (missing !== 0) throw new CastoreError({ code: "corrupt", what, reason: `it does not have ${file.size} bytes` })
}
