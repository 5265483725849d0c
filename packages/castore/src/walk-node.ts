import { concat } from "@tvix-ts/bytes"
import type { BlobReader, BlobService } from "./blob/service.ts"
import type { CallOptions } from "./call.ts"
import { digestKey, formatDigest } from "./digest.ts"
import { checkNode, directorySize } from "./directory/check.ts"
import type { Directory, DirectoryService } from "./directory/service.ts"
import type { DirectoryNode, FileNode, Node } from "./node.ts"
import { CastoreError } from "./problem.ts"
import type { TreeSink } from "./tree.ts"

export interface WalkOptions extends CallOptions {
  /** How many files and, separately, directories are asked for before it is their turn. */
  readonly ahead?: number
}

/** Enough to hide a network, as the rate of small files there is `ahead` per round trip. */
const AHEAD = 32
/** Bytes. Larger files are read when it is their turn: their own length hides the round trip. */
const SMALL = 256 * 1024
/** Bytes of small files that are asked for at a time. */
const SMALL_BYTES_MAX = 8 * 1024 * 1024
/** Steps that are planned at a time, whatever they are. */
const STEPS_MAX = 1024

/** A directory on the way from the root to where the plan is. */
interface Level {
  readonly parent: Level | undefined
  readonly name: string
  readonly entries: Directory["entries"]
  next: number
  /** Up to which of its entries the directories are asked for. */
  asked: number
}

/** A file that was asked for. */
interface SmallStep {
  readonly do: "small"
  readonly level: Level | undefined
  readonly name: string
  readonly node: FileNode
  readonly bytes: Eventually<Uint8Array | undefined>
}

/** What to tell the sink. */
type Step =
  | SmallStep
  | { readonly do: "node"; readonly level: Level | undefined; readonly name: string; readonly node: Node }
  | { readonly do: "end" }

/**
 * Tells `sink` the tree of a node, in the order that {@link TreeSink} wants. What comes next is asked for in advance,
 * because back ends may be far away. Depth costs memory, never stack.
 *
 * @throws {CastoreError} `missing` if something is not there, `corrupt` if it has another size; both name the path
 */
export async function walkNode(
  node: Node,
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
  sink: TreeSink,
  options: WalkOptions = {},
): Promise<void> {
  checkNode(node, "root")
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  signal.throwIfAborted()
  try {
    await new Walk(services, sink, signal, options.ahead ?? AHEAD).run(node)
  } finally {
    // What was asked for in vain is given up.
    stop.abort()
  }
}

class Walk {
  private readonly blobs: BlobService
  private readonly directories: DirectoryService
  private readonly sink: TreeSink
  private readonly signal: AbortSignal
  private readonly ahead: number
  /** Where there is one, small files need not be asked for in advance. */
  private readonly reader: BlobReader | undefined

  private level: Level | undefined
  /** Those from `head` on are to be done. */
  private readonly steps: (Step | undefined)[] = []
  private head = 0
  private smallCount = 0
  private smallBytes = 0
  /** Directories that were asked for, by {@link digestKey}. */
  private readonly asked = new Map<string, Eventually<Directory | undefined>>()
  /** What the plan cannot go on without. */
  private lacking: { readonly name: string; readonly node: DirectoryNode } | undefined

  constructor(
    services: { readonly blobs: BlobService; readonly directories: DirectoryService },
    sink: TreeSink,
    signal: AbortSignal,
    ahead: number,
  ) {
    this.blobs = services.blobs
    this.directories = services.directories
    this.sink = sink
    this.signal = signal
    this.ahead = ahead
    this.reader = services.blobs.reader?.()
  }

  async run(root: Node): Promise<void> {
    this.planNode("", root)
    for (;;) {
      this.plan()
      if (this.head < this.steps.length) {
        const step = this.steps[this.head]!
        // It has the contents of a file, which are not to be kept.
        this.steps[this.head++] = undefined
        if (this.head === this.steps.length || this.head === STEPS_MAX) {
          this.steps.splice(0, this.head)
          this.head = 0
        }
        const waiting = this.perform(step)
        if (waiting !== undefined) {
          await waiting
          this.signal.throwIfAborted()
        }
      } else if (this.lacking !== undefined) {
        await this.ask(this.lacking.node).promise
        this.signal.throwIfAborted()
      } else return
    }
  }

  /** Goes on with the plan as far as is known, and as there is room. */
  private plan(): void {
    while (this.steps.length - this.head < STEPS_MAX) {
      if (this.lacking !== undefined) {
        const { name, node } = this.lacking
        const directory = this.ask(node)
        if (!directory.done) return
        this.lacking = undefined
        this.enter(name, node, directory.value())
      }
      const { level } = this
      if (level === undefined) return
      if (level.next === level.entries.length) {
        this.steps.push({ do: "end" })
        this.level = level.parent
        continue
      }
      const [name, node] = level.entries[level.next]!
      if (
        node.type === "file" &&
        node.size > 0 &&
        node.size <= SMALL &&
        this.reader === undefined &&
        !this.roomFor(node)
      )
        return
      level.next++
      this.planNode(name, node)
    }
  }

  private planNode(name: string, node: Node): void {
    if (node.type === "directory") {
      this.ask(node)
      this.lacking = { name, node }
    } else if (node.type === "file" && node.size > 0 && node.size <= SMALL && this.reader === undefined) {
      this.smallCount++
      this.smallBytes += node.size
      const bytes = new Eventually(this.readSmall(node))
      this.steps.push({ do: "small", level: this.level, name, node, bytes })
    } else this.steps.push({ do: "node", level: this.level, name, node })
  }

  private roomFor(node: FileNode): boolean {
    if (this.smallCount === 0) return true
    return this.smallCount < this.ahead && this.smallBytes + node.size <= SMALL_BYTES_MAX
  }

