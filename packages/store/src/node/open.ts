import { fileURLToPath } from "node:url"
import { CastoreError } from "@tvix-ts/castore"
import { closeAll } from "../close-all.ts"
import { firstOf } from "../http/first-of.ts"
import { cacheStore, memoryStore, type Store } from "../store.ts"
import { innerAddresses, isWhole, lackingIn, openParts, PARTS_FORM, type Pieces } from "./parts.ts"
import { openPostgres } from "./postgres.ts"
import { openS3Store } from "./s3.ts"
import { openLocalStore } from "./local/store.ts"
import { openGrpcStore } from "./grpc.ts"

interface Scheme {
  /** How an address looks, for people. */
  readonly form: string
  /** @param near in front of which `cache(…)` puts it: whoever has no castore uses that one's */
  open(address: string, near?: Store): Pieces | Promise<Pieces>
}

/** One row for each kind of address; what stands before the colon leads to it. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  memory: {
    form: "memory:",
    open(address) {
      if (!/^memory:(\/\/)?$/.test(address)) wrong(address, "there is nothing after 'memory:'")
      return memoryStore()
    },
  },
  local: {
    form: "local:///DIR",
    open: (address) => openLocalStore(localDirectory(address)),
  },
  "grpc+http": {
    form: "grpc+http://HOST:PORT",
    open: (address) => openGrpcStore(grpcTarget(address)),
  },
  "grpc+unix": {
    form: "grpc+unix:///SOCKET",
    open: (address) => openGrpcStore(grpcTarget(address)),
  },
  "nix+https": { form: "nix+https://HOST[/PATH][?OPTIONS]", open: openCache },
  "nix+http": { form: "nix+http://HOST[/PATH][?OPTIONS]", open: openCache },
  "nix+file": { form: "nix+file:///DIR[?OPTIONS]", open: openCache },
  s3: {
    form: "s3://BUCKET[/PREFIX][?OPTIONS]",
    open(address) {
      const url = parse(address)
      nothingElse(url, address, "hostname", "pathname", "search")
      return openS3Store(url, (reason) => wrong(address, reason))
    },
  },
  postgres: {
    form: "postgres://USER@HOST/DATABASE[?OPTIONS]",
    open(address) {
      const url = parse(address)
      nothingElse(url, address, "username", "hostname", "port", "pathname", "search")
      return openPostgres(url, (reason) => wrong(address, reason))
    },
  },
}

/** Loaded when there is one: it brings HTTP and TLS. */
async function openCache(address: string, near: Store | undefined): Promise<Store> {
  const { openBinaryCache } = await import("./http/open.ts")
  return openBinaryCache(address, near)
}

/**
 * Opens the store at an address:
 *
 *     memory:                  empty, and gone with the process
 *     local:///DIR, or a path  in a folder
 *     grpc+http://HOST:PORT    of a server
 *     grpc+unix:///SOCKET      of a server on this machine
 *     nix+https://HOST/PATH    of a binary cache, with the options of `CACHE_OPTIONS`; nix+http://, nix+file:///DIR
 *     s3://BUCKET/PREFIX       in a bucket: s3/address.ts
 *     postgres://HOST/DATABASE directories and path infos, for `parts`: postgres/address.ts
 *     cache(NEAR,FAR)          two addresses: what is read from the second is kept in the first; there may be several FAR,
 *                              binary caches that are asked in the order of their priorities
 *     parts(blobs=A,directories=B,pathinfos=C)
 *                              of each of these addresses that part
 *
 * @throws {CastoreError} `invalid` for what is no address, with what is wrong with it
 */
export function openStore(address: string): Promise<Store> {
  return open(address, undefined)
}

async function open(address: string, before: Store | undefined): Promise<Store> {
  const pieces = await openPieces(address, before)
  if (isWhole(pieces)) return pieces
  await pieces.close()
  return wrong(address, `there are no ${lackingIn(pieces)} in it; '${PARTS_FORM}' puts a store together`)
}

