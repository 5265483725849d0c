/** A tree that goes into a castore only when that turns out to be necessary, as long as it is small. */
import { TreeBuilder, type Node, type TreeSink } from "@tvix-ts/castore"
import type { Store } from "@tvix-ts/store"

/** Bytes of contents that are held before writing begins. */
const HELD_MAX = 2 ** 20

/** Takes a tree, each piece of contents to keep. */
export class HeldTree implements TreeSink {
  readonly #store: Store
  #held: ((sink: TreeSink) => void | Promise<void>)[] = []
  #heldBytes = 0
  #builder: TreeBuilder | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** Whether it is too late to do without writing it. */
  get isWritten(): boolean {
    return this.#builder !== undefined
  }

  file(size: number, executable: boolean): void {
    this.#tell((sink) => sink.file(size, executable))
  }
  symlink(target: string): void {
    this.#tell((sink) => sink.symlink(target))
  }
  directory(): void {
    this.#tell((sink) => sink.directory())
  }
  entry(name: string): void {
    this.#tell((sink) => sink.entry(name))
  }
  endDirectory(): void {
    this.#tell((sink) => sink.endDirectory())
  }

  contents(bytes: Uint8Array): void | Promise<void> {
    if (this.#builder !== undefined) return this.#builder.contents(bytes)
    this.#held.push((sink) => sink.contents(bytes))
    this.#heldBytes += bytes.length
    return this.#heldBytes > HELD_MAX ? this.#write() : undefined
  }

  /** Durable when it resolves. */
  async finish(): Promise<Node> {
    if (this.#builder === undefined) await this.#write()
    return this.#builder!.finish()
  }

  async abort(): Promise<void> {
    await this.#builder?.abort()
  }

  #tell(call: (sink: TreeSink) => void): void {
    if (this.#builder === undefined) this.#held.push(call)
    else call(this.#builder)
  }

  async #write(): Promise<void> {
    const builder = new TreeBuilder(this.#store)
    this.#builder = builder
    const held = this.#held
    this.#held = []
    for (const call of held) {
      const waiting = call(builder)
      if (waiting !== undefined) await waiting
    }
  }
}
