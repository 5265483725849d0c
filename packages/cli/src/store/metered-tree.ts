import type { TreeSink } from "@tvix-ts/castore"
import type { Amounts } from "../progress.ts"

/** Bytes of a string of `length` bytes in a Nix archive: its length comes first, and it is padded. */
const narString = (length: number): number => 8 + Math.ceil(length / 8) * 8
const narStrings = (...texts: readonly string[]): number =>
  texts.reduce((sum, { length }) => sum + narString(length), 0)

const HEADER = narStrings("nix-archive-1")
const NODE = narStrings("(", "type", ")")
const FILE = NODE + narStrings("regular", "contents")
const EXECUTABLE = narStrings("executable", "")
const SYMLINK = NODE + narStrings("symlink", "target")
const DIRECTORY = NODE + narStrings("directory")
const ENTRY = narStrings("entry", "(", "name", "node", ")")

/** Passes a tree on, and says how much of it there was. */
export class MeteredTree implements TreeSink {
  /** Files and symbolic links. */
  files = 0
  /** Contents of files. */
  bytes = 0
  /** How long it would be as a Nix archive, which is what is known of a tree before it is read. */
  narBytes = HEADER
  readonly #sink: TreeSink
  readonly #meter: (amounts: Amounts & { readonly narBytes: number }) => void

  constructor(sink: TreeSink, meter: (amounts: Amounts & { readonly narBytes: number }) => void) {
    this.#sink = sink
    this.#meter = meter
  }

  file(size: number, executable: boolean): void {
    this.files++
    this.narBytes += FILE + narString(size) - size + (executable ? EXECUTABLE : 0)
    this.#meter(this)
    this.#sink.file(size, executable)
  }
  contents(bytes: Uint8Array): void | Promise<void> {
    this.bytes += bytes.length
    this.narBytes += bytes.length
    this.#meter(this)
    return this.#sink.contents(bytes)
  }
  symlink(target: string): void {
    this.files++
    this.narBytes += SYMLINK + narString(target.length)
    this.#sink.symlink(target)
  }
  directory(): void {
    this.narBytes += DIRECTORY
    this.#sink.directory()
  }
  entry(name: string): void {
    this.narBytes += ENTRY + narString(name.length)
    this.#sink.entry(name)
  }
  endDirectory(): void {
    this.#sink.endDirectory()
  }
}
