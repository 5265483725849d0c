import type { IncomingMessage, ServerResponse } from "node:http"
import type { Answer, StreamedBody } from "../http/answer.ts"
import type { HostBindings, Observer, RequestEvent } from "../http/exchange.ts"
import { CacheError } from "../problem.ts"
import { Patience, type Pace } from "./progress.ts"

/** Bytes that are handed to the system at once. */
const BLOCK_BYTES = 2 ** 17
/** What the app is told: that it is done. */
const SENT = new Response(null, { status: 200, headers: {} })
/** How long a client may go on sending what nobody reads, so that it sees why. */
const LINGER_MS = 2000

export interface ExchangeOptions {
  readonly pace: Pace
  readonly observer: Observer
  /** The server is about to end: no more requests over this connection. */
  readonly closing: () => boolean
}

/**
 * One request over a connection of ours, without the streams of web standards: bodies go from the store to the connection,
 * and wait for it.
 */
export class Exchange implements NonNullable<HostBindings["host"]> {
  readonly method: string
  readonly address: string
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #options: ExchangeOptions
  /** Whether the client waits for leave to send its body. */
  readonly #expectsContinue: boolean
  #abort: AbortController | undefined
  #bytesIn = 0
  #bytesOut = 0

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    address: string,
    expectsContinue: boolean,
    options: ExchangeOptions,
  ) {
    this.method = incoming.method ?? ""
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.address = address
    this.#expectsContinue = expectsContinue
    this.#options = options
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(", ") : value
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#abort = abort
      const gone = (): void => abort.abort(new DOMException("the client has gone away", "AbortError"))
      const { socket } = this.#incoming
      if (socket.destroyed) gone()
      else {
        socket.once("close", gone)
        this.#outgoing.once("finish", () => socket.off("close", gone))
      }
    }
    return this.#abort.signal
  }

  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#expectsContinue) this.#outgoing.writeContinue()
    const incoming = this.#incoming
    const patience = new Patience(this.#options.pace)
    for (;;) {
      const piece = incoming.read() as Buffer | null
      if (piece !== null) {
        this.#bytesIn += piece.length
        patience.moved(piece.length)
        yield piece
        continue
      }
      if (incoming.readableEnded) return
      if (incoming.destroyed) throw incoming.errored ?? new DOMException("the client has gone away", "AbortError")
      // oxlint-disable-next-line no-await-in-loop -- the next piece comes after this one
      await patience.wait((done) => {
        const events = ["readable", "end", "error", "close"] as const
        const giveUp = (): void => {
          for (const event of events) incoming.off(event, happened)
        }
        const happened = (): void => {
          giveUp()
          done()
        }
        for (const event of events) incoming.on(event, happened)
        return giveUp
      })
    }
  }

  deliver(answer: Answer, event: RequestEvent): Response {
    const { body = "" } = answer
    const headers: Record<string, string | number> = { ...answer.headers }
    const { headers: asked, complete } = this.#incoming
    // Of a request without a body, the end may not have been seen yet.
    const unread = !complete && (asked["content-length"] ?? asked["transfer-encoding"] ?? "0") !== "0"
    // What comes next from who was never given leave to send its body is not the next request.
    if ((unread && this.#expectsContinue) || this.#options.closing()) headers["Connection"] = "close"
    const withBody = event.method !== "HEAD" && answer.status !== 204 && answer.status !== 304
    const outgoing = this.#outgoing
    const hasLength = body.length !== undefined && answer.status !== 204 && answer.status !== 304
    if (hasLength) headers["Content-Length"] = body.length
    outgoing.writeHead(answer.status, headers)
    if (!withBody) outgoing.end()
    else if (typeof body === "string") {
      this.#bytesOut = body.length
      // One string goes out together with the headers.
      outgoing.end(body, "latin1")
    } else void this.#send(body, event)
    // Most texts are with the system by now. How fast the others are taken nobody looks.
    const isLeft = (!withBody || typeof body === "string") && (outgoing.socket?.writableLength ?? 0) > 0
    const timer = isLeft ? setTimeout(() => outgoing.destroy(), this.#options.pace.stallMs) : undefined
    const closed = (): void => {
      clearTimeout(timer)
      this.#options.observer.answered(event, this.#bytesIn, this.#bytesOut, outgoing.writableFinished)
    }
    if (outgoing.closed) closed()
    else outgoing.once("close", closed)
    if (unread) this.#lingerFor()
    return SENT
  }

  async #send(body: StreamedBody, event: RequestEvent): Promise<void> {
    const outgoing = this.#outgoing
    const blocks = new Blocks(outgoing, new Patience(this.#options.pace))
    try {
      await body.write((bytes) => {
        this.#bytesOut += bytes.length
        return blocks.write(bytes)
      }, this.signal)
      if (body.length !== undefined && this.#bytesOut !== body.length) {
        throw new RangeError(`${this.#bytesOut} bytes where there should be ${body.length}`)
      }
      await blocks.flush()
      outgoing.end()
    } catch (error) {
      const isSlow = error instanceof CacheError && error.problem.code === "timeout"
      if (!isSlow && !this.signal.aborted) this.#options.observer.failed(error, event)
      // All that can be said now: it is not all there.
      outgoing.destroy()
    }
  }

  /**
   * The client is still sending what nobody reads. If the connection ended at once, it would never see the answer; if it
   * stops soon, the connection is as good as before.
   */
  #lingerFor(): void {
    const incoming = this.#incoming
    const { socket } = incoming
    incoming.on("error", () => {})
    incoming.resume()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    const settled = (): void => clearTimeout(timer)
    incoming.once("end", settled)
    socket.once("close", settled)
  }
}

/** Small pieces together, large ones as they are, to a connection; never more than two blocks that it has not taken. */
class Blocks {
  readonly #outgoing: ServerResponse
  readonly #patience: Patience
  #block = Buffer.allocUnsafe(BLOCK_BYTES)
  #used = 0

  constructor(outgoing: ServerResponse, patience: Patience) {
    this.#outgoing = outgoing
    this.#patience = patience
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#used + bytes.length <= BLOCK_BYTES) {
      this.#block.set(bytes, this.#used)
      this.#used += bytes.length
      return undefined
    }
    return this.#writeLarge(bytes)
  }

  async #writeLarge(bytes: Uint8Array): Promise<void> {
    await this.flush()
    if (bytes.length > BLOCK_BYTES / 2) await this.#push(bytes)
    else {
      this.#block.set(bytes)
      this.#used = bytes.length
    }
  }

  async flush(): Promise<void> {
    if (this.#used === 0) return
    const block = this.#block.subarray(0, this.#used)
    await this.#push(block)
    this.#used = 0
  }

  /** Resolves when the bytes are with the system: they are the caller's again. */
  async #push(bytes: Uint8Array): Promise<void> {
    const outgoing = this.#outgoing
    let error: Error | null | undefined
    await this.#patience.wait((done) => {
      outgoing.write(bytes, (failed) => {
        error = failed
        done()
      })
      return () => {}
    })
    if (error !== null && error !== undefined) throw error
    this.#patience.moved(bytes.length)
  }
}
