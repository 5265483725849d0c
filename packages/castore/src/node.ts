import type { B3Digest } from "./digest.ts"

/** What a name in a directory stands for, or the root of a tree. */
export type Node = DirectoryNode | FileNode | SymlinkNode

export interface DirectoryNode {
  readonly type: "directory"
  /** Of its canonical encoding: directory/codec.ts. */
  readonly digest: B3Digest
  /** Entries in it and in all directories below. At most 2^53 - 1, as every size here. */
  readonly size: number
}

export interface FileNode {
  readonly type: "file"
  /** Of its contents. */
  readonly digest: B3Digest
  /** Bytes. */
  readonly size: number
  readonly executable: boolean
}

export interface SymlinkNode {
  readonly type: "symlink"
  /** A byte string, neither empty nor containing NUL. */
  readonly target: string
}
