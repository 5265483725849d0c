import type { TreeSink } from "@tvix-ts/castore"
import type { Amounts } from "./progress.ts"

/** Passes a tree on, and says how much of it there was. */
export class MeteredTree implements TreeSink {
  /** Files and symbolic links. */
  files = 0
  /** Contents of files. */
  bytes = 0
  readonly #sink: TreeSink
  readonly #meter: (amounts: Amounts) => void

  constructor(sink: TreeSink, meter: (amounts: Amounts) => void) {
    this.#sink = sink
    this.#meter = meter
  }

  file(size: number, executable: boolean): void {
    this.files++
    this.#sink.file(size, executable)
  }
  contents(bytes: Uint8Array): void | Promise<void> {
    this.bytes += bytes.length
    this.#meter(this)
    return this.#sink.contents(bytes)
  }
  symlink(target: string): void {
    this.files++
    this.#sink.symlink(target)
  }
  directory(): void {
    this.#sink.directory()
  }
  entry(name: string): void {
    this.#sink.entry(name)
  }
  endDirectory(): void {
    this.#sink.endDirectory()
  }
}
