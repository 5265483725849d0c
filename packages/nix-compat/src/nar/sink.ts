/**
 * A file tree as a sequence of calls: depth first, the entries of a directory ascending by the bytes of their names. The
 * reader calls, the writer is called; castore's TreeSink has the same shape.
 *
 *     node       file, contents until `size` bytes are given  |  symlink  |  directory, { entry, node }, endDirectory
 */
export interface NarSink {
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
