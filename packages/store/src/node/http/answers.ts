/** What answers of web servers mean. */
import * as http from "node:http"
import { CastoreError } from "@tvix-ts/castore"
import type { Compression } from "../../compression/problem.ts"
import { decompress } from "../decompress.ts"
import { bodyOf } from "./body.ts"
import { retryAfterMs, Transient } from "./retry.ts"

export type Method = "GET" | "HEAD" | "PUT"

export interface Answer {
  readonly status: number
  readonly response: http.IncomingMessage
}

/** Not there; or nothing that we may know of, as some say of what is not there. */
const ABSENT: ReadonlySet<number> = new Set([403, 404, 410])
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527])
/** Characters of what a server says that are repeated. */
const SAID_MAX = 200
/** Of an answer that nobody wants: less than what a new connection costs. */
const DRAINED_MAX = 65_536
const DRAIN_MS = 1000
const ENCODINGS_MAX = 2
const ENCODINGS: Readonly<Record<string, Compression>> = Object.assign(Object.create(null), {
  gzip: "gzip",
  "x-gzip": "gzip",
  br: "br",
  zstd: "zstd",
  xz: "xz",
})

/** Without what may be secret: names, passwords, and signatures of addresses. */
export function shownUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}

export function isAbsent({ status, response }: Answer): boolean {
  if (!ABSENT.has(status)) return false
  drain(response)
  return true
}

/** @throws {Transient} */
export function checked(answer: Answer, method: Method, url: URL): Answer {
  if (TRANSIENT.has(answer.status)) throw unexpected(answer, method, url)
  return answer
}

/** The first line of what a server says about what it does not want. */
export async function saidIn(response: http.IncomingMessage, stalledTimeoutMs: number): Promise<string> {
  let text = ""
  try {
    for await (const piece of bodyOf(response, stalledTimeoutMs)) {
      text += Buffer.from(piece).toString("utf8")
      if (text.length > SAID_MAX) break
    }
  } catch {
    // It has said no: why, is a courtesy.
  }
  const [line = ""] = text.trim().split(/[\r\n]/)
  // A page is for browsers.
  return line.startsWith("<") ? "" : line.replaceAll(/\p{Cc}/gu, "").slice(0, SAID_MAX)
}

/** @param said what the server says about it */
export function unexpected({ status, response }: Answer, method: Method, url: URL, said = ""): Error {
  const name = `the server answers ${status} ${http.STATUS_CODES[status] ?? ""}`.trimEnd()
  const reason = said === "" ? name : `${name}: ${said}`
  drain(response)
  if (TRANSIENT.has(status)) {
    return new Transient(reason, { afterMs: retryAfterMs(response.headers["retry-after"], Date.now()) })
  }
  const hint = status === 401 ? "; a token, or name and password, may be missing" : ""
  return new CastoreError({ code: "invalid", field: `${method} ${shownUrl(url)}`, reason: reason + hint })
}

export function networkProblem(error: NodeJS.ErrnoException, reused: boolean, url: URL): Error {
  if (error instanceof Transient) return error
  const { code = "", message } = error
  // Such as a certificate that is not believed: tomorrow perhaps, not in a second.
  if (/CERT|TLS|SSL|ALTNAME|SIGNED/.test(code)) {
    return new CastoreError({ code: "unavailable", reason: `${shownUrl(url)}: ${message}` }, { cause: error })
  }
  // It was closed just when we wanted to use it again: no reason to wait.
  const afterMs = reused && code === "ECONNRESET" ? 0 : undefined
  return new Transient(message || code, { cause: error, afterMs })
}

/** Reads what nobody wants, so that the connection can be used again. */
export function drain(response: http.IncomingMessage): void {
  const length = lengthOf(response)
  response.on("error", () => {})
  if (length === undefined || length > DRAINED_MAX) {
    response.destroy()
    return
  }
  // A server that never sends it would keep the connection from all others.
  const timer = setTimeout(() => response.destroy(), DRAIN_MS)
  response.once("close", () => clearTimeout(timer))
  response.resume()
}

export function lengthOf({ headers }: http.IncomingMessage): number | undefined {
  const length = Number(headers["content-length"] ?? Number.NaN)
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined
}

export function rangeFrom(at: number, etag: string | undefined): http.OutgoingHttpHeaders {
  const range = at === 0 ? {} : { range: `bytes=${at}-` }
  // A weak one says nothing of bytes.
  return etag === undefined || etag.startsWith("W/") ? range : { ...range, "if-range": etag }
}

/** @throws {CastoreError} `corrupt` if the server sends another part than was asked for */
export function checkRange(response: http.IncomingMessage, at: number, total: number | undefined, url: URL): void {
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers["content-range"] ?? "") ?? []
  if (Number(from) === at && (total === undefined || size === "*" || Number(size) === total)) return
  response.destroy()
  throw corrupt(url, "the server sends another part of it than it was asked for")
}

/** @throws {CastoreError} `corrupt` */
export function decoded(
  body: AsyncIterable<Uint8Array>,
  { headers }: http.IncomingMessage,
  what: string,
): AsyncIterable<Uint8Array> {
  const encodings = (headers["content-encoding"] ?? "").split(",").map((word) => word.trim().toLowerCase())
  let contents = body
  for (const encoding of encodings.filter((word) => word !== "" && word !== "identity").reverse()) {
    const compression = ENCODINGS[encoding]
    if (compression === undefined || encodings.length > ENCODINGS_MAX) {
      const reason = `it is encoded as '${encodings.join(", ")}', which is not supported`
      throw new CastoreError({ code: "corrupt", what, reason })
    }
    contents = decompress(contents, compression)
  }
  return contents
}

export function corrupt(url: URL, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: shownUrl(url), reason })
}
