import {
  CastoreError,
  digestKey,
  formatDigest,
  type BlobReader,
  type BlobService,
  type FileNode,
} from "@tvix-ts/castore"
import { READ_MAX } from "./protocol.ts"

/** A file that is read from. */
export interface ReadFile {
  readonly node: FileNode
  /** Where the last read ended. */
  readTo: number
}

/** Bytes of a file that is read at once, where the store is at hand: one of a single chunk. */
const SMALL = 2 ** 17
/** Streams that are open. */
const STREAMS_MAX = 8
/** A stream that nobody wants something from for so long is closed; one for another file takes its place after less. */
const IDLE_MS = 5000
const BUSY_MS = 500
/**
 * Bytes that a stream has at hand: so many that come next, and some of those that were read last, since requests of the kernel
 * overtake each other. A request that is no further ahead waits until the stream is there.
 *
 * What somebody waits for begins less than a read behind the stream, which goes on to `SKIP`, a read and `AHEAD` before it at
 * most. So it is still in the window when it is written, though that happens a little later.
 */
const AHEAD = 2 ** 20
const SKIP = 2 ** 20
const WINDOW = AHEAD + SKIP + 2 * READ_MAX

/**
 * Reads files as the kernel asks for them, some 128 KiB at a time. Whoever begins where the last one has ended reads on
 * presumably: then the blob is streamed, so that the back end reads ahead, and checks every chunk once.
 */
export class FileContents {
  private readonly blobs: BlobService
  private readonly reader: BlobReader | undefined
  /** The one that was used last is the last. */
  private streams: BlobStream[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Memory of streams that have ended: to get new takes longer than to fill it. */
  private readonly spare: Uint8Array[] = []

  constructor(blobs: BlobService) {
    this.blobs = blobs
    this.reader = blobs.reader?.()
  }

  /**
   * Bytes [from, to) of a file, both at most its size; to be used at once.
   *
   * @throws {CastoreError} `missing`, `corrupt`
   */
  read(file: ReadFile, from: number, to: number): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    const { node } = file
    if (node.size <= SMALL) {
      const bytes = this.reader?.read(node.digest)
      if (bytes !== undefined) {
        if (bytes.length !== node.size) throw wrongSize(node)
        return [bytes.subarray(from, to)]
      }
    }
    const isNext = from > 0 && from === file.readTo
    file.readTo = to
    return this.streamed(node, from, to, isNext)
  }

  /** Whether something is read ahead that nobody waits for. */
  get isReadingAhead(): boolean {
    return this.streams.some((stream) => stream.isFilling)
  }

  /** Ends all streams. */
  close(): void {
    clearTimeout(this.timer)
    for (const stream of this.streams) void stream.end()
    this.streams = []
  }

  /** By a stream, if there is one that leads there or there should be. */
  private streamed(
    node: FileNode,
    from: number,
    to: number,
    isNext: boolean,
  ): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    const key = digestKey(node.digest)
    let stream = this.streams.find((one) => one.key === key && one.leadsTo(from))
    if (stream === undefined) {
      if (!isNext || !this.isRoom()) return readRange(this.blobs, node, from, to)
      stream = new BlobStream(this.blobs, node, from, this.spare.pop() ?? new Uint8Array(WINDOW))
    }
    // The one that was used last is the last.
    this.streams = [...this.streams.filter((one) => one !== stream), stream]
    this.timer ??= setTimeout(() => this.endIdle(), IDLE_MS)
    const pieces = stream.read(from, to)
    if (to === node.size) this.end(stream)
    return pieces
  }

  /** Makes room for a stream, unless all are in use: then one more would only make them take each other's place. */
  private isRoom(): boolean {
    if (this.streams.length < STREAMS_MAX) return true
    const [oldest] = this.streams
    if (oldest!.idleMs < BUSY_MS) return false
    this.end(oldest!)
    return true
  }

  private endIdle(): void {
    for (const stream of this.streams.filter(({ idleMs }) => idleMs >= IDLE_MS)) this.end(stream)
    this.timer = this.streams.length === 0 ? undefined : setTimeout(() => this.endIdle(), IDLE_MS)
  }

  private end(stream: BlobStream): void {
    this.streams = this.streams.filter((one) => one !== stream)
    void this.reuse(stream)
  }

  private async reuse(stream: BlobStream): Promise<void> {
    const window = await stream.end()
    if (this.spare.length < STREAMS_MAX) this.spare.push(window)
  }
}

