/** `tvix-store serve` */
import { existsSync } from "node:fs"
import { readdir, stat, statfs } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { formatPublicKey, KeyError, parsePublicKey, type PublicKey, type SecretKey } from "@tvix-ts/nix-compat"
import type { OwnCompression, TokenRegistry, Uploads } from "@tvix-ts/nar-bridge"
import type { CacheServer } from "@tvix-ts/nar-bridge/node"
import type { Store } from "@tvix-ts/store"
import type { LocalStore } from "@tvix-ts/store/node"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { readSecretKey } from "../../secret-key.ts"
import { isLocal } from "../local-store.ts"
import { withStore, type Session } from "../session.ts"
import { COLLECT_OPTIONS, NO_COLLECTIONS, startServing, type CollectSettings } from "../serving.ts"
import { parseBytes, SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../settings.ts"
import { TOKENS_OPTION, tokensFile, type TokenSettings } from "../tokens-file.ts"

interface ServeSettings extends StoreSettings, TokenSettings, CollectSettings {
  listen: string | undefined
  signWith: string[]
  requireSignatures: string[]
  compression: OwnCompression
  priority: number
  private: boolean
  anonymousWrites: boolean
  uploads: string | undefined
  narSizeMax: number | undefined
  uploadsMax: number | undefined
  downloadsMax: number | undefined
  downloadsPerClientMax: number | undefined
  rate: number | undefined
  behindProxy: boolean
  metrics: string | undefined
  log: boolean
}

const OPTIONS: readonly Option<ServeSettings>[] = [
  {
    names: ["-l", "--listen"],
    values: ["ADDR"],
    summary: "where to be reached: 127.0.0.1:8080, [::]:8080 (port 0 is any that is free), unix:/run/cache.sock",
    set: (to, address) => void (to.listen = address),
  },
  {
    names: ["--sign-with"],
    values: ["FILE"],
    summary: "sign every path with the secret key in FILE; may be given several times",
    set: (to, file) => void to.signWith.push(file),
  },
  {
    names: ["--require-signatures"],
    values: ["KEY"],
    summary: "take only what this public key has signed; of several, any will do",
    set: (to, key) => void to.requireSignatures.push(key),
  },
  {
    names: ["--private"],
    values: [],
    summary: "reading needs a token, too",
    set: (to) => void (to.private = true),
  },
  {
    names: ["--allow-anonymous-writes"],
    values: [],
    summary: "writing needs no token: for a network where everybody is trusted",
    set: (to) => void (to.anonymousWrites = true),
  },
  TOKENS_OPTION,
  {
    names: ["--uploads"],
    values: ["FILE"],
    summary:
      "where uploads are remembered until they are complete, rather than in uploads.sqlite in the folder of the store",
    set: (to, file) => void (to.uploads = file),
  },
  {
    names: ["--compression"],
    values: ["KIND"],
    summary: "what NARs are sent with unless a client asks for another: none, as they are without this, zstd or xz",
    set: (to, kind) => void (to.compression = parseCompression(kind)),
  },
  {
    names: ["--priority"],
    values: ["N"],
    summary: "clients ask caches with lower numbers first; cache.nixos.org has 40, this one 30",
    set: (to, text) => void (to.priority = parseCount("--priority", text)),
  },
  {
    names: ["--max-nar-size"],
    values: ["BYTES"],
    summary: "refuse larger NARs, as 500M or 16G, which it is without; what another cache has of them is not here",
    set: (to, text) => void (to.narSizeMax = parseBytes("--max-nar-size", text)),
  },
  {
    names: ["--max-uploads"],
    values: ["N"],
    summary: "NARs that are taken in at the same time, 32 without; others wait",
    set: (to, text) => void (to.uploadsMax = parseCount("--max-uploads", text)),
  },
  {
    names: ["--max-downloads"],
    values: ["N"],
    summary: "NARs that are sent at the same time, 512 without, a megabyte of memory each; others wait",
    set: (to, text) => void (to.downloadsMax = parseCount("--max-downloads", text)),
  },
  {
    names: ["--max-downloads-per-client"],
    values: ["N"],
    summary: "NARs that are sent to one address, or network of IPv6, at the same time, 128 without; others wait",
    set: (to, text) => void (to.downloadsPerClientMax = parseCount("--max-downloads-per-client", text)),
  },
  {
    names: ["--rate"],
    values: ["N"],
    summary:
      "requests a second that one address, or network of IPv6, may make, on average; as many as it likes without",
    set: (to, text) => void (to.rate = parseCount("--rate", text)),
  },
  {
    names: ["--behind-proxy"],
    values: [],
    summary: "the address of a client is the last in X-Forwarded-For, which the proxy in front must set",
    set: (to) => void (to.behindProxy = true),
  },
  {
    names: ["--metrics"],
    values: ["ADDR"],
    summary: "serve /metrics there, for Prometheus, rather than to everybody who may read",
    set: (to, address) => void (to.metrics = address),
  },
  ...COLLECT_OPTIONS,
  {
    names: ["--no-log"],
    values: [],
    summary: "no access log on standard error",
    set: (to) => void (to.log = false),
  },
  ...SHARED_OPTIONS,
]

/** How long requests may go on after a signal. */
const FAREWELL_MS = 10_000
const STDERR = 2

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: ServeSettings = {
    ...storeSettings(),
    ...NO_COLLECTIONS,
    tokens: undefined,
    listen: undefined,
    signWith: [],
    requireSignatures: [],
    compression: "none",
    priority: 30,
    private: false,
    anonymousWrites: false,
    uploads: undefined,
    narSizeMax: undefined,
    uploadsMax: undefined,
    downloadsMax: undefined,
    downloadsPerClientMax: undefined,
    rate: undefined,
    behindProxy: false,
    metrics: undefined,
    log: true,
  }
  const operands = await readOptions(tool, "serve", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "serve", settings, async (store, session) => {
    if (settings.listen === undefined || operands.length > 0) throw new UsageError("say where to listen with -l, alone")
    const address = listenAddress(settings.listen)
    const metricsAddress = settings.metrics === undefined ? undefined : listenAddress(settings.metrics)
    const keys = settings.signWith.map(readSecretKey)
    const requiredKeys = settings.requireSignatures.map(parseKey)
    const stopServing = await startServing(store, settings)
    const state = await openState(store, settings)
    try {
      await serve(store, state, { keys, requiredKeys, address, metricsAddress }, settings, session)
    } finally {
      await stopServing()
      state.tokens?.close()
      await state.uploads.close()
    }
    return 0
  })
}

