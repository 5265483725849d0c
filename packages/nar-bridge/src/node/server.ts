import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { CastoreError } from "@tvix-ts/castore"
import type { Hono } from "hono"
import { networkOf } from "../address.ts"
import { NO_OBSERVER, type HostBindings, type Observer } from "../http/exchange.ts"
import { Shares } from "../limits.ts"
import { Exchange } from "./exchange.ts"
import type { Pace } from "./progress.ts"

export interface ServeCacheOptions {
  /** `127.0.0.1:8080`, `[::]:8080`, `unix:/run/cache.sock`. Port 0 is any that is free. */
  readonly address: string
  readonly observer?: Observer
  /** How slow clients may be. */
  readonly pace?: Pace
  /** ms that a client may take for the headers of a request. */
  readonly headersMs?: number
  /** Connections at the same time. */
  readonly connectionsMax?: number
  /** Of one client, which keeps others out with no more; a proxy in front has as many as there are. */
  readonly connectionsPerClientMax?: number
  /** Whether the last address in `X-Forwarded-For` is that of the client: only behind a proxy that sets it. */
  readonly behindProxy?: boolean
}

export interface CacheServer {
  /** As in the options, with the port. */
  readonly address: string
  /** Takes no more requests, and gives those that are running so many ms to end. */
  close(graceMs: number): Promise<void>
}

const PACE: Pace = { stallMs: 60_000, bytesPerSecond: 1024 }
const HEADERS_MS = 15_000
const HEADER_BYTES_MAX = 16_384
const CONNECTIONS_MAX = 8192
const CONNECTIONS_PER_CLIENT_MAX = 4096
/** Longer than the pauses of a client that copies one path after the other. */
const KEEP_ALIVE_MS = 75_000
/** Requests that may wait behind the one that is answered on the same connection. */
const PIPELINED_MAX = 32
/** How often it is looked for requests that take too long to begin. */
const CHECK_MS = 2000

/** Serves the app that `binaryCache` makes. @throws {CastoreError} `unavailable` if it cannot listen there */
export async function serveCache(
  app: Hono<{ Bindings: HostBindings }>,
  options: ServeCacheOptions,
): Promise<CacheServer> {
  const { observer = NO_OBSERVER, pace = PACE, behindProxy = false } = options
  let closing = false
  const exchangeOptions = { pace, observer, closing: () => closing }
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse, expects: boolean): void => {
    const address = clientAddress(incoming, behindProxy)
    const host = new Exchange(incoming, outgoing, address, expects, exchangeOptions)
    // All that hono looks at; everything else comes from `host`.
    const { method = "", url = "/" } = incoming
    const request = { method, url: `http://localhost${url.startsWith("/") ? url : `/${url}`}` } as Request
    inTurn(incoming, outgoing, () => void app.fetch(request, { host }))
  }
  const server = createServer(
    {
      headersTimeout: options.headersMs ?? HEADERS_MS,
      // Uploads take as long as they take; how slow they may be is up to `pace`.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    },
    (incoming, outgoing) => listener(incoming, outgoing, false),
  )
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX
  if (!behindProxy) shareConnections(server, options.connectionsPerClientMax ?? CONNECTIONS_PER_CLIENT_MAX)
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    listener(incoming, outgoing, true)
  })
  await listen(server, options.address)
  return {
    address: addressOf(server.address()),
    async close(graceMs) {
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

function shareConnections(server: Server, perClientMax: number): void {
  const shares = new Shares(perClientMax)
  server.on("connection", (socket: Socket) => {
    const client = networkOf(socket.remoteAddress ?? "")
    if (!shares.isFree(client)) {
      socket.destroy()
      return
    }
    shares.take(client)
    socket.once("close", () => shares.giveBack(client))
  })
}

/** By connection: those that wait for the answer before theirs. It is there while one is answered. */
const pipelines = new WeakMap<Socket, (() => void)[]>()

/**
 * Answers the requests of a connection one after the other, though the client send them all at once: it can read but one answer
 * at a time, and each that is made meanwhile would be kept in memory.
 */
function inTurn({ socket }: IncomingMessage, outgoing: ServerResponse, answer: () => void): void {
  const waiting = pipelines.get(socket)
  if (waiting !== undefined && waiting.length >= PIPELINED_MAX) {
    socket.destroy()
    return
  }
  outgoing.once("close", () => {
    const next = socket.destroyed ? undefined : pipelines.get(socket)?.shift()
    if (next === undefined) pipelines.delete(socket)
    else next()
  })
  if (waiting !== undefined) waiting.push(answer)
  else {
    pipelines.set(socket, [])
    answer()
  }
}

function listen(server: ReturnType<typeof createServer>, address: string): Promise<void> {
  const [, socket] = /^unix:(.*)$/s.exec(address) ?? []
  const colon = address.lastIndexOf(":")
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1")
  const where = socket === undefined ? { host, port: Number(address.slice(colon + 1)) } : { path: socket }
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = `cannot listen at ${address}: ${REASONS[cause.code ?? ""] ?? cause.message}`
      reject(new CastoreError({ code: "unavailable", reason }, { cause }))
    })
    server.listen(where, resolve)
  })
}
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "somebody else does",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "the system does not let us",
}

function addressOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === "string") return `unix:${address ?? ""}`
  return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}

function clientAddress({ socket, headers }: IncomingMessage, behindProxy: boolean): string {
  const forwarded = behindProxy ? headers["x-forwarded-for"] : undefined
  const last = forwarded === undefined ? undefined : String(forwarded).split(",").at(-1)?.trim()
  return last || (socket.remoteAddress ?? "")
}
