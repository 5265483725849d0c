/** Requests byte by byte, for what no client would send. */
import { connect, type Socket } from "node:net"

export interface RawAnswer {
  /** 0 if the server said nothing. */
  readonly status: number
  /** Head and what came after it, one character a byte. */
  readonly text: string
  /** Until the connection was closed, or `waitMs` had passed without anything. */
  readonly ms: number
  readonly closed: boolean
}

/** Sends bytes, and reads until the server closes or says nothing for a while. */
export function raw(port: number, bytes: string | Uint8Array, waitMs = 2000): Promise<RawAnswer> {
  const started = performance.now()
  return new Promise((resolve) => {
    let text = ""
    const socket = connect(port, "127.0.0.1")
    const end = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0)
      resolve({ status, text, ms: performance.now() - started, closed })
    }
    let timer = setTimeout(() => end(false), waitMs)
    socket.on("data", (piece) => {
      text += piece.toString("latin1")
      clearTimeout(timer)
      timer = setTimeout(() => end(false), text.includes("\r\n\r\n") ? 200 : waitMs)
    })
    // A reset after an answer is an answer all the same.
    socket.on("error", () => end(true))
    socket.on("close", () => end(true))
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
  })
}

/** A connection that is kept: for what is slow, and for many. */
export class OpenSocket {
  readonly socket: Socket
  received = ""
  closed = false
  readonly ended: Promise<void>

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1")
    this.socket.on("data", (piece) => (this.received += piece.toString("latin1").slice(0, 4096)))
    this.socket.on("error", () => {})
    this.ended = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.closed = true
        resolve()
      })
    })
  }

  send(text: string): void {
    if (!this.closed) this.socket.write(text, "latin1")
  }
}
