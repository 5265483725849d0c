import { readFileSync } from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import { concat, textOf } from "@tvix-ts/bytes"
import type { CallOptions, Contents } from "@tvix-ts/castore"
import { CompressionError } from "../../compression/problem.ts"
import type { CacheFiles } from "../../http/cache-files.ts"
import {
  checked,
  checkRange,
  corrupt,
  decoded,
  drain,
  isAbsent,
  lengthOf,
  networkProblem,
  rangeFrom,
  saidIn,
  shownUrl,
  unexpected,
  type Answer,
  type Method,
} from "./answers.ts"
import { bodyOf, withTimeout } from "./body.ts"
import type { Credentials } from "./credentials.ts"
import { Attempts, Transient } from "./retry.ts"
import type { HttpSettings } from "./settings.ts"
import { send, type Outgoing } from "./upload.ts"

const REDIRECTS_MAX = 10
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Bytes of a download after which a connection that breaks is one that got on. */
const PROGRESS = 65_536
/** Bytes of a narinfo, where a server does not say whether there is one without giving it. */
const SMALL_MAX = 2 ** 20
interface Asked {
  readonly method: Method
  readonly url: URL
  readonly headers: http.OutgoingHttpHeaders
  readonly body?: Outgoing
}
/** The files below a web address. */
export class HttpFiles implements CacheFiles {
  readonly #base: URL
  readonly #settings: HttpSettings
  readonly #credentials: Credentials
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent }

  /** @param base a folder: its path ends in a slash */
  constructor(base: URL, settings: HttpSettings, credentials: Credentials) {
    this.#base = base
    this.#settings = settings
    this.#credentials = credentials
    const { connectionsMax, caFile } = settings
    // http_proxy and its like, in Nodes that know it (24.5).
    const options = { keepAlive: true, maxSockets: connectionsMax, proxyEnv: process.env }
    this.#agents = {
      http: new http.Agent(options),
      https: new https.Agent({ ...options, ...(caFile !== undefined && { ca: readFileSync(caFile, "utf8") }) }),
    }
  }

  shown(path: string): string {
    return shownUrl(URL.parse(textOf(path), this.#base) ?? this.#base)
  }

  async read(path: string, sizeMax: number, { signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    const url = this.#urlOf(path)
    return this.#attempts("GET", url, signal).run(() => this.#get(url, sizeMax, signal))
  }

  async stream(path: string, { signal }: CallOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const url = this.#urlOf(path)
    const first = await this.#attempts("GET", url, signal).run(async () => {
      const answer = await this.#ask({ method: "GET", url, headers: {} }, signal)
      if (isAbsent(answer)) return undefined
      if (answer.status !== 200) throw unexpected(answer, "GET", url)
      return answer.response
    })
    return first && decoded(this.#resumed(url, first, signal), first, shownUrl(url))
  }

  async has(path: string, { signal }: CallOptions = {}): Promise<boolean> {
    const url = this.#urlOf(path)
    return this.#attempts("HEAD", url, signal).run(async () => {
      const answer = await this.#ask({ method: "HEAD", url, headers: {} }, signal)
      if (isAbsent(answer)) return false
      if (answer.status === 405 || answer.status === 501) {
        drain(answer.response)
        return (await this.#get(url, SMALL_MAX, signal)) !== undefined
      }
      if (answer.status !== 200 && answer.status !== 204) throw unexpected(answer, "HEAD", url)
      drain(answer.response)
      return true
    })
  }

  async write(path: string, contents: () => Contents, type: string, { signal }: CallOptions = {}): Promise<void> {
    const url = this.#urlOf(path)
    await this.#attempts("PUT", url, signal).run(async () => {
      const answer = await this.#ask({ method: "PUT", url, headers: { "content-type": type }, body: contents }, signal)
      if (answer.status < 200 || answer.status > 299) {
        const said = await saidIn(answer.response, this.#settings.stalledTimeoutMs)
        throw unexpected(answer, "PUT", url, said)
      }
      drain(answer.response)
    })
  }

  async close(): Promise<void> {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  /** All of a small file, over one connection. */
  async #get(url: URL, sizeMax: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const answer = await this.#ask({ method: "GET", url, headers: {} }, signal)
    if (isAbsent(answer)) return undefined
    if (answer.status !== 200) throw unexpected(answer, "GET", url)
    const { response } = answer
    const pieces: Uint8Array[] = []
    let size = 0
    try {
      for await (const piece of decoded(bodyOf(response, this.#settings.stalledTimeoutMs), response, shownUrl(url))) {
        size += piece.length
        if (size > sizeMax) throw corrupt(url, `it has more than ${sizeMax} bytes`)
        pieces.push(piece.slice())
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof CompressionError ? corrupt(url, error.message) : error
    }
    return concat(pieces)
  }

  /** The bytes of a file, over as many connections as it takes. */
  async *#resumed(
    url: URL,
    first: http.IncomingMessage,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const attempts = this.#attempts("GET", url, signal)
    const { etag } = first.headers
    const total = lengthOf(first)
    let at = 0
    let begun = 0
    let response: http.IncomingMessage | undefined = first
    for (;;) {
      try {
        // Bytes that are sent once more, by servers that know no ranges. If the file is another by now, its hash tells.
        let repeated = 0
        if (response === undefined) {
          const answer = await this.#ask({ method: "GET", url, headers: rangeFrom(at, etag) }, signal)
          if (answer.status === 206) checkRange(answer.response, at, total, url)
          else if (answer.status === 200) repeated = at
          else throw unexpected(answer, "GET", url)
          response = answer.response
        }
        for await (const piece of bodyOf(response, this.#settings.stalledTimeoutMs)) {
          const skipped = Math.min(repeated, piece.length)
          repeated -= skipped
          if (skipped === piece.length) continue
          at += piece.length - skipped
          if (total !== undefined && at > total) throw corrupt(url, `it has more than ${total} bytes`)
          yield piece.subarray(skipped)
        }
        if (total !== undefined && at < total) throw new Transient("the connection broke")
        return
      } catch (error) {
        response = undefined
        if (at - begun >= PROGRESS) attempts.renew()
        begun = at
        await attempts.failed(error)
      }
    }
  }

  /** Asks, and follows where the server points to. */
  async #ask(asked: Asked, signal: AbortSignal | undefined): Promise<Answer> {
    let { url, method } = asked
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#request({ ...asked, method, url }, signal)
      const { location } = answer.response.headers
      if (!REDIRECTS.has(answer.status) || location === undefined) return checked(answer, method, url)
      drain(answer.response)
      if (redirects === REDIRECTS_MAX) throw corrupt(asked.url, `more than ${REDIRECTS_MAX} redirects lead on from it`)
      const target = URL.parse(location, url)
      if (target === null || !this.#mayLeadTo(target, url))
        throw corrupt(asked.url, "it is redirected to what is no address for it")
      if (answer.status === 303 && method === "PUT") method = "GET"
      url = target
    }
  }

  async #request({ method, url, headers, body }: Asked, signal: AbortSignal | undefined): Promise<Answer> {
    signal?.throwIfAborted()
    const { connectTimeoutMs, stalledTimeoutMs } = this.#settings
    // Nobody else is told who we are.
    const authorization = url.origin === this.#base.origin ? await this.#credentials.header(method) : undefined
    const secure = url.protocol === "https:"
    const outgoing = method === "PUT" ? body : undefined
    const request = (secure ? https : http).request(url, {
      method,
      agent: secure ? this.#agents.https : this.#agents.http,
      headers: {
        accept: "*/*",
        "user-agent": "tvix",
        ...headers,
        ...(authorization !== undefined && { authorization }),
      },
      ...(signal !== undefined && { signal }),
    })
    const answered = Promise.withResolvers<Answer>()
    answered.promise.catch(() => {})
    request.on("response", (response) => answered.resolve({ status: response.statusCode ?? 0, response }))
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) return answered.reject(signal.reason)
      answered.reject(networkProblem(error, request.reusedSocket, url))
    })
    let timer: NodeJS.Timeout | undefined
    const connected = Promise.withResolvers<void>()
    request.on("socket", (socket) => {
      if (!socket.connecting) return connected.resolve()
      timer = setTimeout(() => request.destroy(new Transient("no connection could be made in time")), connectTimeoutMs)
      socket.once(secure ? "secureConnect" : "connect", () => {
        clearTimeout(timer)
        connected.resolve()
      })
    })
    try {
      if (outgoing !== undefined) {
        const answer = await send(request, outgoing, answered.promise, this.#settings)
        // Who answers before everything is sent does not want the rest.
        if (!request.writableEnded) answer.response.once("end", () => request.destroy())
        return answer
      }
      request.end()
      // While it waits for a connection to be free, the server is not to blame.
      await Promise.race([connected.promise, answered.promise])
      return await withTimeout(answered.promise, stalledTimeoutMs, () => {
        return new Transient(`the server does not answer for ${stalledTimeoutMs / 1000} seconds`)
      })
    } catch (error) {
      request.destroy()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Nothing that comes over https leads to what does not. */
  #mayLeadTo({ protocol, origin }: URL, from: URL): boolean {
    if (protocol !== "https:" && (protocol !== "http:" || from.protocol !== "http:")) return false
    const { otherHosts } = this.#settings
    return otherHosts === "any" || origin === this.#base.origin || (otherHosts === "https" && protocol === "https:")
  }

  #attempts(method: Method, url: URL, signal: AbortSignal | undefined): Attempts {
    return new Attempts(`${method} ${shownUrl(url)}`, this.#settings, signal)
  }

  /** @throws {CastoreError} `corrupt` for what is no address of a file on the web */
  #urlOf(path: string): URL {
    const url = URL.parse(textOf(path), this.#base)
    if (url !== null && this.#mayLeadTo(url, this.#base) && url.username === "" && url.password === "") return url
    throw corrupt(this.#base, "it has a narinfo that leads to what is no address for an archive")
  }
}
