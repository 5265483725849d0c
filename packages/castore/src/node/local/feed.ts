import type { Worker } from "node:worker_threads"
import { DIGEST_LENGTH, type B3Digest } from "../../digest.ts"
import type { EncodedDirectory } from "../../directory/closure.ts"
import { CastoreError, type CastoreProblem } from "../../problem.ts"
import {
  ABORT,
  COMMIT,
  DIRECTORY,
  LAST,
  PIECE,
  RECORD,
  SEGMENT_BYTES,
  TOUCH,
  type Failure,
  type Reply,
  type Request,
  type SegmentReply,
  type Table,
  type Touch,
  type WriterOptions,
} from "./protocol.ts"
import { startThread } from "./thread.ts"

/** Segments that may be under way before whoever writes is asked to wait. */
const IN_FLIGHT_MAX = 4
/** A blob's digest is not kept waiting longer than this for more blobs to come. */
const LINGER_MS = 10
/** Bytes of directories that may wait for company. */
const DIRECTORY_BYTES = 2 ** 20

const CLOSED: CastoreProblem = { code: "unavailable", reason: "the castore was closed" }

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

interface Segment {
  readonly bytes: Uint8Array<SharedArrayBuffer>
  used: number
  readonly records: number[]
  readonly directories: EncodedDirectory[]
  directoryBytes: number
  readonly touches: Touch[]
  /** Who waits for what, parallel to the records that end a blob, commit, or touch. */
  readonly ends: Waiter<B3Digest>[]
  readonly commits: Waiter<void>[]
  readonly touched: Waiter<boolean>[]
}

/**
 * The calling thread's end of the line to the thread that writes. It collects what all batches write into segments, sends
 * them when they are full, or when someone waits and the other end has nothing to do: so whoever asks for durability while
 * the disk is busy shares the next trip to it with everybody else who does.
 */
export class Feed {
  private readonly options: WriterOptions
  private readonly moved: (since: number) => void
  private worker: Worker | undefined
  private segment: Segment | undefined
  private readonly inFlight: Segment[] = []
  private free: Uint8Array<SharedArrayBuffer>[] = []
  private waiting: PromiseWithResolvers<void> | undefined
  private hurry = false
  private linger: NodeJS.Timeout | undefined
  private batches = 0
  private blobs = 0
  private ready: PromiseWithResolvers<void> | undefined
  private closing: PromiseWithResolvers<void> | undefined

  /** @param moved is told since when what was touched is safe, in ms since the epoch */
  constructor(options: WriterOptions, moved: (since: number) => void) {
    this.options = options
    this.moved = moved
  }

  /** A number for a new batch. */
  begin(): number {
    return this.batches++
  }

  /** A number for a new blob. */
  beginBlob(): number {
    return this.blobs++
  }

