/**
 * A file tree as a sequence of calls: depth first, the entries of a directory ascending by the bytes of their names, the
 * order of a Nix archive. Who reads trees (from disk, from an archive, from a castore) calls; who makes something of them
 * (a castore, an archive, a digest, files on disk) is called. nix-compat's NAR reader and writer have the same shape.
 *
 *     node       file, contents until `size` bytes are given  |  symlink  |  directory, { entry, node }, endDirectory
 */
export interface TreeSink {
  /** A file of `size` bytes, which follow by {@link contents}; nothing follows if `size` is 0. */
  file(size: number, executable: boolean): void
  /** The next piece of the file. It may not be kept. A promise asks to wait for it before calling anything more. */
  contents(bytes: Uint8Array): void | Promise<void>
  /** @param target a byte string */
  symlink(target: string): void
  directory(): void
  /** The name, a byte string, of the node that comes next in the innermost open directory. */
  entry(name: string): void
  endDirectory(): void
}

/** Tells both, and waits for the first, if it asks for that. The second never does. */
export function tellBoth(first: TreeSink, second: TreeSink): TreeSink {
  return {
    file(size, executable) {
      first.file(size, executable)
      second.file(size, executable)
    },
    contents(bytes) {
      const waiting = first.contents(bytes)
      void second.contents(bytes)
      return waiting
    },
    symlink(target) {
      first.symlink(target)
      second.symlink(target)
    },
    directory() {
      first.directory()
      second.directory()
    },
    entry(name) {
      first.entry(name)
      second.entry(name)
    },
    endDirectory() {
      first.endDirectory()
      second.endDirectory()
    },
  }
}
