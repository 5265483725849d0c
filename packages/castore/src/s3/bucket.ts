import { AwsV4Signer } from "aws4fetch"
import { concat, encodeHex } from "@tvix-ts/bytes"
import type { CallOptions } from "../call.ts"
import { CastoreError } from "../problem.ts"
import { isPassing, refusalError, refusalOf, unavailable, type S3Refusal } from "./failure.ts"
import type { S3Credentials, S3Options } from "./options.ts"
import { Slots } from "./slots.ts"

const REQUESTS_AT_ONCE = 64
const ATTEMPTS = 8
const RETRY_AFTER_MS = 100
const RETRY_AFTER_MAX_MS = 8_000
const TIMEOUT_MS = 60_000
/** Of a service or a line that is slow but gets on: parts are sent over a line of 1 Mbit/s, four at a time. */
const BYTES_PER_MS_MIN = 32
/** Bytes of an answer that is XML: a list of 1000 objects has some 400 KB. */
const XML_BYTES_MAX = 8 * 2 ** 20

export interface S3Request extends CallOptions {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT"
  /** Of the object, with the prefix; "" for the bucket itself. */
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Bytes that the answer may have; {@link XML_BYTES_MAX} without. */
  readonly bytesMax?: number
}

export interface S3Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array
}

/** There was no answer, or not all of it. */
interface Lost {
  readonly lost: string
  readonly cause: unknown
}

/** What came instead of an answer with a status of 200 to 299. */
export class S3Refused extends Error {
  override readonly name = "S3Refused"
  readonly refusal: S3Refusal
  /** In the words of castores. */
  readonly error: CastoreError

  constructor(refusal: S3Refusal, error: CastoreError) {
    super(error.message)
    this.refusal = refusal
    this.error = error
  }
}

/**
 * Requests to one bucket: signed, some of them at once, tried again while the service is busy or the line breaks. Only what
 * may be repeated is asked for: every object is stored whole, and under a name that follows from it, or on a condition.
 */
export class S3Bucket {
  readonly options: S3Options
  /** For people: no secret is in it. */
  readonly where: string
  readonly #base: string
  readonly #slots: Slots
  #credentials: Promise<S3Credentials> | undefined
  /** Keys that signatures are made with, by day and region: the signer's own. */
  readonly #signingKeys = new Map<string, ArrayBuffer>()
  /** Whether anything has succeeded, so that the bucket is there. */
  #known = false
  #looking: Promise<void> | undefined

  constructor(options: S3Options) {
    const { bucket, endpoint, bucketIn } = options
    this.options = options
    this.where = `bucket '${bucket}' at ${endpoint}`
    this.#base = bucketIn === "path" ? `${endpoint}/${bucket}` : endpoint.replace("://", `://${bucket}.`)
    this.#slots = new Slots(options.requestsAtOnce ?? REQUESTS_AT_ONCE)
  }

