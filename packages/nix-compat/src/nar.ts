/**
 * Nix archives: a file tree as bytes, the same tree always the same bytes (libutil/archive.cc). Times, owners and other
 * permissions than "executable" are no part of it.
 *
 *     archive    "nix-archive-1" node
 *     node       "(" "type" "regular"   [ "executable" "" ] "contents" BYTES ")"
 *              | "(" "type" "symlink"   "target" BYTES ")"
 *              | "(" "type" "directory" { "entry" "(" "name" NAME "node" node ")" } ")"      sorted by name
 *
 * Every string is its length, 8 bytes, little-endian, then its bytes, filled up with zeros to a multiple of 8.
 */

/** Bytes gathered before the sink is called. */
const BUFFER_LENGTH = 65_536

/** Takes a tree node by node, depth first; a node is a file, a link, or a directory with its entries. */
export class NarWriter {
  readonly #sink: (bytes: Uint8Array) => void
  readonly #buffer = new Uint8Array(BUFFER_LENGTH)
  #used = 0
  /** The name last written in each directory that is open. */
  readonly #open: string[] = []

  /** @param sink takes the archive in pieces, which it must not keep */
  constructor(sink: (bytes: Uint8Array) => void) {
    this.#sink = sink
    this.#word("nix-archive-1")
  }

  regular(contents: Uint8Array, executable: boolean): void {
    this.#word("(")
    this.#word("type")
    this.#word("regular")
    if (executable) {
      this.#word("executable")
      this.#word("")
    }
    this.#word("contents")
    this.#bytes(contents)
    this.#endNode()
  }

  /** @param target a byte string */
  symlink(target: string): void {
    this.#word("(")
    this.#word("type")
    this.#word("symlink")
    this.#word("target")
    this.#word(target)
    this.#endNode()
  }

  /** Begins a directory. {@link entry} and a node for each entry follow, then {@link endDirectory}. */
  directory(): void {
    this.#word("(")
    this.#word("type")
    this.#word("directory")
    this.#open.push("")
  }
  /**
   * Says how the node that comes next is called.
   *
   * @param name a byte string
   * @throws {RangeError} unless it is greater, by its bytes, than the name before it
   */
  entry(name: string): void {
    const last = this.#open.length - 1
    if (name <= this.#open[last]!) throw new RangeError(`'${name}' after '${this.#open[last]}' in a Nix archive`)
    this.#open[last] = name
    this.#word("entry")
    this.#word("(")
    this.#word("name")
    this.#word(name)
    this.#word("node")
  }
  endDirectory(): void {
    this.#open.pop()
    this.#endNode()
  }

  #endNode(): void {
    this.#word(")")
    // The entry that the node was.
    if (this.#open.length > 0) this.#word(")")
    else this.#flush()
  }

  #word(text: string): void {
    if (text.length + 16 > BUFFER_LENGTH - this.#used) this.#flush()
    this.#length(text.length)
    const buffer = this.#buffer
    for (let i = 0; i < text.length; i++) buffer[this.#used + i] = text.charCodeAt(i)
    this.#used += text.length
    this.#pad(text.length)
  }
  #bytes(bytes: Uint8Array): void {
    this.#length(bytes.length)
    this.#flush()
    this.#sink(bytes)
    this.#pad(bytes.length)
  }
  #length(length: number): void {
    if (this.#used + 8 > BUFFER_LENGTH) this.#flush()
    for (let i = 0, rest = length; i < 8; i++) {
      this.#buffer[this.#used++] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }
  #pad(length: number): void {
    for (let rest = (8 - (length % 8)) % 8; rest > 0; rest--) this.#buffer[this.#used++] = 0
  }
  #flush(): void {
    if (this.#used > 0) this.#sink(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }
}
