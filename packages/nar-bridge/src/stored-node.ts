import type { CallOptions, Node } from "@tvix-ts/castore"
import type { PathDescription, PathInfo, Store } from "@tvix-ts/store"

/** Whether the tree is known; of what another cache has, it is only when the archive was fetched. */
export function isHere(description: PathDescription): description is PathInfo {
  return "node" in description
}

/** Whether a tree is all there that once was: whoever has a directory has what is below it. */
export async function isStored(
  node: Node,
  { directories, blobs }: Pick<Store, "blobs" | "directories">,
  options: CallOptions,
): Promise<boolean> {
  switch (node.type) {
    case "directory":
      return (await directories.get(node.digest, options)) !== undefined
    case "file":
      return (await blobs.stat(node.digest, options)) !== undefined
    case "symlink":
      return true
  }
}