async function openPieces(address: string, before: Store | undefined): Promise<Pieces> {
  const text = address.trim()
  if (text === "") wrong(address, "it is empty")
  if (text.startsWith("cache(")) {
    const [near, far, ...more] = innerAddresses(text, (reason) => wrong(address, reason))
    if (near === undefined || far === undefined || (more.length > 0 && ![far, ...more].every(isCacheAddress))) {
      return wrong(address, "'cache' takes two addresses, and a comma between them; more if they are of binary caches")
    }
    const opened: Store[] = []
    try {
      const nearStore = await open(near, undefined)
      opened.push(nearStore)
      // oxlint-disable-next-line no-await-in-loop -- whatever fails, those before it are closed
      for (const one of [far, ...more]) opened.push(await open(one, nearStore))
      const [first, ...others] = opened.slice(1)
      return cacheStore(nearStore, others.length === 0 ? first! : firstOf([first!, ...others]))
    } catch (error) {
      await closeAll(...opened)
      throw error
    }
  }
  if (text.startsWith("parts(")) {
    return openParts(
      text,
      (inner) => openPieces(inner, undefined),
      (reason) => wrong(address, reason),
    )
  }
  const name = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]
  // One letter is a drive of Windows.
  if (name === undefined || name.length === 1) return openLocalStore(text)
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined
  if (scheme === undefined) {
    const known = [...Object.values(SCHEMES).map(({ form }) => form), "cache(NEAR,FAR)", PARTS_FORM, "a path"].join(
      ", ",
    )
    return wrong(address, `'${name}:' is unknown; known are ${known}`)
  }
  return scheme.open(text, before)
}

function isCacheAddress(address: string): boolean {
  return /^\s*nix\+(?:https?|file):/.test(address)
}

/**
 * What gRPC takes for the address of a server: `host:port` or `unix:/path`.
 *
 * @param address `grpc+http://HOST:PORT` or `grpc+unix:///SOCKET`
 * @throws {CastoreError} `invalid`
 */
export function grpcTarget(address: string): string {
  const url = parse(address)
  if (url.protocol === "grpc+http:") {
    if (url.hostname === "") wrong(address, "it names no host")
    if (url.port === "") wrong(address, "it names no port")
    nothingElse(url, address, "hostname", "port")
    return `${url.hostname}:${url.port}`
  }
  if (url.protocol !== "grpc+unix:") wrong(address, "it is no server's: grpc+http://HOST:PORT, or grpc+unix:///SOCKET")
  nothingElse(url, address, "pathname")
  if (url.pathname.length < 2) wrong(address, "it names no socket")
  return `unix:${decodePath(url.pathname, address)}`
}

function localDirectory(address: string): string {
  const url = parse(address)
  nothingElse(url, address, "pathname")
  // `local:some/dir` has no authority: what follows is a path, relative or not.
  const path = address.startsWith("local://") ? decodePath(url.pathname, address) : address.slice("local:".length)
  if (path === "" || path === "/") wrong(address, "it names no folder")
  return path
}

function decodePath(pathname: string, address: string): string {
  try {
    return fileURLToPath(`file://${pathname}`)
  } catch (cause) {
    return wrong(address, cause instanceof Error ? cause.message : "its path is not well-formed", cause)
  }
}

function parse(address: string): URL {
  if (!URL.canParse(address)) wrong(address, "it is not well-formed")
  return new URL(address)
}

const URL_PARTS = ["password", "username", "hostname", "port", "pathname", "search", "hash"] as const
type UrlPart = (typeof URL_PARTS)[number]

/** What would have no effect is a mistake. */
function nothingElse(url: URL, address: string, ...parts: readonly UrlPart[]): void {
  for (const part of URL_PARTS) {
    const value = part === "pathname" && url.pathname === "/" ? "" : url[part]
    if (part === "password" && value !== "") wrong(address, "a password has no place in it: others can read it")
    if (value !== "" && !parts.includes(part)) wrong(address, `'${value}' has no meaning in it`)
  }
}

function wrong(address: string, reason: string, cause?: unknown): never {
  throw new CastoreError({ code: "invalid", field: `store address '${withoutSecrets(address)}'`, reason }, { cause })
}

/** What people put into addresses though it should not be there is not repeated. */
function withoutSecrets(address: string): string {
  return address
    .replaceAll(/(\/\/[^/?#@(),:]*):[^/?#@(),]*@/g, "$1:…@")
    .replaceAll(/([?&][^=&(),]*(?:password|secret|token)[^=&(),]*)=[^&(),]*/gi, "$1=…")
}