  /**
   * @returns the answer, if its status is 200 to 299; `undefined` if there is no such object
   * @throws {S3Refused} any other status that is no passing condition
   * @throws {CastoreError} `unavailable`
   */
  async request(request: S3Request): Promise<S3Answer | undefined> {
    const attempts = this.options.attempts ?? ATTEMPTS
    let renewed = false
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted()
      const answer = await this.#attempt(request)
      if ("lost" in answer) {
        if (attempt >= attempts) throw unavailable(`${this.where}: ${answer.lost}`, answer.cause)
      } else {
        if (answer.status >= 200 && answer.status < 300) {
          this.#known = true
          return answer
        }
        const refusal = await this.#refusal(request, answer)
        if (refusal.status === 404 && refusal.code === "NoSuchKey") return undefined
        if (refusal.status === 404 && refusal.code === "") {
          await this.#look(request.signal)
          return undefined
        }
        if (refusal.code === "ExpiredToken" && !renewed) {
          // Whoever wrote down the credentials may have written down others since.
          renewed = true
          this.#credentials = undefined
          continue
        }
        if (!isPassing(refusal) || attempt >= attempts) {
          throw new S3Refused(refusal, refusalError(refusal, this.where, skewOf(answer)))
        }
      }
      await this.#pause(attempt, "lost" in answer ? undefined : answer.header("retry-after"), request.signal)
    }
  }

  /** As {@link request}, where a refusal is nothing that the caller could do something about. */
  async ask(request: S3Request): Promise<S3Answer | undefined> {
    try {
      return await this.request(request)
    } catch (error) {
      throw error instanceof S3Refused ? error.error : error
    }
  }

  /** Why something was refused, for which HEAD has no room in its answer: then it is asked for as if to be read. */
  async #refusal(request: S3Request, answer: S3Answer): Promise<S3Refusal> {
    if (request.method === "HEAD" && answer.status !== 404 && !isPassing(refusalOf(answer.status, answer.body))) {
      const told = await this.#attempt({ ...request, method: "GET", headers: { Range: "bytes=0-0" } })
      // What can be read now was refused in passing.
      if (!("lost" in told))
        return told.status < 300 ? { ...NOT_NOW, status: answer.status } : refusalOf(told.status, told.body)
    }
    return refusalOf(answer.status, answer.body)
  }

  /** An answer to HEAD does not say whether it is the object that is not there, or the bucket. */
  async #look(signal: AbortSignal | undefined): Promise<void> {
    if (this.#known) return
    this.#looking ??= this.#findBucket().finally(() => (this.#looking = undefined))
    await this.#looking
    signal?.throwIfAborted()
  }

  async #findBucket(): Promise<void> {
    let answer: S3Answer | Lost
    for (let attempt = 1; ; attempt++) {
      answer = await this.#attempt({ method: "GET", key: "", query: { "list-type": "2", "max-keys": "1" } })
      if (!("lost" in answer) && !isPassing(refusalOf(answer.status, answer.body))) break
      if (attempt < (this.options.attempts ?? ATTEMPTS)) await this.#pause(attempt, undefined, undefined)
      else throw unavailable(`${this.where}: ${"lost" in answer ? answer.lost : `HTTP status ${answer.status}`}`)
    }
    const refusal = refusalOf(answer.status, answer.body)
    // Whoever may not list may still read.
    if (answer.status < 300 || refusal.code === "AccessDenied") this.#known = true
    else throw refusalError({ ...refusal, code: refusal.code || "NoSuchBucket" }, this.where, skewOf(answer))
  }

  async #attempt(request: S3Request): Promise<S3Answer | Lost> {
    const { signal } = request
    const release = await this.#slots.take(signal)
    const stop = new AbortController()
    const giveUp = (): void => stop.abort()
    const patience = new Patience(this.options.timeoutMs ?? TIMEOUT_MS, request.body?.length ?? 0, giveUp)
    signal?.addEventListener("abort", giveUp, { once: true })
    try {
      const { url, headers } = await this.#sign(request)
      const response = await fetch(url, {
        method: request.method,
        headers,
        body: (request.body as Uint8Array<ArrayBuffer> | undefined) ?? null,
        signal: stop.signal,
        // Elsewhere the signature would not hold.
        redirect: "manual",
      })
      // A refusal may well be longer than what was asked for.
      const bytesMax = (response.ok ? request.bytesMax : undefined) ?? XML_BYTES_MAX
      const body = await bodyOf(response, bytesMax, patience)
      if (body === undefined) {
        const what = `object '${request.key}' in ${this.where}`
        throw new CastoreError({ code: "corrupt", what, reason: `it has more than ${request.bytesMax} bytes` })
      }
      return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, body }
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof CastoreError) throw error
      const lost = stop.signal.aborted ? "it did not answer in time" : `the connection failed: ${innermost(error)}`
      return { lost, cause: error }
    } finally {
      patience.end()
      signal?.removeEventListener("abort", giveUp)
      release()
    }
  }

  async #sign({ method, key, query, headers = {}, body }: S3Request): Promise<{
    readonly url: string
    readonly headers: Record<string, string>
  }> {
    const parameters = Object.entries(query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    const path = key === "" ? (this.options.bucketIn === "path" ? "" : "/") : `/${key}`
    const url = `${this.#base}${path}${parameters.length === 0 ? "" : `?${parameters.join("&")}`}`
    const { credentials } = this.options
    if (credentials === undefined) return { url, headers: { ...headers } }
    this.#credentials ??= credentials()
    let known: S3Credentials
    try {
      known = await this.#credentials
    } catch (error) {
      this.#credentials = undefined
      throw error
    }
    const signer = new AwsV4Signer({
      method,
      url,
      // The service compares what it receives with this: nothing changes on the way and is then stored.
      headers: { ...headers, "X-Amz-Content-Sha256": body === undefined ? EMPTY_SHA256 : await sha256(body) },
      accessKeyId: known.accessKeyId,
      secretAccessKey: known.secretAccessKey,
      ...(known.sessionToken === undefined ? {} : { sessionToken: known.sessionToken }),
      service: "s3",
      region: this.options.region,
      cache: this.#signingKeys,
    })
    const signed = await signer.sign()
    return { url, headers: Object.fromEntries(signed.headers as Iterable<readonly [string, string]>) }
  }

  async #pause(attempt: number, retryAfter: string | undefined, signal: AbortSignal | undefined): Promise<void> {
    const first = this.options.retryAfterMs ?? RETRY_AFTER_MS
    const asked = retryAfter !== undefined && /^[0-9]{1,3}$/.test(retryAfter) ? Number(retryAfter) * 1000 : 0
    // Everybody who was refused at the same time should not come back at the same time.
    const ms = Math.min(RETRY_AFTER_MAX_MS, Math.max(asked, Math.random() * first * 2 ** (attempt - 1)))
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        signal?.removeEventListener("abort", done)
        resolve()
      }
      signal?.addEventListener("abort", done, { once: true })
    })
  }
}

