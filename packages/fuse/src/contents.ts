import {
  CastoreError,
  digestKey,
  formatDigest,
  type BlobReader,
  type BlobService,
  type FileNode,
} from "@tvix-ts/castore"

/** A file that is read from. */
export interface ReadFile {
  readonly node: FileNode
  /** Where the last read ended. */
  readTo: number
}

/** Bytes of a file that is read at once, where the store is at hand: one of a single chunk. */
const SMALL = 2 ** 17
/** Streams that are open, each with what it reads ahead: 4 MiB for a store in a folder. */
const STREAMS_MAX = 8
/** A stream that nobody wants something from for so long is closed; one for another file takes its place after less. */
const IDLE_MS = 5000
const BUSY_MS = 500
/** Bytes that a stream keeps, since requests of the kernel overtake each other; and that it passes over to get further. */
const BEHIND = 2 ** 19
const SKIP_MAX = 2 ** 20

/**
 * Reads files as the kernel asks for them, some 128 KiB at a time. Whoever begins where the last one has ended reads on
 * presumably: then the blob is streamed, so that the back end reads ahead, and checks every chunk once.
 */
export class FileContents {
  private readonly blobs: BlobService
  private readonly reader: BlobReader | undefined
  /** The one that was used last is the last. */
  private streams: BlobStream[] = []
  private timer: unknown

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

  /** Ends all streams. */
  close(): void {
    clearTimeout(this.timer)
    for (const stream of this.streams) stream.end()
    this.streams = []
  }

  private async streamed(node: FileNode, from: number, to: number, isNext: boolean): Promise<readonly Uint8Array[]> {
    const key = digestKey(node.digest)
    let stream = this.streams.find((one) => one.key === key && one.leadsTo(from))
    if (stream === undefined && isNext && this.isRoom()) stream = new BlobStream(this.blobs, node, key, from)
    if (stream !== undefined) {
      this.streams = [...this.streams.filter((one) => one !== stream), stream]
      this.timer ??= setTimeout(() => this.endIdle(), IDLE_MS)
      const pieces = await stream.read(from, to)
      if (stream.isDone) this.end(stream)
      if (pieces !== undefined) return pieces
    }
    return readRange(this.blobs, node, from, to)
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
    stream.end()
    this.streams = this.streams.filter((one) => one !== stream)
  }
}

/** A blob that is read from one place on. */
class BlobStream {
  readonly key: string
  /** Whether nothing more comes of it. */
  isDone = false
  private readonly node: FileNode
  private readonly pieces: { readonly from: number; readonly bytes: Uint8Array }[] = []
  private readonly opening: Promise<AsyncIterator<Uint8Array> | undefined>
  /** Where the first of the pieces begins, and the last ends. */
  private start: number
  private position: number
  /** Reads happen one after the other. */
  private last: Promise<unknown> = Promise.resolve()
  private usedAt = performance.now()
  private waiting = 0

  constructor(blobs: BlobService, node: FileNode, key: string, from: number) {
    this.key = key
    this.node = node
    this.start = from
    this.position = from
    this.opening = blobs
      .read(node.digest, { from, to: node.size })
      .then((contents) => contents?.[Symbol.asyncIterator]())
    this.opening.catch(() => undefined)
  }

  get idleMs(): number {
    return this.waiting > 0 ? 0 : performance.now() - this.usedAt
  }

  /** Whether what is at `from` is here, or comes soon. */
  leadsTo(from: number): boolean {
    return !this.isDone && from >= this.start && from <= this.position + SKIP_MAX
  }

  /** `undefined` if it has gone past that meanwhile. */
  async read(from: number, to: number): Promise<Uint8Array[] | undefined> {
    this.waiting++
    const turn = this.last.then(() => this.readNext(from, to))
    this.last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.waiting--
      this.usedAt = performance.now()
    }
  }

  /** After those that are reading. */
  end(): void {
    this.last = this.close(this.last)
  }

  private async close(before: Promise<unknown>): Promise<void> {
    try {
      await before
      this.isDone = true
      this.pieces.length = 0
      await (await this.opening)?.return?.()
    } catch {
      // Whoever read was told.
    }
  }

  private async readNext(from: number, to: number): Promise<Uint8Array[] | undefined> {
    if (this.isDone || from < this.start) return undefined
    try {
      const iterator = await this.opening
      if (iterator === undefined) throw missing(this.node)
      while (this.position < to) {
        // oxlint-disable-next-line no-await-in-loop -- in order
        const next = await iterator.next()
        if (next.done === true) throw wrongSize(this.node)
        this.pieces.push({ from: this.position, bytes: next.value })
        this.position += next.value.length
        this.drop(Math.min(from, this.position - BEHIND))
      }
    } catch (error) {
      this.isDone = true
      throw error
    }
    const found = this.pieces
      .filter((piece) => piece.from < to && piece.from + piece.bytes.length > from)
      .map(({ from: start, bytes }) => bytes.subarray(Math.max(from - start, 0), to - start))
    if (to === this.node.size) this.isDone = true
    return found
  }

  /** Forgets pieces that end before that. */
  private drop(before: number): void {
    const count = this.pieces.findIndex(({ from, bytes }) => from + bytes.length > before)
    this.pieces.splice(0, count)
    this.start = this.pieces[0]?.from ?? this.position
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
