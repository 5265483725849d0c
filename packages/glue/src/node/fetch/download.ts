/** Files from web servers, and from this machine by the same kind of address, as curl gets them for C++ Nix. */
import { constants, readFileSync } from "node:fs"
import { open, readFile, type FileHandle } from "node:fs/promises"
import * as http from "node:http"
import * as https from "node:https"
import { pipeline, Transform, type Readable } from "node:stream"
import { setTimeout as wait } from "node:timers/promises"
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib"
import { bytesOf, byteStringOf, encodeBase64, textOf } from "@tvix-ts/bytes"
import { netrcLogin } from "@tvix-ts/store/node"
import { loginOf, parseUrl, type Login } from "../../fetch/url.ts"
import { FetchError, type FetchProblem } from "../../fetch/problem.ts"
import { shownUrl } from "../../fetch/uri.ts"
import type { Content } from "./content.ts"
import type { DownloadOptions } from "./fetcher.ts"
import type { FetchSettings } from "./options.ts"
import { temporaryFile } from "./temporary.ts"

/** By which a server can tell whether there is something new. */
export interface Version {
  readonly etag?: string
  readonly lastModified?: string
}

export interface Download {
  /** Undefined if there is nothing new. */
  readonly content: Content | undefined
  readonly version: Version
  /** The address asked for, and those that it led to: byte strings. */
  readonly urls: readonly string[]
}

/** What may have passed when one asks again. `afterMs`: no earlier than that. */
interface Transient {
  readonly afterMs?: number
}

const REDIRECTS_MAX = 10
const TOO_MANY_REQUESTS_MS = 60_000
/** One within the other, of one answer: as many as curl takes. */
const ENCODINGS_MAX = 5
const OK = new Set([200, 201, 204, 206])
const REDIRECTS = new Set([301, 302, 303, 307, 308])

export class Downloader {
  private readonly settings: FetchSettings
  private readonly agents: { readonly http: http.Agent; readonly https: https.Agent }
  private netrc: Promise<string> | undefined

  constructor(settings: FetchSettings) {
    this.settings = settings
    const { connectionsMax, env } = settings
    const agentOptions = {
      keepAlive: true,
      ...(connectionsMax > 0 && { maxTotalSockets: connectionsMax }),
      // http_proxy and its like, in Nodes that know it (24.5).
      proxyEnv: env as NodeJS.ProcessEnv,
    }
    this.agents = {
      http: new http.Agent(agentOptions),
      https: new https.Agent({ ...agentOptions, ...authorities(settings) }),
    }
  }

  close(): void {
    this.agents.http.destroy()
    this.agents.https.destroy()
  }

