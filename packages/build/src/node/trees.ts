import type { CallOptions, Node } from "@tvix-ts/castore"

/** Where the trees of a castore are on this machine, for programs that read files. */
export interface Trees {
  /**
   * Puts the tree there, if it is not, and says where: an absolute path, a byte string. What is there may be read by every
   * user, never changes and goes on being there as long as anybody needs it.
   *
   * @param name what it is called where it is wanted; the path may end in something else
   * @param node a file or a directory; back ends need no path of a symlink
   */
  place(name: string, node: Node, options?: CallOptions): Promise<string>
}
