import type { Contents } from "@tvix-ts/castore"
import type { Answer } from "./answer.ts"

/** A request, as whoever answers it needs it. */
export interface CacheRequest {
  readonly method: string
  /** Of the client, for limits and the log; empty if that is not known. */
  readonly address: string
  /** A header by its name in lower case: a byte string. */
  header(name: string): string | undefined
  /** Pieces of the body, to be taken once; each only until the next is taken. */
  body(): Contents
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal
}

/**
 * What a host gives the app with a request, to do better than web standards allow: as hono's bindings. Without, the app answers
 * with a `Response` like any other.
 */
export interface HostBindings {
  readonly host?: CacheRequest & {
    /** Sends the answer, and says so with a response that means that it was. */
    deliver(answer: Answer, event: RequestEvent): Response
  }
}

/** What was asked, for the log and for statistics. */
export interface RequestEvent {
  readonly method: string
  /** The kind of request: `narinfo`, `nar` … */
  readonly route: string
  /** Without what is behind a question mark. */
  readonly path: string
  readonly address: string
  /** The id of the token, which is no secret. */
  readonly token: string | undefined
  /** ms, of `performance.now()`. */
  readonly began: number
  readonly status: number
  readonly userAgent: string | undefined
}

/** Is told what happens. */
export interface Observer {
  /** An answer was sent, as much of it as the client took. Bytes are those of bodies. */
  answered(event: RequestEvent, bytesIn: number, bytesOut: number, complete: boolean): void
  /** The body of an upload is being read; the result is to be called with the bytes of the archive, if it was stored. */
  uploading(): (narSize: number | undefined) => void
  /** An archive, or another long body, is being sent; the result is to be called when that has ended. */
  sending(): () => void
  /** Something went wrong that the client was not told. */
  failed(error: unknown, event: Pick<RequestEvent, "method" | "path">): void
}

export const NO_OBSERVER: Observer = { answered() {}, uploading: () => () => {}, sending: () => () => {}, failed() {} }