  /** Adds bytes to a blob. A promise asks to wait. */
  write(batch: number, blob: number, bytes: Uint8Array): void | Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const segment = this.open()
      const count = Math.min(segment.bytes.length - segment.used, bytes.length - at)
      segment.bytes.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), segment.used)
      segment.used += count
      at += count
      const { records } = segment
      const last = records.length - RECORD
      if (last >= 0 && records[last] === PIECE && records[last + 2] === blob) records[last + 3]! += count
      else records.push(PIECE, batch, blob, count)
      if (segment.used === segment.bytes.length) this.send()
    }
    return this.inFlight.length < IN_FLIGHT_MAX ? undefined : (this.waiting ??= Promise.withResolvers<void>()).promise
  }

  end(batch: number, blob: number): Promise<B3Digest> {
    const { records, ends } = this.open()
    const last = records.length - RECORD
    if (last >= 0 && records[last] === PIECE && records[last + 2] === blob) records[last] = LAST
    else records.push(LAST, batch, blob, 0)
    this.linger ??= setTimeout(() => {
      this.linger = undefined
      if (this.segment !== undefined) this.soon()
    }, LINGER_MS)
    return promised(ends)
  }

  directory(batch: number, directory: EncodedDirectory): void | Promise<void> {
    const segment = this.open()
    segment.records.push(DIRECTORY, batch, segment.directories.length, 0)
    segment.directories.push(directory)
    segment.directoryBytes += directory.bytes.length
    if (segment.directoryBytes >= DIRECTORY_BYTES) this.send()
    return this.inFlight.length < IN_FLIGHT_MAX ? undefined : (this.waiting ??= Promise.withResolvers<void>()).promise
  }

  commit(batch: number): Promise<void> {
    const { records, commits } = this.open()
    records.push(COMMIT, batch, 0, 0)
    this.soon()
    return promised(commits)
  }

  abort(batch: number): Promise<void> {
    const { records, commits } = this.open()
    records.push(ABORT, batch, 0, 0)
    this.soon()
    return promised(commits)
  }

  /** Keeps something that is in the index from being collected; tells whether it still is. */
  touch(table: Table, digest: B3Digest): Promise<boolean> {
    const { records, touches, touched } = this.open()
    records.push(TOUCH, 0, touches.length, 0)
    touches.push({ table, digest })
    this.soon()
    return promised(touched)
  }

  /** Starts the thread, if it is not running, and waits until it has its place among the writers. */
  async start(): Promise<void> {
    this.thread()
    await this.ready!.promise
  }

  renew(graceMs: number): void {
    this.worker?.postMessage({ type: "renew", graceMs } satisfies Request)
  }

  /** Waits for what is under way. What is not committed by then is forgotten. */
  async close(): Promise<void> {
    if (this.closing !== undefined) return this.closing.promise
    this.closing = Promise.withResolvers<void>()
    clearTimeout(this.linger)
    if (this.worker === undefined) {
      this.fail(CLOSED)
    } else {
      this.send()
      this.worker.ref()
      this.worker.postMessage({ type: "close" } satisfies Request)
    }
    return this.closing.promise
  }

  private open(): Segment {
    if (this.closing !== undefined) throw new CastoreError(CLOSED)
    return (this.segment ??= {
      bytes: this.free.pop() ?? new Uint8Array(new SharedArrayBuffer(SEGMENT_BYTES)),
      used: 0,
      records: [],
      directories: [],
      directoryBytes: 0,
      touches: [],
      ends: [],
      commits: [],
      touched: [],
    })
  }

  /** Sends as soon as the other end has nothing else to do. */
  private soon(): void {
    if (this.hurry) return
    this.hurry = true
    // Others who write in this turn of the event loop come along.
    if (this.inFlight.length === 0) setImmediate(() => this.send())
  }

  private send(): void {
    const { segment } = this
    if (segment === undefined) return
    this.segment = undefined
    this.hurry = false
    const { bytes, records, directories, touches } = segment
    this.inFlight.push(segment)
    let worker: Worker
    try {
      worker = this.thread()
    } catch (error) {
      this.fail({ code: "unavailable", reason: `the writing thread: ${String(error)}` }, error)
      return
    }
    // While nothing is under way, the thread does not keep the process alive.
    if (this.inFlight.length === 1) worker.ref()
    const request: Request = { type: "segment", buffer: bytes.buffer, records, directories, touches }
    worker.postMessage(request)
  }

  private thread(): Worker {
    if (this.worker !== undefined) return this.worker
    this.ready = Promise.withResolvers<void>()
    this.ready.promise.catch(() => undefined)
    const worker = startThread("writer-thread", this.options)
    // Until it says that it is ready.
    worker.ref()
    worker.on("message", (reply: Reply) => this.receive(reply))
    worker.on("error", (error) =>
      this.fail({ code: "unavailable", reason: `the writing thread: ${String(error)}` }, error),
    )
    worker.on("exit", () => {
      if (this.worker === worker) this.fail({ code: "unavailable", reason: "the writing thread has ended" })
    })
    this.worker = worker
    return worker
  }

  private receive(reply: Reply): void {
    switch (reply.type) {
      case "since":
        this.ready!.resolve()
        this.rest()
        this.moved(reply.since)
        return
      case "segment":
        this.finish(this.inFlight.shift()!, reply)
        return
      case "broken":
        this.fail(reply.problem)
        return
      case "closed":
        this.worker = undefined
        this.free = []
        this.closing?.resolve()
    }
  }

  private finish(segment: Segment, reply: SegmentReply): void {
    if (this.free.length < IN_FLIGHT_MAX) this.free.push(segment.bytes)
    if (this.inFlight.length < IN_FLIGHT_MAX) this.release()
    this.rest()
    if (this.hurry && this.inFlight.length === 0) this.send()
    for (const [i, { resolve, reject }] of segment.ends.entries()) {
      const failure = reply.endProblems.get(i)
      if (failure !== undefined) reject(errorOf(failure))
      else resolve(reply.digests.slice(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH) as B3Digest)
    }
    for (const [i, { resolve, reject }] of segment.commits.entries()) {
      const failure = reply.commitProblems.get(i)
      if (failure !== undefined) reject(errorOf(failure))
      else resolve()
    }
    for (const [i, { resolve, reject }] of segment.touched.entries()) {
      const answer = reply.touched[i]!
      if (typeof answer === "object") reject(errorOf(answer))
      else resolve(answer)
    }
  }

  /** The thread keeps the process alive for what is under way, closing included, and for nothing else. */
  private rest(): void {
    if (this.inFlight.length === 0 && this.closing === undefined) this.worker?.unref()
  }

  /**
   * In another turn of the event loop: Node hands over a thread's messages as long as there are any, and between us there
   * might always be one, so that neither signals nor timers would get their turn.
   */
  private release(): void {
    if (this.waiting !== undefined) setImmediate(this.waiting.resolve)
    this.waiting = undefined
  }

  /** The thread is gone. The next to write starts another. */
  private fail(problem: CastoreProblem, cause?: unknown): void {
    const error = new CastoreError(problem, { cause })
    const segments = this.inFlight.splice(0)
    if (this.segment !== undefined) segments.push(this.segment)
    this.segment = undefined
    this.worker = undefined
    this.hurry = false
    this.ready?.reject(error)
    for (const { ends, commits, touched } of segments) {
      for (const { reject } of [...ends, ...commits, ...touched]) reject(error)
    }
    this.release()
    this.closing?.resolve()
  }
}

/** A promise that may fail while nobody looks: whoever waits for the commit learns of it there. */
function promised<T>(waiters: Waiter<T>[]): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  promise.catch(() => undefined)
  waiters.push({ resolve, reject })
  return promise
}

function errorOf({ problem }: Failure): CastoreError {
  return new CastoreError(problem)
}
