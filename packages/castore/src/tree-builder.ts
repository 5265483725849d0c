import type { BlobBatch, BlobService, BlobWriter } from "./blob/service.ts"
import type { CallOptions } from "./call.ts"
import type { B3Digest } from "./digest.ts"
import { directorySize, nameProblem, orderProblem, targetProblem } from "./directory/check.ts"
import { directoryDigest } from "./directory/codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "./directory/service.ts"
import type { Node } from "./node.ts"
import { invalid } from "./problem.ts"
import type { TreeSink } from "./tree.ts"

/** A directory that is not stored yet: entries are to come, or the digests of some. */
interface Unfinished {
  readonly parent: Unfinished | undefined
  /** Where it goes in its parent. */
  readonly name: string
  readonly slot: number
  /** In order. What is not known yet is `undefined`, and counted by `pending`. */
  readonly entries: (readonly [string, Node] | undefined)[]
  pending: number
  /** All its entries have been named. */
  complete: boolean
  /** The entry named last, and whether its node is still to come. */
  last: string
  awaitsNode: boolean
}

/**
 * Stores the tree that it is told. Digests of blobs arrive when they arrive: nothing waits for them, a directory is stored
 * once those of its entries are there. Memory is for the open directories, and for what the back ends keep.
 *
 * Calls that make no tree (two roots, names out of order, more contents than announced) throw a `CastoreError`, `invalid`;
 * so does every call after a failure, whatever it was. Then, or to give up, call {@link abort}.
 */
export class TreeBuilder implements TreeSink {
  private readonly directories: DirectoryService
  private readonly signal: AbortSignal
  private readonly stop = new AbortController()
  private readonly batch: BlobBatch
  private putter: DirectoryPutter | undefined
  /** Directories that wait for the putter, which has asked for a pause. */
  private readonly queue: Directory[] = []
  private putting: Promise<void> | undefined

  private open: Unfinished | undefined
  private started = false
  private root: Node | undefined
  private writer: BlobWriter | undefined
  private size = 0
  private executable = false
  /** Bytes that the open file still lacks. */
  private left = 0

  /** Blobs whose digests have not arrived. */
  private pending = 0
  private arrived: (() => void) | undefined
  private failure: { readonly error: unknown } | undefined

  constructor(
    services: { readonly blobs: BlobService; readonly directories: DirectoryService },
    options: CallOptions = {},
  ) {
    const { signal } = options
    this.directories = services.directories
    this.signal = signal === undefined ? this.stop.signal : AbortSignal.any([signal, this.stop.signal])
    this.batch = services.blobs.batch({ signal: this.signal })
  }

  file(size: number, executable: boolean): void {
    this.begin()
    if (!Number.isSafeInteger(size) || size < 0) throw invalid(this.path(), `no size of a file: ${size}`)
    this.size = size
    this.left = size
    this.executable = executable
    this.writer = this.batch.blob(size)
    if (size === 0) this.endFile()
  }

  contents(bytes: Uint8Array): void | Promise<void> {
    this.check()
    if (bytes.length > this.left) throw invalid(this.path(), `more than the ${this.size} bytes that were announced`)
    if (bytes.length === 0) return this.putting
    this.left -= bytes.length
    const waiting = this.writer!.write(bytes)
    if (waiting !== undefined) return this.written(waiting)
    if (this.left === 0) this.endFile()
    return this.putting
  }

  symlink(target: string): void {
    this.begin()
    const bad = targetProblem(target)
    if (bad !== undefined) throw invalid(this.path(), bad)
    this.place({ type: "symlink", target })
  }

  directory(): void {
    this.begin()
    const parent = this.open
    if (parent !== undefined) {
      parent.pending++
      parent.entries.push(undefined)
    }
    this.open = {
      parent,
      name: parent?.last ?? "",
      slot: parent === undefined ? 0 : parent.entries.length - 1,
      entries: [],
      pending: 0,
      complete: false,
      last: "",
      awaitsNode: false,
    }
  }

  entry(name: string): void {
    this.check()
    const directory = this.open
    if (directory === undefined || directory.awaitsNode || this.left > 0) {
      throw invalid(this.path(), "an entry has no place here")
    }
    const bad = nameProblem(name)
    if (bad !== undefined) throw invalid(pathOf(directory, name), bad)
    if (name <= directory.last) throw invalid(pathOf(directory, name), orderProblem(name, directory.last))
    directory.last = name
    directory.awaitsNode = true
  }