  /**
   * What is at `url`, a byte string, unless it is still the `known` version of it. Whoever gets a content closes it.
   *
   * @throws {FetchError}
   */
  async get(url: string, known: Version = {}, options: DownloadOptions = {}): Promise<Download> {
    const { scheme, path } = parseUrl(url)
    if (scheme === "file") return { content: await openFile(path, url), version: {}, urls: [url] }
    const shown = shownUrl(url)
    if (scheme !== "http" && scheme !== "https") {
      const problem = { summary: "Unsupported protocol", curl: 1, detail: `Protocol "${scheme}" not supported` }
      throw new FetchError({ code: "transfer", url: shown, ...problem })
    }
    const { attemptsMax, retryMs, onWarning, signal: ending } = this.settings
    const signal = options.signal === undefined ? ending : AbortSignal.any([options.signal, ending])
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(url, known, { ...options, signal })
      } catch (error) {
        // Not what the connection made of it.
        signal.throwIfAborted()
        if (!(error instanceof FetchError)) throw error
        const transient = transience(error.problem)
        if (transient === undefined || attempt >= attemptsMax) throw error
        // Not all who were sent away come back at the same time.
        const factor = 2 ** (attempt - 1 + Math.random() / 2)
        const delay = Math.floor((transient.afterMs ?? retryMs) * factor)
        onWarning(`${error.message}; retrying in ${delay} ms (attempt ${attempt}/${attemptsMax})`)
        await wait(delay, undefined, { signal })
      }
    }
  }

  private async attempt(start: string, known: Version, options: DownloadOptions): Promise<Download> {
    const urls = [start]
    const first = parseWebUrl(start, start)
    let url = first
    for (;;) {
      const { response, shown } = await this.request(url, url.origin === first.origin, known, options)
      const { statusCode: status = 0, headers } = response
      const { etag, location, "last-modified": lastModified } = headers
      if (REDIRECTS.has(status) && location !== undefined) {
        response.destroy()
        if (urls.length > REDIRECTS_MAX) {
          const detail = `Maximum (${REDIRECTS_MAX}) redirects followed`
          throw transferProblem(shown, "Number of redirects hit maximum amount", 47, detail)
        }
        url = parseWebUrl(location, shown, url)
        urls.push(byteStringOf(url.href))
        continue
      }
      // Some servers send everything, although it is what we have.
      const same = status === 200 && etag !== undefined && etag === known.etag
      const asked = known.etag !== undefined || known.lastModified !== undefined
      if ((status === 304 && asked) || same) {
        response.destroy()
        return { content: undefined, version: known, urls }
      }
      if (!OK.has(status)) {
        response.destroy()
        throw new FetchError({ code: "http-status", url: byteStringOf(shownUrl(textOf(start))), status })
      }
      const content = await this.receive(response, shown, options)
      const version = { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) }
      return { content, version, urls }
    }
  }

  private async request(
    url: URL,
    isFirstOrigin: boolean,
    { etag, lastModified }: Version,
    { signal }: DownloadOptions,
  ): Promise<{ response: http.IncomingMessage; shown: string }> {
    const { connectTimeoutMs, stalledTimeoutMs, userAgentSuffix } = this.settings
    const shown = byteStringOf(shownUrl(url.href))
    const login = isFirstOrigin ? await this.loginOf(url) : await this.netrcLoginOf(url)
    const headers: http.OutgoingHttpHeaders = {
      accept: "*/*",
      "accept-encoding": "gzip, deflate, br, zstd",
      "user-agent": userAgentSuffix === "" ? "tvix" : `tvix ${userAgentSuffix}`,
      ...(login && { authorization: `Basic ${encodeBase64(bytesOf(`${login.name}:${login.password}`))}` }),
      ...(etag !== undefined && { "if-none-match": etag }),
      ...(etag === undefined && lastModified !== undefined && { "if-modified-since": lastModified }),
    }
    const secure = url.protocol === "https:"
    const target = new URL(url)
    target.username = ""
    target.password = ""
    return new Promise((resolve, reject) => {
      const agent = secure ? this.agents.https : this.agents.http
      const request = (secure ? https : http).get(target, { agent, headers, signal })
      let timer: NodeJS.Timeout | undefined
      const timedOut = (detail: string): void => {
        request.destroy(transferProblem(shown, "Timeout was reached", 28, detail))
      }
      request.on("socket", (socket) => {
        if (!socket.connecting || connectTimeoutMs === 0) return
        timer = setTimeout(() => timedOut("Connection timed out"), connectTimeoutMs)
        socket.once(secure ? "secureConnect" : "connect", () => clearTimeout(timer))
      })
      request.setTimeout(stalledTimeoutMs, () => {
        timedOut(`Operation too slow. Nothing transferred in the last ${Math.round(stalledTimeoutMs / 1000)} seconds`)
      })
      request.on("response", (response) => {
        clearTimeout(timer)
        resolve({ response, shown })
      })
      request.on("error", (error) => {
        clearTimeout(timer)
        reject(networkProblem(error, shown, url))
      })
    })
  }

  /** The body, decoded, in a temporary file. */
  private async receive(response: http.IncomingMessage, url: string, { onPiece }: DownloadOptions): Promise<Content> {
    const { bytesMax, onProgress } = this.settings
    const activity = `downloading '${url}'`
    const length = Number(response.headers["content-length"] ?? Number.NaN)
    if (length > bytesMax) {
      response.destroy()
      throw new FetchError({ code: "too-large", url, bytesMax })
    }
    let received = 0
    const counter = new Transform({
      transform(piece: Uint8Array, _, done) {
        received += piece.length
        onPiece?.()
        onProgress({ activity, done: received, unit: "bytes", finished: false, ...(length >= 0 && { total: length }) })
        done(null, piece)
      },
    })
    // Before anything is waited for: the connection may break at any time.
    const body = decoded(response, counter, url)
    const temporary = await temporaryFile().catch((error: unknown) => {
      response.destroy()
      throw error
    })
    let size = 0
    try {
      for await (const piece of body) {
        const bytes = piece as Uint8Array
        if (size + bytes.length > bytesMax) throw new FetchError({ code: "too-large", url, bytesMax })
        // Unlike write(), which may write less.
        await temporary.file.appendFile(bytes)
        size += bytes.length
      }
      if (!response.complete) throw partial(url, received, length)
      return { ...temporary, size }
    } catch (error) {
      response.destroy()
      await temporary.close()
      if (error instanceof FetchError) throw error
      if (!response.complete) throw partial(url, received, length, error)
      const { code } = error as NodeJS.ErrnoException
      if (code?.startsWith("Z_") === true || code?.startsWith("ERR_") === true || code?.startsWith("ZSTD") === true) {
        const detail = byteStringOf((error as Error).message)
        throw transferProblem(url, "Unrecognized or bad HTTP Content or Transfer-Encoding", 61, detail, error)
      }
      throw error
    } finally {
      onProgress({ activity, done: received, unit: "bytes", finished: true })
    }
  }

  private async loginOf(url: URL): Promise<Login | undefined> {
    if (url.username === "" && url.password === "") return this.netrcLoginOf(url)
    return loginOf(`${url.username}:${url.password}`, url.href)
  }

  private async netrcLoginOf(url: URL): Promise<Login | undefined> {
    const { netrcFile } = this.settings
    if (netrcFile === undefined) return undefined
    this.netrc ??= readFile(netrcFile, "latin1").catch((error: NodeJS.ErrnoException) => {
      // Most have none.
      if (error.code !== "ENOENT") this.settings.onWarning(byteStringOf(`reading '${netrcFile}': ${error.message}`))
      return ""
    })
    return netrcLogin(await this.netrc, url.hostname)
  }
}