interface State {
  readonly tokens: TokenRegistry | undefined
  readonly uploads: Uploads
}

async function openState(store: Store, settings: ServeSettings): Promise<State> {
  const { memoryUploads } = await import("@tvix-ts/nar-bridge")
  const { openTokenFile, openUploadFile } = await import("@tvix-ts/nar-bridge/node")
  const needed = settings.private || !settings.anonymousWrites
  const hasTokens = settings.tokens !== undefined || isLocal(store)
  if (settings.private && !hasTokens) tokensFile(settings, store)
  const tokens = needed && hasTokens ? openTokenFile(tokensFile(settings, store)) : undefined
  const file = settings.uploads ?? (isLocal(store) ? join(store.dir, "uploads.sqlite") : undefined)
  return { tokens, uploads: file === undefined ? memoryUploads() : openUploadFile(file) }
}

interface Identity {
  readonly address: string
  readonly metricsAddress: string | undefined
  readonly keys: readonly SecretKey[]
  readonly requiredKeys: readonly PublicKey[]
}

async function serve(
  store: Store,
  { tokens, uploads }: State,
  { address, metricsAddress, keys, requiredKeys }: Identity,
  settings: ServeSettings,
  session: Session,
): Promise<void> {
  const { binaryCache, metricsApp } = await import("@tvix-ts/nar-bridge")
  const { accessLog, cacheMetrics, nodeCompressors, observers, serveCache } = await import("@tvix-ts/nar-bridge/node")
  const { decompress } = await import("@tvix-ts/store/node")
  const metrics = cacheMetrics(isLocal(store) ? () => sizesOf(store) : undefined)
  const log = settings.log ? accessLog(STDERR) : undefined
  const observer = log === undefined ? metrics.observer : observers(metrics.observer, log.observer)
  const { narSizeMax, uploadsMax, downloadsMax, downloadsPerClientMax, rate } = settings
  const { compression, priority, anonymousWrites, behindProxy } = settings
  const render = () => metrics.render()
  const ended = new AbortController()
  const app = binaryCache(store, {
    signal: ended.signal,
    keys,
    requiredKeys: requiredKeys.length === 0 ? undefined : requiredKeys,
    compression,
    priority,
    tokens,
    private: settings.private,
    anonymousWrites,
    uploads,
    compressors: nodeCompressors(),
    decompress,
    observer,
    metrics: metricsAddress === undefined ? render : undefined,
    limits: {
      ...(narSizeMax !== undefined && { narSizeMax }),
      ...(uploadsMax !== undefined && { uploadsMax }),
      ...(downloadsMax !== undefined && { downloadsMax }),
      ...(downloadsPerClientMax !== undefined && { downloadsPerClientMax }),
      ...(rate !== undefined && { requestsPerSecond: rate }),
    },
  })
  const servers: CacheServer[] = []
  try {
    if (metricsAddress !== undefined) servers.push(await serveCache(metricsApp(render), { address: metricsAddress }))
    for (const one of servers) session.note(`metrics are at ${cacheUrl(one.address)}/metrics`)
    const server = await serveCache(app, { address, observer, behindProxy })
    servers.push(server)
    // As Nix takes it. Whoever started us may wait for the line.
    writeOut(byteStringOf(`${cacheUrl(server.address)}\n`))
    for (const { publicKey } of keys) session.note(`signing as ${formatPublicKey(publicKey)}`)
    session.note(`serving ${storeAddress(settings)}; Ctrl-C ends it`)
    const { signal } = session
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener("abort", () => resolve(), { once: true })
    })
  } finally {
    await Promise.all(servers.map((one) => one.close(FAREWELL_MS)))
    ended.abort()
    log?.flush()
  }
}

