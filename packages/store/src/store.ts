import type { BlobService, CallOptions, DirectoryService, Node } from "@tvix-ts/castore"
import type { NarCalculation, PathInfoService } from "./path-info/service.ts"

/** Trees by their contents, and what is known of them as store paths. */
export interface Store {
  readonly blobs: BlobService
  readonly directories: DirectoryService
  readonly pathInfos: PathInfoService
  readonly nar: NarService
  /** Closes its services. Nothing may be called afterwards, except `close` again. */
  close(): Promise<void>
}

/** Says what trees are as Nix archives: by reading them, or by asking somebody who is nearer to their contents. */
export interface NarService {
  /** @throws {CastoreError} `missing` if the tree is not all there */
  calculate(node: Node, options?: CallOptions): Promise<NarCalculation>
}
