import type { CallOptions } from "../call.ts"
import type { B3Digest } from "../digest.ts"
import type { Node } from "../node.ts"

/**
 * The entries of a directory, ascending by the bytes of their names, which are byte strings: 1 to 255 bytes without NUL and
 * `/`, neither `.` nor `..`. `directory/codec.ts` checks this and turns directories into bytes and back.
 */
export interface Directory {
  readonly entries: readonly (readonly [name: string, node: Node])[]
}

/**
 * Stores directories under the BLAKE3 of their canonical encoding.
 *
 * Every back end passes `testDirectoryService` (testing/directory-service.ts).
 */
export interface DirectoryService {
  /** `undefined` if it is not there. What is given is verified against the digest. */
  get(digest: B3Digest, options?: CallOptions): Promise<Directory | undefined>

  /**
   * The directory and all directories below it, each once, after one of those that refer to it; nothing at all if the
   * first is not there.
   *
   * @throws {CastoreError} `missing` in the iteration if one below is not there
   */
  getRecursive(digest: B3Digest, options?: CallOptions): AsyncIterable<Directory>

  /** Stores one directory, whose subdirectories need not be there. Durable when it resolves. */
  put(directory: Directory, options?: CallOptions): Promise<B3Digest>

  /** Begins to store a tree. */
  putMultiple(options?: CallOptions): DirectoryPutter

  close(): Promise<void>
}

/** Takes the directories of one tree, children before their parents. */
export interface DirectoryPutter {
  /**
   * The next directory. A promise asks to wait for it before putting more.
   *
   * @throws {CastoreError} `invalid` if the directory refers to one that was not put before it, or with another size
   */
  put(directory: Directory): void | Promise<void>
  /**
   * Stores them all, or none: durable when it resolves. The digest is that of the directory put last, the root.
   *
   * @throws {CastoreError} `invalid` if there were none, or some are not part of the root's tree
   */
  close(): Promise<B3Digest>
}