/** Who is believed, if somebody says so. */
function authorities({ caFile, onWarning }: FetchSettings): { readonly ca?: string } {
  if (caFile === undefined) return {}
  try {
    return { ca: readFileSync(caFile, "utf8") }
  } catch (error) {
    onWarning(byteStringOf(`reading '${caFile}': ${error instanceof Error ? error.message : String(error)}`))
    return {}
  }
}

async function openFile(path: string, url: string): Promise<Content> {
  let file: FileHandle | undefined
  try {
    // Of what is no file, opening may not come to an end, and the size says nothing.
    file = await open(Buffer.from(path, "latin1"), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw new Error("not a regular file")
    const { size } = stats
    const opened = file
    return { file: opened, size, close: () => opened.close() }
  } catch (cause) {
    await file?.close()
    throw transferProblem(url, "Could not read a file:// file", 37, `Could not open file ${path}`, cause)
  }
}

/** `response`, counted, without its content encodings, the last of which was applied last. Whatever fails is its error. */
function decoded(response: http.IncomingMessage, counter: Transform, url: string): Readable {
  const decoders: Transform[] = []
  const refuse = (detail: string): never => {
    response.destroy()
    throw transferProblem(url, "Unrecognized or bad HTTP Content or Transfer-Encoding", 61, detail)
  }
  for (const word of (response.headers["content-encoding"] ?? "").toLowerCase().split(",").reverse()) {
    const encoding = word.trim()
    if (encoding === "" || encoding === "identity") continue
    const decoder = DECODERS[encoding] ?? refuse(`Unrecognized content encoding type: ${byteStringOf(encoding)}`)
    if (decoders.length === ENCODINGS_MAX) refuse(`Reject response due to more than ${ENCODINGS_MAX} content encodings`)
    decoders.push(decoder())
  }
  // Whoever reads the last one is told of what happened to any of them.
  pipeline([response, counter, ...decoders], () => {})
  return decoders.at(-1) ?? counter
}
const DECODERS: Readonly<Record<string, (() => Transform) | undefined>> = Object.assign(Object.create(null), {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
})

function parseWebUrl(text: string, shown: string, base?: URL): URL {
  const url = URL.parse(textOf(text), base)
  if (url === null) {
    throw new FetchError({ code: "redirect", url: shown, reason: `'${shownUrl(text)}' is not a valid URL` })
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new FetchError({ code: "redirect", url: shown, reason: `it is redirected to a '${url.protocol}' address` })
  }
  return url
}

function transferProblem(url: string, summary: string, curl: number, detail: string, cause?: unknown): FetchError {
  return new FetchError({ code: "transfer", url, summary, curl, detail }, { cause })
}

function partial(url: string, received: number, length: number, cause?: unknown): FetchError {
  const missing = length >= 0 ? `end of response with ${length - received} bytes missing` : "the connection was closed"
  return transferProblem(url, "Transferred a partial file", 18, missing, cause)
}

function networkProblem(error: Error & { readonly code?: string }, shown: string, url: URL): FetchError {
  if (error instanceof FetchError) return error
  const host = byteStringOf(url.hostname)
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port
  const { code = "", message } = error
  switch (code) {
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH": {
      const summary = "Could not connect to server"
      return transferProblem(shown, summary, 7, `Failed to connect to ${host}:${port}: ${summary}`, error)
    }
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return transferProblem(shown, "Could not resolve hostname", 6, `Could not resolve host: ${host}`, error)
    case "ETIMEDOUT":
      return transferProblem(shown, "Timeout was reached", 28, byteStringOf(message), error)
    case "ECONNRESET":
      return transferProblem(
        shown,
        "Server returned nothing (no headers, no data)",
        52,
        "Empty reply from server",
        error,
      )
  }
  if (/CERT|TLS|SSL|ALTNAME|SIGNED/.test(code)) {
    const summary = "SSL peer certificate or SSH remote key was not OK"
    return transferProblem(shown, summary, 60, byteStringOf(message), error)
  }
  return transferProblem(shown, "Failure when receiving data from the peer", 56, byteStringOf(message), error)
}

/** Numbers of curl's after which C++ Nix does not ask again. */
const PERMANENT = new Set([1, 3, 37, 47, 61])

/** Undefined if asking again has no point (libstore/filetransfer.cc). */
function transience(problem: FetchProblem): Transient | undefined {
  if (problem.code === "transfer") return PERMANENT.has(problem.curl) ? undefined : {}
  if (problem.code !== "http-status") return undefined
  const { status } = problem
  if (status === 429) return { afterMs: TOO_MANY_REQUESTS_MS }
  if (status === 408) return {}
  return status >= 500 && ![501, 505, 511].includes(status) ? {} : undefined
}
