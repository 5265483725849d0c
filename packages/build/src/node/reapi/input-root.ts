/** The root of a build as the Remote Execution API has trees: directories by the SHA-256 of their messages. */
import { createHash } from "node:crypto"
import { create, toBinary } from "@bufbuild/protobuf"
import { isUtf8, textOf } from "@tvix-ts/bytes"
import {
  CastoreError,
  digestKey,
  formatDigest,
  type B3Digest,
  type BlobService,
  type CallOptions,
  type DirectoryService,
  type Node,
} from "@tvix-ts/castore"
import { ExecutionDirectorySchema } from "@tvix-ts/protos"
import { BuildError, unsupported } from "../../problem.ts"
import { digestMessage, sourceOf, type BlobId, type BlobSource } from "./blobs.ts"

interface Services {
  readonly blobs: BlobService
  readonly directories: DirectoryService
}

/** What is at a path of the root: a folder that is made for it, a tree of the castore, or a file. */
export type Place =
  | Map<string, Place>
  | { readonly node: Node }
  | { readonly bytes: Uint8Array; readonly executable: boolean }

/** What a directory has, in the words of the API. */
interface Entries {
  readonly files: { name: string; digest: ReturnType<typeof digestMessage>; isExecutable: boolean }[]
  readonly directories: { name: string; digest: ReturnType<typeof digestMessage> }[]
  readonly symlinks: { name: string; target: string }[]
}

/** Puts `place` at a clean path below `root`; what is made on the way are folders. */
export function putAt(root: Map<string, Place>, path: string, place: Place): void {
  const names = path.split("/")
  let folder = root
  for (const name of names.slice(0, -1)) {
    let next = folder.get(name)
    if (next === undefined) folder.set(name, (next = new Map()))
    if (!(next instanceof Map)) throw new BuildError({ code: "invalid", field: path, reason: "is below a file" })
    folder = next
  }
  const last = names.at(-1)!
  // A folder may have been made on the way to something else.
  if (place instanceof Map && folder.get(last) instanceof Map) return
  folder.set(last, place)
}

/** Finds the digests of trees, each once for as long as it lives. */
export class TreeDigests {
  readonly #services: Services
  readonly #files = new Map<string, BlobId>()
  readonly #directories = new Map<string, { readonly source: BlobSource; readonly below: readonly Node[] }>()

  constructor(services: Services) {
    this.#services = services
  }

  /**
   * @param sources gets every blob that the root is made of, by hash
   * @returns the digest of the root
   */
  async root(root: Map<string, Place>, sources: Map<string, BlobSource>, options: CallOptions): Promise<BlobId> {
    const entries: Entries = { files: [], directories: [], symlinks: [] }
    for (const [name, place] of sortedByText(root)) {
      if (place instanceof Map) {
        entries.directories.push({ name, digest: digestMessage(await this.root(place, sources, options)) })
      } else if ("node" in place) {
        await this.#add(entries, name, place.node, sources, options)
      } else {
        const source = sourceOf(place.bytes)
        sources.set(source.id.hash, source)
        entries.files.push({ name, digest: digestMessage(source.id), isExecutable: place.executable })
      }
    }
    const source = directorySource(entries)
    sources.set(source.id.hash, source)
    return source.id
  }

  async #add(
    entries: Entries,
    name: string,
    node: Node,
    sources: Map<string, BlobSource>,
    options: CallOptions,
  ): Promise<void> {
    if (node.type === "symlink") {
      entries.symlinks.push({ name, target: textIn(node.target) })
    } else if (node.type === "file") {
      const id = await this.#file(node.digest, node.size, options)
      sources.set(id.hash, { id, open: () => this.#open(node.digest, options) })
      entries.files.push({ name, digest: digestMessage(id), isExecutable: node.executable })
    } else {
      const id = await this.#directory(node.digest, sources, options)
      entries.directories.push({ name, digest: digestMessage(id) })
    }
  }

  async #directory(digest: B3Digest, sources: Map<string, BlobSource>, options: CallOptions): Promise<BlobId> {
    const key = digestKey(digest)
    const known = this.#directories.get(key)
    if (known !== undefined) {
      if (sources.has(known.source.id.hash)) return known.source.id
      sources.set(known.source.id.hash, known.source)
      const nothing: Entries = { files: [], directories: [], symlinks: [] }
      for (const node of known.below) await this.#add(nothing, "", node, sources, options)
      return known.source.id
    }
    const directory = await this.#services.directories.get(digest, options)
    if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
    const entries: Entries = { files: [], directories: [], symlinks: [] }
    for (const [name, node] of directory.entries) await this.#add(entries, textIn(name), node, sources, options)
    const source = directorySource(entries)
    this.#directories.set(key, { source, below: directory.entries.map(([, node]) => node) })
    sources.set(source.id.hash, source)
    return source.id
  }

  async #file(digest: B3Digest, size: number, options: CallOptions): Promise<BlobId> {
    const key = digestKey(digest)
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const hash = createHash("sha256")
    for await (const bytes of await this.#open(digest, options)) hash.update(bytes)
    const id = { hash: hash.digest("hex"), size }
    this.#files.set(key, id)
    return id
  }

  async #open(digest: B3Digest, options: CallOptions): Promise<AsyncIterable<Uint8Array>> {
    const contents = await this.#services.blobs.read(digest, options)
    if (contents === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
    return contents
  }
}

function directorySource(entries: Entries): BlobSource {
  return sourceOf(toBinary(ExecutionDirectorySchema, create(ExecutionDirectorySchema, entries)))
}

/** By their bytes, and as text. */
function sortedByText(root: ReadonlyMap<string, Place>): [string, Place][] {
  return [...root].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, place]) => [textIn(name), place])
}

/** @throws {BuildError} `unsupported` */
export function textIn(byteString: string): string {
  if (isUtf8(byteString)) return textOf(byteString)
  throw unsupported(`remote execution knows text only: ${textOf(byteString)}`)
}
