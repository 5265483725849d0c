import { chmod, lstat, rename, rm } from "node:fs/promises"
import type { Http2Server } from "node:http2"
import { connect } from "node:net"
import process from "node:process"
import { logVerbosity, Server, ServerCredentials, setLogVerbosity, status } from "@grpc/grpc-js"
import { CastoreError } from "../../problem.ts"
import { MESSAGE_BYTES_MAX } from "./channel.ts"
import { HealthState } from "./health.ts"
import { reflectionServices } from "./reflection.ts"
import type { CallGate, GrpcService, ServiceHooks } from "./service.ts"
import { GrpcFailure } from "./status.ts"

/** What one server does for its clients at the same time. */
export interface ServerLimits {
  /** Bytes of one message, either way. 16 MiB without. */
  readonly messageBytesMax?: number
  /** Calls of one connection; more wait on the client's side. 128 without. */
  readonly streamsPerConnectionMax?: number
  /** Calls of all connections; more are refused with `RESOURCE_EXHAUSTED`. 512 without. */
  readonly callsMax?: number
  /** How often a silent connection is asked for a sign of life. Two minutes without. */
  readonly keepaliveMs?: number
  /** How long it may take to give one. 20 s without. */
  readonly keepaliveTimeoutMs?: number
}

export interface ServeOptions extends Pick<ServiceHooks, "onInternalError"> {
  /** `127.0.0.1:PORT`, `[::]:PORT` (port 0 is any that is free), or `unix:/path`, which only this user can then use. */
  readonly address: string
  readonly limits?: ServerLimits
}

export interface GrpcServer {
  /** The address as clients take it: with the port that was found. */
  readonly address: string
  /** Takes no more calls, waits for those that are running, at most this long, and then cuts them off. */
  close(graceMs: number): Promise<void>
}

/** Bytes of a socket's path that fit into an address: `sun_path` on Linux, without the NUL at its end. */
const SOCKET_PATH_BYTES_MAX = 107

/** Bytes that a client may send ahead, in one call and in all of them together. */
const STREAM_WINDOW_BYTES = 2 ** 20
const CONNECTION_WINDOW_BYTES = 4 * 2 ** 20

/**
 * Serves until it is closed, with reflection and the standard health service.
 *
 * @throws {CastoreError} `unavailable` if the address is taken or not one of this machine
 */
export async function serveGrpc(services: readonly GrpcService[], options: ServeOptions): Promise<GrpcServer> {
  const { address, limits = {} } = options
  const { messageBytesMax = MESSAGE_BYTES_MAX, keepaliveMs = 120_000, keepaliveTimeoutMs = 20_000 } = limits
  const { streamsPerConnectionMax = 128, callsMax = 512 } = limits
  const server = new Server({
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
  })
  const health = new HealthState(services)
  const limited = { ...options, gate: new Gate(callsMax) }
  for (const service of services) server.addService(service.definition, service.implementation(limited))
  // Whoever wants to know how a busy server is gets an answer.
  for (const service of [...health.services, ...reflectionServices([...services, ...health.services])]) {
    server.addService(service.definition, service.implementation(options))
  }
  const bound = await bind(server, address)
  widenWindows(server)
  return {
    address: bound.address,
    async close(graceMs) {
      health.stop()
      const { promise: finished, resolve } = Promise.withResolvers<void>()
      server.tryShutdown(() => resolve())
      const timer = setTimeout(() => {
        server.forceShutdown()
        resolve()
      }, graceMs)
      await finished
      clearTimeout(timer)
      await bound.remove()
    },
  }
}

/**
 * Lets clients send more before they have to wait: without it, `Put` is 0.6 as fast (bench/grpc.ts). grpc-js has an option
 * for this on the client's side only, so this looks into it; where it finds nothing, everything works as before.
 */
function widenWindows(server: Server): void {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> }
  for (const http2Server of http2Servers?.keys() ?? []) {
    http2Server.updateSettings({ initialWindowSize: STREAM_WINDOW_BYTES })
    http2Server.on("session", (session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES))
  }
}

class Gate implements CallGate {
  readonly #callsMax: number
  #calls = 0

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  enter(): void {
    if (this.#calls >= this.#callsMax) {
      throw new GrpcFailure(status.RESOURCE_EXHAUSTED, `there are ${this.#callsMax} calls already`)
    }
    this.#calls++
  }

  leave(): void {
    this.#calls--
  }
}

interface Bound {
  readonly address: string
  readonly remove: () => Promise<void>
}

async function bind(server: Server, address: string): Promise<Bound> {
  const path = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(address)?.[1]
  if (path === undefined) {
    const port = await listen(server, address)
    return { address: address.replace(/:\d+$/, `:${port}`), remove: async () => undefined }
  }
  // Bound under another name, and put in its place when nobody else may use it any more.
  const unborn = `${path}.${process.pid}`
  if (Buffer.byteLength(unborn) > SOCKET_PATH_BYTES_MAX) {
    throw new CastoreError({ code: "unavailable", reason: `${path}: a socket's path may not be that long` })
  }
  if (await isServed(path)) {
    throw new CastoreError({ code: "unavailable", reason: `${path}: somebody else is listening there` })
  }
  await listen(server, `unix:${unborn}`)
  await chmod(unborn, 0o600)
  await rename(unborn, path)
  return { address: `unix:${path}`, remove: () => rm(path, { force: true }) }
}

async function listen(server: Server, address: string): Promise<number> {
  // Failures are told by throwing; grpc-js would also print them, unless somebody has set what it prints.
  if (process.env["GRPC_VERBOSITY"] === undefined) setLogVerbosity(logVerbosity.NONE)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
    if (error === null) resolve(port)
    else reject(new CastoreError({ code: "unavailable", reason: `cannot listen at ${address}: ${error.message}` }))
  })
  return promise
}

/**
 * Whether there is a socket and somebody behind it, rather than what one has left behind that was killed.
 *
 * @throws {CastoreError} `unavailable` if there is something else under that name
 */
async function isServed(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined)
  if (stat === undefined) return false
  if (!stat.isSocket()) throw new CastoreError({ code: "unavailable", reason: `${path}: there is something else` })
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path)
  socket.on("connect", () => resolve(true))
  socket.on("error", () => resolve(false))
  const served = await promise
  socket.destroy()
  return served
}
