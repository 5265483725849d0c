/**
 * A binary cache as Nix clients read and write it, of any store: a hono app, for whatever runs one.
 *
 *     GET  /nix-cache-info  /<digest>.narinfo  /<digest>.ls  /nar/<file>       and HEAD of the same
 *     PUT  /<digest>.narinfo  /<digest>.ls  /nar/<file>
 *     GET  /  /healthz  /metrics
 */
import { byteStringOf } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import { formatPublicKey, STORE_DIR, type PublicKey, type SecretKey } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import { Hono } from "hono"
import { authorize } from "./access.ts"
import { networkOf } from "./address.ts"
import { streamedText, textAnswer, whileSent, type Answer } from "./http/answer.ts"
import { Fetches } from "./fetches.ts"
import { NO_OBSERVER, type CacheRequest, type Observer } from "./http/exchange.ts"
import { deliver, requestOf, type Bindings, type RequestContext } from "./http/web-request.ts"
import { matches } from "./http/range.ts"
import { Gate, RateLimiter, Shares } from "./limits.ts"
import { narListing } from "./listing.ts"
import { metricsAnswer, type Metrics } from "./metrics-app.ts"
import { NarFiles, type Compressors } from "./nar-files.ts"
import { etagOf, NarInfos } from "./nar-infos.ts"
import type { OwnCompression } from "./nar-name.ts"
import { frontPage } from "./page.ts"
import { CacheError, refusalOf, refuse } from "./problem.ts"
import { putNar, type Decompress } from "./put-nar.ts"
import { putNarInfo } from "./put-nar-info.ts"
import type { Right, Tokens } from "./tokens.ts"
import { memoryUploads, type Uploads } from "./uploads.ts"

/** What is asked of a cache, and how much of it at a time. All sizes are bytes. A client is who has an address, or its network. */
export interface CacheLimits {
  /** An archive that is uploaded, and the file that it comes in; or one that another cache has. */
  readonly narSizeMax: number
  /** Files and folders in it: they are in memory until its folders are complete. */
  readonly entriesMax: number
  /** Files and folders of an archive that can be read in parts, of which an index is in memory; larger ones are sent whole. */
  readonly indexedEntriesMax: number
  readonly narInfoSizeMax: number
  /** NARs that are read from clients at the same time; others wait their turn. */
  readonly uploadsMax: number
  readonly uploadsWaitingMax: number
  readonly uploadsWaitMs: number
  /** NARs that are sent as they are, which takes a megabyte each where clients are slow; others wait as long as uploads do. */
  readonly downloadsMax: number
  readonly downloadsPerClientMax: number
  /** NARs that are compressed while they are sent, which takes some megabytes each. */
  readonly compressionsMax: number
  readonly compressionsPerClientMax: number
  /** Archives that are fetched from another cache, where the store is in front of one, until they are there. */
  readonly fetchesMax: number
  readonly fetchesPerClientMax: number
  /** Requests that are answered at the same time, uploads and those that wait among them. */
  readonly requestsMax: number
  readonly requestsPerClientMax: number
  /** Of each client, on average. */
  readonly requestsPerSecond: number
  /** How many seconds' worth of them may come at once. */
  readonly burstSeconds: number
}

export const CACHE_LIMITS: CacheLimits = {
  narSizeMax: 16 * 2 ** 30,
  entriesMax: 1_000_000,
  indexedEntriesMax: 200_000,
  narInfoSizeMax: 2 ** 20,
  uploadsMax: 32,
  uploadsWaitingMax: 1024,
  uploadsWaitMs: 120_000,
  downloadsMax: 512,
  downloadsPerClientMax: 128,
  compressionsMax: 64,
  compressionsPerClientMax: 16,
  fetchesMax: 64,
  fetchesPerClientMax: 32,
  requestsMax: 4096,
  requestsPerClientMax: 2048,
  requestsPerSecond: Infinity,
  burstSeconds: 10,
}

