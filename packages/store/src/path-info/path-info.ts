import type { Node } from "@tvix-ts/castore"
import type { ContentAddress, Signature, StorePath } from "@tvix-ts/nix-compat"

/** What a store knows of one store path. */
export interface PathInfo extends PathDescription {
  /** The tree under the path. */
  readonly node: Node
}

/** What can be said of a store path without having its tree: what binary caches publish. */
export interface PathDescription {
  readonly storePath: StorePath
  /** Store paths that occur in the tree, itself perhaps among them; sorted by their base names. */
  readonly references: readonly StorePath[]
  /** Bytes of the tree as a Nix archive. */
  readonly narSize: number
  /** SHA-256 of the same: 32 bytes. */
  readonly narHash: Uint8Array
  readonly signatures: readonly Signature[]
  /** The derivation that it was built by. */
  readonly deriver?: StorePath
  readonly contentAddress?: ContentAddress
}