  private enter(name: string, node: DirectoryNode, directory: Directory | undefined): void {
    const what = (): string => this.describe("directory", this.level, name, node)
    if (directory === undefined) throw new CastoreError({ code: "missing", what: what() })
    const size = directorySize(directory)
    if (size !== node.size) {
      throw new CastoreError({ code: "corrupt", what: what(), reason: `it has ${size} entries, not ${node.size}` })
    }
    this.steps.push({ do: "node", level: this.level, name, node })
    this.asked.delete(digestKey(node.digest))
    this.level = { parent: this.level, name, entries: directory.entries, next: 0, asked: 0 }
    this.askAhead(this.level)
  }

  private ask(node: DirectoryNode): Eventually<Directory | undefined> {
    const key = digestKey(node.digest)
    let directory = this.asked.get(key)
    if (directory === undefined) {
      directory = new Eventually(this.directories.get(node.digest, { signal: this.signal }))
      this.asked.set(key, directory)
    }
    return directory
  }

  /** Asks for the directories next in turn: those in the innermost level, then those around it. */
  private askAhead(innermost: Level): void {
    for (let level: Level | undefined = innermost; level !== undefined; level = level.parent) {
      level.asked = Math.max(level.asked, level.next)
      for (; level.asked < level.entries.length; level.asked++) {
        if (this.asked.size >= this.ahead) return
        const node = level.entries[level.asked]![1]
        if (node.type === "directory") this.ask(node)
      }
      // Levels around it were looked at when they were the innermost, unless there was no room.
      if (level.parent !== undefined && level.parent.asked === level.parent.entries.length) return
    }
  }

  private perform(step: Step): void | Promise<void> {
    const { sink } = this
    if (step.do === "end") return sink.endDirectory()
    if (step.level !== undefined) sink.entry(step.name)
    const { node } = step
    if (step.do === "small") return this.small(step)
    if (node.type === "symlink") sink.symlink(node.target)
    else if (node.type === "directory") sink.directory()
    else {
      sink.file(node.size, node.executable)
      if (node.size > 0) return this.contents(step.level, step.name, node)
    }
    return undefined
  }

  private contents(level: Level | undefined, name: string, node: FileNode): void | Promise<void> {
    const bytes = node.size <= SMALL ? this.reader?.read(node.digest) : undefined
    if (bytes === undefined) return this.large(level, name, node)
    if (bytes.length !== node.size) throw this.wrongSize(level, name, node)
    return this.sink.contents(bytes)
  }

  private small(step: SmallStep): void | Promise<void> {
    // Mostly it is there: then nothing waits, which is most of what a small file costs.
    return step.bytes.done ? this.tellSmall(step) : step.bytes.promise.then(() => this.tellSmall(step))
  }

  private tellSmall({ level, name, node, bytes }: SmallStep): void | Promise<void> {
    const contents = bytes.value()
    this.smallCount--
    this.smallBytes -= node.size
    if (contents === undefined) throw this.missing(level, name, node)
    if (contents.length !== node.size) throw this.wrongSize(level, name, node)
    this.sink.file(node.size, node.executable)
    return this.sink.contents(contents)
  }

  /** All of it; or enough to know that it is larger than it should be. */
  private async readSmall(node: FileNode): Promise<Uint8Array | undefined> {
    const contents = await this.blobs.read(node.digest, { signal: this.signal })
    if (contents === undefined) return undefined
    let first: Uint8Array | undefined
    let rest: Uint8Array[] | undefined
    let size = 0
    for await (const piece of contents) {
      size += piece.length
      if (first === undefined) first = piece
      else (rest ??= [first]).push(piece)
      if (size > node.size) break
    }
    return rest === undefined ? (first ?? new Uint8Array()) : concat(rest)
  }

  private async large(level: Level | undefined, name: string, node: FileNode): Promise<void> {
    const contents = await this.blobs.read(node.digest, { signal: this.signal, fleeting: true })
    if (contents === undefined) throw this.missing(level, name, node)
    let left = node.size
    for await (const piece of contents) {
      left -= piece.length
      if (left < 0) break
      await this.sink.contents(piece)
      this.signal.throwIfAborted()
    }
    if (left !== 0) throw this.wrongSize(level, name, node)
  }

  private missing(level: Level | undefined, name: string, node: FileNode): CastoreError {
    return new CastoreError({ code: "missing", what: this.describe("blob", level, name, node) })
  }

  private wrongSize(level: Level | undefined, name: string, node: FileNode): CastoreError {
    const what = this.describe("blob", level, name, node)
    return new CastoreError({ code: "corrupt", what, reason: `it does not have the ${node.size} bytes that it should` })
  }

  private describe(kind: string, level: Level | undefined, name: string, { digest }: FileNode | DirectoryNode): string {
    const names = [name]
    for (let one = level; one !== undefined; one = one.parent) names.push(one.name)
    const path = names.reverse().slice(1).join("/")
    return `${kind} ${formatDigest(digest)}${path === "" ? "" : ` of ${path}`}`
  }
}

/** A promise of which one can see whether it is kept. A failure waits for whoever asks: it is never unhandled. */
class Eventually<T> {
  done = false
  /** Never fails. */
  readonly promise: Promise<void>
  private result: T | undefined
  private failure: { readonly error: unknown } | undefined

  constructor(promise: Promise<T>) {
    this.promise = this.settle(promise)
  }

  value(): T {
    if (this.failure !== undefined) throw this.failure.error
    return this.result as T
  }

  private async settle(promise: Promise<T>): Promise<void> {
    try {
      this.result = await promise
    } catch (error) {
      this.failure = { error }
    }
    this.done = true
  }
}