  endDirectory(): void {
    this.check()
    const directory = this.open
    if (directory === undefined || directory.awaitsNode || this.left > 0) {
      throw invalid(this.path(), "no directory ends here")
    }
    directory.complete = true
    this.open = directory.parent
    this.store(directory)
  }

  /**
   * The root of the tree, which is durable: first its blobs, then its directories.
   *
   * @throws {CastoreError} `invalid` if the tree is not complete
   */
  async finish(): Promise<Node> {
    this.check()
    if (!this.started || this.open !== undefined || this.left > 0)
      throw invalid(this.path(), "the tree is not complete")
    await this.batch.commit()
    if (this.pending > 0 && this.failure === undefined) await new Promise<void>((resolve) => (this.arrived = resolve))
    while (this.putting !== undefined && this.failure === undefined) await this.putting
    this.check()
    await this.putter?.close()
    return this.root!
  }

  /** Gives up. Nothing of the tree is kept, unless it was finished. */
  async abort(): Promise<void> {
    this.failure ??= { error: invalid("tree", "it was given up") }
    this.queue.length = 0
    this.stop.abort(this.failure.error)
    await this.batch.abort()
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error
  }

  /** A node comes: is there a place for it? */
  private begin(): void {
    this.check()
    if (this.left > 0) throw invalid(this.path(), `${this.left} of ${this.size} bytes are missing`)
    const directory = this.open
    if (directory === undefined ? this.started : !directory.awaitsNode) throw invalid(this.path(), "a node has no name")
    this.started = true
    if (directory !== undefined) directory.awaitsNode = false
  }

  private async written(waiting: Promise<void>): Promise<void> {
    await waiting
    if (this.left === 0) this.endFile()
    await this.putting
  }

  private endFile(): void {
    const { open, size, executable } = this
    const ended = this.writer!.end()
    this.writer = undefined
    const slot = open === undefined ? 0 : open.entries.push(undefined) - 1
    if (open !== undefined) open.pending++
    this.pending++
    const name = open?.last ?? ""
    ended.then(
      (digest) => this.arrive(open, slot, name, { type: "file", digest, size, executable }),
      (error: unknown) => this.fail(error),
    )
  }

  private arrive(directory: Unfinished | undefined, slot: number, name: string, node: Node): void {
    this.pending--
    if (directory === undefined) this.root = node
    else {
      directory.entries[slot] = [name, node]
      directory.pending--
      if (directory.complete && this.failure === undefined) {
        try {
          this.store(directory)
        } catch (error) {
          this.fail(error)
        }
      }
    }
    if (this.pending === 0) this.arrived?.()
  }

  private fail(error: unknown): void {
    this.failure ??= { error }
    this.arrived?.()
  }

  private place(node: Node): void {
    if (this.open === undefined) this.root = node
    else this.open.entries.push([this.open.last, node])
  }

  /** Stores the directory if all is known of it, then those around it of which the same is now true. */
  private store(from: Unfinished): void {
    for (let directory: Unfinished | undefined = from; directory !== undefined; directory = directory.parent) {
      if (!directory.complete || directory.pending > 0) return
      const entries = directory.entries as (readonly [string, Node])[]
      const node: Node = { type: "directory", digest: this.put({ entries }), size: directorySize({ entries }) }
      const { parent, name, slot } = directory
      if (parent === undefined) this.root = node
      else {
        parent.entries[slot] = [name, node]
        parent.pending--
      }
    }
  }

  private put(directory: Directory): B3Digest {
    const digest = directoryDigest(directory)
    this.queue.push(directory)
    if (this.putting === undefined) this.pump()
    return digest
  }

  /** Hands the putter what it takes. */
  private pump(): void {
    this.putter ??= this.directories.putMultiple({ signal: this.signal })
    let taken = 0
    while (taken < this.queue.length) {
      const waiting = this.putter.put(this.queue[taken++]!)
      if (waiting === undefined) continue
      this.queue.splice(0, taken)
      this.putting = this.resume(waiting)
      return
    }
    this.queue.length = 0
  }

  private async resume(waiting: Promise<void>): Promise<void> {
    try {
      await waiting
      this.putting = undefined
      this.pump()
    } catch (error) {
      this.putting = undefined
      this.fail(error)
    }
  }

  /** Where the building is, for messages. */
  private path(): string {
    return this.open === undefined ? "tree" : pathOf(this.open, this.open.last)
  }
}

function pathOf(directory: Unfinished, name: string): string {
  const names = [name]
  for (let one: Unfinished | undefined = directory; one !== undefined; one = one.parent) names.push(one.name)
  // The root has no name.
  return names.reverse().slice(1).join("/") || "tree"
}