/** A blob that is read from one place on, into a window that is used again and again. */
class BlobStream {
  readonly key: string
  /** Whether something is on its way. */
  isFilling = false
  private readonly node: FileNode
  private readonly opening: Promise<AsyncIterator<Uint8Array> | undefined>
  private readonly window: Uint8Array
  private readonly begin: number
  /** What was taken from the blob and is not in the window yet. */
  private rest: Uint8Array = new Uint8Array()
  /** The window is full up to here, and is to be up to there. */
  private position: number
  private wanted: number
  private failure: { readonly error: unknown } | undefined
  private filled: Promise<void> = Promise.resolve()
  private waiters: { readonly to: number; readonly settle: () => void }[] = []
  private usedAt = performance.now()

  /** @param window bytes of memory, which are its own until it has ended */
  constructor(blobs: BlobService, node: FileNode, from: number, window: Uint8Array) {
    this.key = digestKey(node.digest)
    this.node = node
    this.window = window
    this.begin = from
    this.position = from
    this.wanted = from
    this.opening = blobs
      .read(node.digest, { from, to: node.size, fleeting: true })
      .then((contents) => contents?.[Symbol.asyncIterator]())
    this.opening.catch(() => undefined)
  }

  get idleMs(): number {
    return this.waiters.length > 0 ? 0 : performance.now() - this.usedAt
  }

  /** Whether what is at `from` is here, or comes soon. */
  leadsTo(from: number): boolean {
    return this.failure === undefined && from >= this.first && from <= this.position + SKIP
  }

  /** @param from where it leads to */
  read(from: number, to: number): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    this.usedAt = performance.now()
    this.wanted = Math.max(this.wanted, Math.min(to + AHEAD, this.node.size))
    if (!this.isFilling && this.position < this.wanted) {
      this.isFilling = true
      this.filled = this.fill()
    }
    return to <= this.position ? this.slices(from, to) : this.wait(from, to)
  }

  /** When everybody has got what they wait for. The result is the memory. */
  async end(): Promise<Uint8Array> {
    // Nothing more is read ahead.
    this.wanted = Math.max(this.position, ...this.waiters.map(({ to }) => to))
    await this.filled
    try {
      await (await this.opening)?.return?.()
    } catch {
      // Whoever read was told.
    }
    return this.window
  }

  /** The first byte that is still in the window. */
  private get first(): number {
    return Math.max(this.begin, this.position - WINDOW)
  }

  private slices(from: number, to: number): readonly Uint8Array[] {
    const at = from % WINDOW
    const end = at + to - from
    if (end <= WINDOW) return [this.window.subarray(at, end)]
    return [this.window.subarray(at), this.window.subarray(0, end - WINDOW)]
  }

  private wait(from: number, to: number): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (this.failure !== undefined) reject(this.failure.error)
        else resolve(this.slices(from, to))
      }
      this.waiters.push({ to, settle })
    })
  }

  private async fill(): Promise<void> {
    try {
      const iterator = await this.opening
      if (iterator === undefined) throw missing(this.node)
      while (this.position < this.wanted) {
        if (this.rest.length === 0) {
          // oxlint-disable-next-line no-await-in-loop -- in order
          const next = await iterator.next()
          if (next.done === true) throw wrongSize(this.node)
          this.rest = next.value
        }
        this.put()
        this.tell(({ to }) => to <= this.position)
      }
    } catch (error) {
      this.failure = { error }
      this.tell(() => true)
    }
    this.isFilling = false
  }

  /** As much as is wanted, up to the end of the window. */
  private put(): void {
    const at = this.position % WINDOW
    const length = Math.min(this.rest.length, this.wanted - this.position, WINDOW - at)
    this.window.set(this.rest.subarray(0, length), at)
    this.rest = this.rest.subarray(length)
    this.position += length
  }

  private tell(isDue: (waiter: { readonly to: number }) => boolean): void {
    if (!this.waiters.some(isDue)) return
    const due = this.waiters.filter(isDue)
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter))
    for (const { settle } of due) settle()
  }
}

async function readRange(blobs: BlobService, node: FileNode, from: number, to: number): Promise<Uint8Array[]> {
  const contents = await blobs.read(node.digest, { from, to })
  if (contents === undefined) throw missing(node)
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of contents) {
    pieces.push(piece)
    length += piece.length
  }
  if (length !== to - from) throw wrongSize(node)
  return pieces
}

function missing({ digest }: FileNode): CastoreError {
  return new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
}

function wrongSize({ digest, size }: FileNode): CastoreError {
  const reason = `it does not have the ${size} bytes that it should`
  return new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
}