/** How long we wait for bytes: a time in which none comes, and more for each that does. */
class Patience {
  readonly #stallMs: number
  readonly #giveUp: () => void
  #until: number
  #timer: ReturnType<typeof setTimeout>

  /** @param bytes that are to be sent, of which nobody says how far they are */
  constructor(stallMs: number, bytes: number, giveUp: () => void) {
    this.#stallMs = stallMs
    this.#giveUp = giveUp
    const ms = stallMs + bytes / BYTES_PER_MS_MIN
    this.#until = performance.now() + ms
    this.#timer = setTimeout(giveUp, ms)
  }

  /** So many bytes have come. */
  moved(bytes: number): void {
    const now = performance.now()
    this.#until = Math.min(now + this.#stallMs, this.#until + bytes / BYTES_PER_MS_MIN)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#giveUp, this.#until - now)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

const NOT_NOW = { code: "ServiceUnavailable", message: "" }

/** Of no bytes. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

async function sha256(bytes: Uint8Array): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)))
}

/** All of it; `undefined` if it is more than `bytesMax`. */
async function bodyOf(response: Response, bytesMax: number, patience: Patience): Promise<Uint8Array | undefined> {
  if (response.body === null) return new Uint8Array()
  const reader = response.body.getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) break
    length += value.length
    patience.moved(value.length)
    if (length > bytesMax) {
      // What is wrong with the rest is of no interest.
      await reader.cancel().catch(() => {})
      return undefined
    }
    pieces.push(value)
  }
  return pieces.length === 1 ? pieces[0]! : concat(pieces)
}

/** ms by which the clock of the service is ahead of ours. */
function skewOf(answer: S3Answer): number | undefined {
  const date = Date.parse(answer.header("date") ?? "")
  return Number.isNaN(date) ? undefined : date - Date.now()
}

/** fetch says "fetch failed", and why it did is the cause. */
function innermost(error: unknown): string {
  let one = error
  while (one instanceof Error && one.cause instanceof Error) one = one.cause
  return one instanceof Error ? one.message || one.name : String(one)
}
