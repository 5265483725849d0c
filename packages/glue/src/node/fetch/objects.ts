/** What was fetched becomes a path of the store. */
import type { Node } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { contentAddressPath, parseStorePath, type ContentAddress } from "@tvix-ts/nix-compat"
import { narHasher, type NarCalculation, type PathInfo, type Store } from "@tvix-ts/store"
import { piecesOf, type Content } from "./content.ts"

/** Stores a file under the hash of what is in it. */
export async function storeFile(content: Content, name: string, store: Store): Promise<PathInfo> {
  const { size } = content
  const flat = startHash("sha256")
  const archive = narHasher()
  archive.writer.file(size, false)
  const batch = store.blobs.batch()
  try {
    const writer = batch.blob(size)
    for await (const piece of piecesOf(content)) {
      flat.update(piece)
      void archive.writer.contents(piece)
      await writer.write(piece)
    }
    const nar = archive.finish()
    const ended = writer.end()
    await batch.commit()
    const node: Node = { type: "file", digest: await ended, size, executable: false }
    const contentAddress = { method: "flat", hash: { algorithm: "sha256", digest: flat.digest() } } as const
    return await describe(node, name, nar, contentAddress, store)
  } catch (error) {
    await batch.abort()
    throw error
  }
}

/** Describes a tree that is stored already. */
export function storeNode(node: Node, name: string, nar: NarCalculation, store: Store): Promise<PathInfo> {
  return describe(node, name, nar, addressOfTree(nar.narHash), store)
}

export function pathOfTree(name: string, narHash: Uint8Array): string {
  return pathOf(name, addressOfTree(narHash))
}

function addressOfTree(narHash: Uint8Array): ContentAddress {
  return { method: "nar", hash: { algorithm: "sha256", digest: narHash } }
}

function pathOf(name: string, contentAddress: ContentAddress): string {
  return contentAddressPath(name, contentAddress, { others: [], self: false })
}

async function describe(
  node: Node,
  name: string,
  nar: NarCalculation,
  contentAddress: ContentAddress,
  store: Store,
): Promise<PathInfo> {
  const storePath = parseStorePath(pathOf(name, contentAddress))
  return store.pathInfos.put({ storePath, node, references: [], ...nar, signatures: [], contentAddress })
}
