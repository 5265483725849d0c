import { bytesOf, concat } from "@tvix-ts/bytes"
import type { TreeSink } from "@tvix-ts/castore"
import { encodeNix32, hash } from "@tvix-ts/hash"
import { fingerprint, formatNarInfo, type NarInfo, type SecretKey, type StorePath } from "@tvix-ts/nix-compat"
import { memoryStore, renderNar, storeTree, type PathInfo } from "@tvix-ts/store"

/** A store path that a client has: what it uploads. */
export interface ClientPath {
  readonly info: PathInfo
  readonly nar: Uint8Array
}

/** A file of these contents, a byte string, which refers to whatever of `candidates` it mentions. */
export function fileTree(contents: string, executable = false): (sink: TreeSink) => Promise<void> {
  return async (sink) => {
    const bytes = bytesOf(contents)
    sink.file(bytes.length, executable)
    await sink.contents(bytes)
  }
}

/** A folder with a file, an executable and a link. */
export async function folderTree(sink: TreeSink): Promise<void> {
  sink.directory()
  sink.entry("bin")
  sink.directory()
  sink.entry("hello")
  await fileTree("#! /bin/sh\necho hello\n", true)(sink)
  sink.endDirectory()
  sink.entry("link")
  sink.symlink("bin/hello")
  sink.entry("text")
  await fileTree("x".repeat(1000))(sink)
  sink.endDirectory()
}

export async function clientPath(
  name: string,
  tree: (sink: TreeSink) => Promise<void>,
  candidates: readonly StorePath[] = [],
): Promise<ClientPath> {
  const store = memoryStore()
  const info = await storeTree(tree, store, { name, candidates })
  const pieces: Uint8Array[] = []
  for await (const piece of renderNar(info.node, store)) pieces.push(piece.slice())
  await store.close()
  return { info, nar: concat(pieces) }
}

/** What C++ Nix uploads of a path. */
export interface Parcel {
  readonly narUrl: string
  readonly file: Uint8Array
  readonly infoUrl: string
  readonly narInfo: NarInfo
}

export function parcelOf({ info, nar }: ClientPath, changes: Partial<NarInfo> = {}): Parcel {
  const fileHash = hash("sha256", nar)
  const { storePath, narHash, narSize, references, signatures, contentAddress } = info
  const narUrl = `/nar/${encodeNix32(fileHash)}.nar`
  const narInfo: NarInfo = {
    storePath,
    url: narUrl.slice(1),
    compression: "none",
    fileHash,
    fileSize: nar.length,
    narHash,
    narSize,
    references,
    signatures,
    ...(contentAddress !== undefined && { contentAddress }),
    ...changes,
  }
  return { narUrl, file: nar, infoUrl: `/${storePath.digest}.narinfo`, narInfo }
}

export function bodyOf(narInfo: NarInfo): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytesOf(formatNarInfo(narInfo)))
}

/** The same path as if a derivation had built it: it has no content address. */
export async function built(path: ClientPath, keys: readonly SecretKey[] = []): Promise<ClientPath> {
  const { contentAddress: _, ...info } = path.info
  const signatures = await Promise.all(keys.map((key) => key.sign(fingerprint(info))))
  return { nar: path.nar, info: { ...info, signatures } }
}