export interface CacheOptions {
  /** Clients ask caches with lower numbers first; cache.nixos.org has 40. */
  readonly priority?: number | undefined
  /** What signs every path. */
  readonly keys?: readonly SecretKey[] | undefined
  /** One of these must have signed what is uploaded, unless its path follows from its contents. */
  readonly requiredKeys?: readonly PublicKey[] | undefined
  /** What narinfos say that NARs are compressed with; the others are there as well. */
  readonly compression?: OwnCompression | undefined
  readonly tokens?: Tokens | undefined
  /** Whether reading needs a token. */
  readonly private?: boolean | undefined
  /** Whether writing needs none. */
  readonly anonymousWrites?: boolean | undefined
  readonly uploads?: Uploads | undefined
  readonly compressors?: Compressors | undefined
  readonly decompress?: Decompress | undefined
  readonly limits?: Partial<CacheLimits> | undefined
  /** Ends what goes on without a client: to fetch archives from other caches. */
  readonly signal?: AbortSignal | undefined
  readonly observer?: Observer | undefined
  /** What `/metrics` says, in Prometheus' format. */
  readonly metrics?: Metrics | undefined
}

/** Seconds. What is under the name of a hash never changes. */
const IMMUTABLE = "max-age=31536000, immutable"
/** What somebody has given a name of their own can be replaced: whoever keeps it is to ask each time whether it was. */
const CHANGING = "no-cache"
const NARINFO_SECONDS = 300
/** Whoever pushes asks first, and must not be told the same for long afterwards. */
const ABSENT_SECONDS = 5

/** For the log, as nginx has it: the client has gone before it was answered. */
const GONE = 499

const DIGEST = /^[0-9a-df-np-sv-z]{32}$/
const READ_METHODS = ["GET", "HEAD", "OPTIONS"]
const ALL_METHODS = [...READ_METHODS, "PUT"]

const CORS: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
}
const PREFLIGHT: Readonly<Record<string, string>> = {
  ...CORS,
  "Access-Control-Allow-Methods": READ_METHODS.join(", "),
  "Access-Control-Allow-Headers": "Authorization, If-None-Match, If-Range, Range",
  "Access-Control-Max-Age": "86400",
}

type Handler = (request: CacheRequest, name: string) => Answer | Promise<Answer>

/** The app. Closing the store and the uploads is up to whoever opened them. */
export function binaryCache(store: Store, options: CacheOptions = {}): Hono<Bindings> {
  const cache = new BinaryCache(store, options)
  const app = new Hono<Bindings>()
  const read = (route: string, handler: Handler) => cache.handler(route, "read", handler)
  const write = (route: string, handler: Handler) => cache.handler(route, "write", handler)
  const narInfo = "/:name{[^/]+\\.narinfo}"
  const listing = "/:name{[^/]+\\.ls}"

  app.get(
    narInfo,
    read("narinfo", (request, name) => cache.narInfo(request, name)),
  )
  app.get(
    "/nar/:name",
    read("nar", (request, name) => cache.nar(request, name)),
  )
  app.get(
    listing,
    read("ls", (request, name) => cache.listing(request, name)),
  )
  app.get(
    "/nix-cache-info",
    read("nix-cache-info", () => cache.info()),
  )
  app.get(
    "/",
    read("page", () => cache.page()),
  )
  app.get(
    "/metrics",
    read("metrics", () => metricsAnswer(options.metrics)),
  )
  app.get(
    "/healthz",
    cache.handler("healthz", undefined, () => textAnswer(200, "ok", { "Cache-Control": "no-store" })),
  )

  app.put(
    "/nar/:name",
    write("put-nar", (request, name) => cache.putNar(request, name)),
  )
  app.put(
    narInfo,
    write("put-narinfo", (request, name) => cache.putNarInfo(request, name)),
  )
  app.put(
    listing,
    write("put-ls", (request, name) => cache.putListing(request, name)),
  )

  const nothing =
    (what: string): Handler =>
    () =>
      refuse({ code: "not-found", what })
  app.all(
    "/realisations/*",
    cache.handler("realisations", undefined, nothing("a realisation: this cache keeps none; it")),
  )
  app.all("/log/*", cache.handler("log", undefined, nothing("a build log: this cache keeps none; it")))
  const preflight: Handler = () => ({ status: 204, headers: PREFLIGHT })
  app.options("*", cache.handler("options", undefined, preflight))
  const wrong =
    (allowed: readonly string[]): Handler =>
    () =>
      refuse({ code: "method", allowed })
  for (const path of [narInfo, listing, "/nar/:name"])
    app.all(path, cache.handler("other", undefined, wrong(ALL_METHODS)))
  for (const path of ["/", "/nix-cache-info", "/metrics", "/healthz"]) {
    app.all(path, cache.handler("other", undefined, wrong(READ_METHODS)))
  }
  app.notFound(cache.handler("other", undefined, nothing("it")))
  return app
}

