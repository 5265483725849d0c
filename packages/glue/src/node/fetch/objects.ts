/** What was fetched becomes a path of the store. */
import type { Node } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { contentAddressPath, NarWriter, parseStorePath, type ContentAddress } from "@tvix-ts/nix-compat"
import type { NarCalculation, PathInfo, Store } from "@tvix-ts/store"
import { piecesOf, type Content } from "./content.ts"

/** Stores a file under the hash of what is in it. */
export async function storeFile(content: Content, name: string, store: Store): Promise<PathInfo> {
  const { size } = content
  const flat = startHash("sha256")
  const archive = startHash("sha256")
  let narSize = 0
  const nar = new NarWriter((bytes) => {
    archive.update(bytes)
    narSize += bytes.length
  })
  nar.file(size, false)
  const batch = store.blobs.batch()
  try {
    const writer = batch.blob(size)
    for await (const piece of piecesOf(content)) {
      flat.update(piece)
      void nar.contents(piece)
      await writer.write(piece)
    }
    void nar.end()
    const ended = writer.end()
    await batch.commit()
    const node: Node = { type: "file", digest: await ended, size, executable: false }
    const contentAddress = { method: "flat", hash: { algorithm: "sha256", digest: flat.digest() } } as const
    return await describe(node, name, { narSize, narHash: archive.digest() }, contentAddress, store)
  } catch (error) {
    await batch.abort()
    throw error
  }
}

/** Describes a tree that is stored already. */
export function storeNode(node: Node, name: string, nar: NarCalculation, store: Store): Promise<PathInfo> {
  const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: nar.narHash } } as const
  return describe(node, name, nar, contentAddress, store)
}

export function pathOfTree(name: string, narHash: Uint8Array): string {
  const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: narHash } } as const
  return contentAddressPath(name, contentAddress, { others: [], self: false })
}

async function describe(
  node: Node,
  name: string,
  { narSize, narHash }: NarCalculation,
  contentAddress: ContentAddress,
  store: Store,
): Promise<PathInfo> {
  const storePath = parseStorePath(contentAddressPath(name, contentAddress, { others: [], self: false }))
  return store.pathInfos.put({ storePath, node, references: [], narSize, narHash, signatures: [], contentAddress })
}