/** Bytes that its files have, and that there is room for. To count chunks would keep everybody waiting. */
async function sizesOf({ dir }: LocalStore): Promise<Readonly<Record<string, number>>> {
  let bytes = 0
  for (const name of await readdir(dir, { recursive: true })) {
    // Packs come and go.
    const found = await stat(join(dir, name)).catch(() => undefined)
    if (found?.isFile() === true) bytes += found.size
  }
  const { bavail, bsize } = await statfs(dir)
  return { files: bytes, free: bavail * bsize }
}

function cacheUrl(address: string): string {
  return address.startsWith("unix:") ? address : `http://${address}`
}

function listenAddress(text: string): string {
  const [, host] = /^http:\/\/([^/]+)\/?$/.exec(text) ?? []
  const address = host ?? text
  const [, socket] = /^unix:(.*)$/s.exec(address) ?? []
  if (socket !== undefined) {
    if (existsSync(dirname(resolve(socket)))) return address
    throw new CastoreError({ code: "invalid", field: `'${text}'`, reason: "the folder of the socket is not there" })
  }
  if (!/^(?:\[[0-9A-Fa-f:.]+\]|[^:/[\]]+):[0-9]{1,5}$/.test(address)) {
    throw new UsageError(`'${text}' is no address: it looks like 127.0.0.1:8080, [::]:8080 or unix:/run/cache.sock`)
  }
  const port = address.slice(address.lastIndexOf(":") + 1)
  if (Number(port) > 65_535) throw new UsageError(`${port} is no port: the last is 65535`)
  return address
}

function parseKey(text: string): PublicKey {
  try {
    return parsePublicKey(text)
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    throw new UsageError(`--require-signatures takes a public key, NAME:BASE64: ${textOf(error.message)}`)
  }
}

function parseCompression(text: string): OwnCompression {
  if (text === "none" || text === "zstd" || text === "xz") return text
  throw new UsageError(`--compression takes none, zstd or xz, not '${text}'`)
}

function parseCount(option: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new UsageError(`${option} takes a number from 1 on, not '${text}'`)
  return Number(text)
}

export const command: Command = {
  usage: "tvix-store serve -l ADDR [OPTION...]",
  details: `Serves the store as a binary cache, which every Nix can read from and push to, until SIGINT or SIGTERM; requests that are
running then have ten seconds to end. Prints its address when it is ready. Standard error gets a line of JSON for each
request. There is no encryption: over the internet, put a proxy with TLS in front.

Anybody may read, unless --private; writing needs a token (tvix-store token create), which clients keep in netrc as the
password. Uploads are verified, and signed with the keys of --sign-with (tvix-store key generate); paths that are in the
store already are signed when they are asked for.

With --older-than or --max-size, what is used least goes now and then, and never what a root or pin keeps (tvix-store root).
tvix-store gc does the same once, while a server is serving.

Examples:
  tvix-store serve -l 127.0.0.1:8080 --sign-with cache.example.org-1.secret
  tvix-store --store 'cache(local:///srv/near,nix+https://cache.nixos.org)' serve -l 127.0.0.1:8080
  tvix-store serve -l 127.0.0.1:8080 --older-than 30d --max-size 50G
  nix copy --to http://127.0.0.1:8080 /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  nix path-info --store http://127.0.0.1:8080 -r /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello`,
  options: OPTIONS,
  operands: "none",
  run,
}