class BinaryCache {
  readonly #store: Store
  readonly #options: CacheOptions
  readonly #limits: CacheLimits
  readonly #observer: Observer
  readonly #uploads: Uploads
  readonly #keys: readonly SecretKey[]
  readonly #narInfos: NarInfos
  readonly #narFiles: NarFiles
  readonly #fetches: Fetches
  readonly #rates: RateLimiter
  readonly #uploadGate: Gate
  readonly #downloadGate: Gate
  /** Large ones, which are in memory until they are sent. */
  readonly #listingGate: Gate
  readonly #requestShares: Shares
  #requests = 0

  constructor(store: Store, options: CacheOptions) {
    this.#store = store
    this.#options = options
    this.#limits = { ...CACHE_LIMITS, ...options.limits }
    this.#observer = options.observer ?? NO_OBSERVER
    this.#uploads = options.uploads ?? memoryUploads()
    this.#keys = options.keys ?? []
    const { uploadsMax, uploadsWaitingMax, uploadsWaitMs: waitMs, requestsMax: waitingMax } = this.#limits
    const { downloadsMax, downloadsPerClientMax, compressionsMax, compressionsPerClientMax } = this.#limits
    const { fetchesMax, fetchesPerClientMax, narSizeMax, indexedEntriesMax } = this.#limits
    this.#narInfos = new NarInfos(store, {
      keys: this.#keys,
      compression: options.compression ?? "none",
      narSizeMax,
    })
    this.#uploadGate = new Gate({ what: "uploads", insideMax: uploadsMax, waitingMax: uploadsWaitingMax, waitMs })
    this.#downloadGate = new Gate({
      what: "downloads",
      insideMax: downloadsMax,
      insidePerClientMax: downloadsPerClientMax,
      waitingMax,
      waitMs,
    })
    const compressions = new Gate({
      what: "archives to compress",
      insideMax: compressionsMax,
      insidePerClientMax: compressionsPerClientMax,
      waitingMax,
      waitMs,
    })
    this.#listingGate = new Gate({ ...LISTINGS, what: "listings", waitingMax, waitMs })
    const gates = { downloads: this.#downloadGate, compressions }
    const fetching = { insideMax: fetchesMax, insidePerClientMax: fetchesPerClientMax, waitingMax, waitMs }
    const gate = new Gate({ what: "archives to fetch", ...fetching })
    this.#fetches = new Fetches(store, { gate, narSizeMax, signal: options.signal })
    const { compressors = {} } = options
    this.#narFiles = new NarFiles(store, this.#uploads, compressors, gates, this.#fetches, indexedEntriesMax)
    this.#rates = new RateLimiter(this.#limits.requestsPerSecond, this.#limits.burstSeconds)
    this.#requestShares = new Shares(this.#limits.requestsPerClientMax)
  }

  /** A handler of hono's. @param right what it takes; `undefined` for what anybody may */
  handler(route: string, right: Right | undefined, handle: Handler): (context: RequestContext) => Promise<Response> {
    return async (context) => {
      const began = performance.now()
      const request = requestOf(context)
      let token: string | undefined
      let answer: Answer
      const client = networkOf(request.address)
      const inTurn = this.#requests < this.#limits.requestsMax && this.#requestShares.isFree(client)
      this.#requests++
      this.#requestShares.take(client)
      const end = (): void => {
        this.#requests--
        this.#requestShares.giveBack(client)
      }
      try {
        this.#rates.count(client)
        if (!inTurn) refuse({ code: "busy", what: "requests", retryAfterSeconds: 1 })
        if (right !== undefined) token = authorize(right, request.header("authorization"), this.#options)?.id
        answer = await this.#paced(await handle(request, context.req.param("name") ?? ""), request, client)
      } catch (error) {
        answer = this.#refusal(error, request, context.req.path)
      }
      const { body } = answer
      if (typeof body === "object" && request.method !== "HEAD") {
        const sent = this.#observer.sending()
        // A request is answered when its body is sent.
        const ended = (): void => {
          sent()
          end()
        }
        answer = { ...answer, body: whileSent(body, ended) }
      } else end()
      if (route !== "options") answer = { ...answer, headers: { ...CORS, ...answer.headers } }
      return deliver(context, request, answer, { route, token, began })
    }
  }

  /** Long texts are sent as archives are, and count as such. */
  async #paced(answer: Answer, { method, signal }: CacheRequest, client: string): Promise<Answer> {
    const { body } = answer
    if (typeof body !== "string" || body.length <= TEXT_MAX || method === "HEAD") return answer
    const leave = await this.#downloadGate.enter(signal, client)
    return { ...answer, body: whileSent(streamedText(body), leave) }
  }

  info(): Answer {
    const { priority = 30 } = this.#options
    const body = `StoreDir: ${STORE_DIR}\nWantMassQuery: 1\nPriority: ${priority}\n`
    return { status: 200, headers: { "Content-Type": "text/x-nix-cache-info", ...this.#cacheFor(3600) }, body }
  }

  async narInfo(request: CacheRequest, name: string): Promise<Answer> {
    const digest = digestOf(name, ".narinfo")
    const { signal } = request
    const found = digest === undefined ? undefined : await this.#narInfos.get(digest, { signal })
    // Every push begins with many of these: an error would cost more than the rest of it.
    if (found === undefined) return textAnswer(404, `${name} is not here`, this.#cacheFor(ABSENT_SECONDS))
    const { text, etag } = found
    const headers = { "Content-Type": "text/x-nix-narinfo", ETag: etag, ...this.#cacheFor(NARINFO_SECONDS) }
    if (matches(request.header("if-none-match"), etag)) return { status: 304, headers }
    return { status: 200, headers, body: text }
  }

  async nar(request: CacheRequest, name: string): Promise<Answer> {
    const immutable = this.#cacheControl(IMMUTABLE)
    return this.#narFiles.answer(name, request, { immutable, changing: this.#cacheControl(CHANGING) })
  }

  async listing(request: CacheRequest, name: string): Promise<Answer> {
    const digest = digestOf(name, ".ls")
    const { signal } = request
    const pathInfo = digest === undefined ? undefined : await this.#fetches.get(digest, request)
    if (pathInfo === undefined) return refuse({ code: "not-found", what: name })
    const { node } = pathInfo
    if (node.type !== "directory" || node.size <= LISTED_MAX) return this.#listed(node, request)
    const leave = await this.#listingGate.enter(signal, networkOf(request.address))
    let listed: Answer | undefined
    try {
      listed = await this.#listed(node, request)
      const { body } = listed
      if (typeof body !== "string" || request.method === "HEAD") return listed
      listed = { ...listed, body: whileSent(streamedText(body), leave) }
      return listed
    } finally {
      if (typeof listed?.body !== "object") leave()
    }
  }

  async #listed(node: Node, request: CacheRequest): Promise<Answer> {
    const text = byteStringOf(await narListing(node, this.#store, { signal: request.signal }))
    const etag = etagOf(text)
    const headers = { "Content-Type": "application/json", ETag: etag, ...this.#cacheFor(NARINFO_SECONDS) }
    if (matches(request.header("if-none-match"), etag)) return { status: 304, headers }
    return { status: 200, headers, body: text }
  }

  page(): Answer {
    const keys = this.#keys.map(({ publicKey }) => formatPublicKey(publicKey))
    const headers = { "Content-Type": "text/html; charset=utf-8", ...this.#cacheFor(60) }
    return { status: 200, headers, body: byteStringOf(frontPage(keys, this.#options)) }
  }

  async putNar(request: CacheRequest, name: string): Promise<Answer> {
    const { narSizeMax, entriesMax } = this.#limits
    const length = Number(request.header("content-length") ?? 0)
    if (length > narSizeMax) refuse({ code: "too-large", part: "the file", sizeMax: narSizeMax })
    const leave = await this.#uploadGate.enter(request.signal, networkOf(request.address))
    const ended = this.#observer.uploading()
    let narSize: number | undefined
    try {
      const { decompress } = this.#options
      const options = { store: this.#store, uploads: this.#uploads, decompress, narSizeMax, entriesMax }
      const upload = await putNar(name, request, options)
      narSize = upload.narSize
      return textAnswer(201, "stored")
    } finally {
      ended(narSize)
      leave()
    }
  }

  async putNarInfo(request: CacheRequest, name: string): Promise<Answer> {
    const digest = digestOf(name, ".narinfo")
    if (digest === undefined) return refuse({ code: "malformed", part: name, reason: "no digest of a store path" })
    await putNarInfo(digest, request, {
      store: this.#store,
      uploads: this.#uploads,
      decompress: this.#options.decompress,
      narInfoSizeMax: this.#limits.narInfoSizeMax,
      keys: this.#keys,
      requiredKeys: this.#options.requiredKeys,
      knownKeys: this.#keys.map(({ publicKey }) => publicKey),
    })
    this.#narInfos.forget(digest)
    return textAnswer(201, "stored")
  }

  /** We make listings ourselves. What comes is passed over. */
  async putListing(request: CacheRequest, name: string): Promise<Answer> {
    if (digestOf(name, ".ls") === undefined) {
      refuse({ code: "malformed", part: name, reason: "no digest of a store path" })
    }
    let size = 0
    for await (const piece of request.body()) {
      size += piece.length
      if (size > LISTING_SIZE_MAX) refuse({ code: "too-large", part: "the listing", sizeMax: LISTING_SIZE_MAX })
    }
    return textAnswer(200, "this cache makes its own")
  }

  #refusal(error: unknown, request: CacheRequest, path: string): Answer {
    const { message, headers, internal, ...refused } = refusalOf(error)
    const isGone = internal && request.signal.aborted
    if (internal && !isGone) this.#observer.failed(error, { method: request.method, path })
    const status = isGone ? GONE : refused.status
    const cacheControl = status === 404 ? this.#cacheFor(ABSENT_SECONDS) : { "Cache-Control": "no-store" }
    const closing = error instanceof CacheError && error.problem.code === "timeout"
    return textAnswer(status, message, { ...cacheControl, ...headers, ...(closing && { Connection: "close" }) })
  }

  #cacheFor(seconds: number): { "Cache-Control": string } {
    return { "Cache-Control": this.#cacheControl(`max-age=${seconds}`) }
  }

  #cacheControl(lifetime: string): string {
    return `${this.#options.private === true ? "private" : "public"}, ${lifetime}`
  }
}

/** Bytes of a text that is sent at once, whether or not the client takes it. */
const TEXT_MAX = 2 ** 16
/** Entries of a folder whose listing is made for everybody, of some 100 bytes each; and who may have larger ones. */
const LISTED_MAX = 5000
const LISTINGS = { insideMax: 4, insidePerClientMax: 2 }
/** Of listings that are sent to us. */
const LISTING_SIZE_MAX = 256 * 2 ** 20

function digestOf(name: string, suffix: string): string | undefined {
  const digest = name.slice(0, -suffix.length)
  return DIGEST.test(digest) ? digest : undefined
}
