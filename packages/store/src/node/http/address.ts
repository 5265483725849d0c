/** Addresses of binary caches: `nix+https://HOST/PATH?NAME=VALUE&…`. */
import { fileURLToPath } from "node:url"
import { CastoreError } from "@tvix-ts/castore"
import { KeyError, parsePublicKey, type PublicKey } from "@tvix-ts/nix-compat"
import type { Trust } from "../../http/binary-cache.ts"
import { LEVELS, type UploadCompression } from "../../http/upload.ts"
import type { OtherHosts } from "./settings.ts"

export interface CacheAddress {
  /** Of a folder: it ends in a slash. `http:`, `https:` or `file:`. */
  readonly url: URL
  readonly options: CacheOptions
}

interface CacheOptions {
  trust: Trust
  /** Of several caches, the one with the lowest is asked first. */
  priority: number | undefined
  readOnly: boolean
  compression: UploadCompression
  level: number | undefined
  absentMs: number
  connectionsMax: number | undefined
  attemptsMax: number | undefined
  stalledTimeoutMs: number | undefined
  tokenFile: string | undefined
  tokenVariable: string | undefined
  netrcFile: string | undefined
  caFile: string | undefined
  otherHosts: OtherHosts | undefined
}

interface CacheOption {
  /** For the help. */
  readonly value: string
  readonly summary: string
  /** @throws {BadValue} */
  set(to: CacheOptions, value: string): void
}

/** What is wrong with a value; the value itself is not said again. */
class BadValue extends Error {}

/** All that may stand behind the question mark. */
export const CACHE_OPTIONS: Readonly<Record<string, CacheOption>> = {
  "trusted-public-keys": {
    value: "NAME:KEY …",
    summary: "whose signatures count, with blanks (%20) between them; without, nothing is read",
    set: (to, value) => void (to.trust = keysOf(value)),
  },
  "require-signatures": {
    value: "false",
    summary: "believe whoever answers",
    set: (to, value) => void (to.trust = isTrue(value) ? to.trust : "everybody"),
  },
  priority: {
    value: "NUMBER",
    summary: "of several caches, the one with the lowest is asked first; without, the cache says it",
    set: (to, value) => void (to.priority = number(value, 0, 1e9)),
  },
  "read-only": {
    value: "true",
    summary: "what is put into cache(NEAR,…) stays in NEAR",
    set: (to, value) => void (to.readOnly = isTrue(value)),
  },
  compression: {
    value: "zstd",
    summary: "of archives that are put: none, zstd, xz, br or gzip",
    set(to, value) {
      if (!isUploadCompression(value)) throw new BadValue("is none of none, zstd, xz, br and gzip")
      to.compression = value
    },
  },
  "compression-level": {
    value: "NUMBER",
    summary: "how hard to try",
    set: (to, value) => void (to.level = number(value, 0, 22)),
  },
  "negative-ttl": {
    value: "60",
    summary: "seconds for which it is remembered that a path is not there",
    set: (to, value) => void (to.absentMs = number(value, 0, 1e7) * 1000),
  },
  connections: {
    value: "64",
    summary: "at a time",
    set: (to, value) => void (to.connectionsMax = number(value, 1, 1000)),
  },
  attempts: {
    value: "5",
    summary: "of each request, if the server cannot be reached or has too much to do",
    set: (to, value) => void (to.attemptsMax = number(value, 1, 100)),
  },
  timeout: {
    value: "60",
    summary: "seconds after which a server that sends nothing is not waited for",
    set: (to, value) => void (to.stalledTimeoutMs = number(value, 1, 86_400) * 1000),
  },
  "token-file": {
    value: "FILE",
    summary: "where the token is that the server wants",
    set: (to, value) => void (to.tokenFile = nonEmpty(value)),
  },
  "token-env": {
    value: "NAME",
    summary: "the environment variable where it is",
    set: (to, value) => void (to.tokenVariable = nonEmpty(value)),
  },
  "netrc-file": {
    value: "FILE",
    summary: "names and passwords by host, in place of $NETRC and ~/.netrc",
    set: (to, value) => void (to.netrcFile = nonEmpty(value)),
  },
  "ca-file": {
    value: "FILE",
    summary: "certificates of authorities that are believed",
    set: (to, value) => void (to.caFile = nonEmpty(value)),
  },
  "other-hosts": {
    value: "any",
    summary: "where the cache may send us for archives, besides itself: any, https or none",
    set(to, value) {
      if (value !== "any" && value !== "https" && value !== "none") throw new BadValue("is none of any, https and none")
      to.otherHosts = value
    },
  },
}

/** @throws {CastoreError} `invalid`; passwords that should not be there are not in the message */
export function parseCacheAddress(address: string): CacheAddress {
  const { href, query } = partsOf(address)
  const shown = `store address '${href.replace(/(\/\/)[^/]*@/, "$1…@")}'`
  const wrong = (reason: string, cause?: unknown): never => {
    throw new CastoreError({ code: "invalid", field: shown, reason }, { cause })
  }
  const url = URL.parse(href.slice("nix+".length))
  if (url === null) return wrong("it is not well-formed")
  if (url.username !== "" || url.password !== "") {
    wrong("names and passwords belong in ~/.netrc, or a token in ?token-file=FILE, not in an address")
  }
  if (url.hash !== "") wrong(`'${url.hash}' has no meaning in it`)
  if (url.protocol === "file:") {
    if (url.hostname !== "" || url.pathname === "/") wrong("it names no folder")
    try {
      fileURLToPath(url)
    } catch (cause) {
      wrong(cause instanceof Error ? cause.message : "its path is not well-formed", cause)
    }
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/"
  const options: CacheOptions = {
    trust: undefined,
    priority: undefined,
    readOnly: false,
    compression: "zstd",
    level: undefined,
    absentMs: 60_000,
    connectionsMax: undefined,
    attemptsMax: undefined,
    stalledTimeoutMs: undefined,
    tokenFile: undefined,
    tokenVariable: undefined,
    netrcFile: undefined,
    caFile: undefined,
    otherHosts: undefined,
  }
  for (const [name, value] of parametersOf(query, wrong)) {
    const option = Object.hasOwn(CACHE_OPTIONS, name) ? CACHE_OPTIONS[name] : undefined
    if (option === undefined) {
      return wrong(`'${name}' is no option of it; there are ${Object.keys(CACHE_OPTIONS).join(", ")}`)
    }
    try {
      option.set(options, value)
    } catch (error) {
      if (!(error instanceof BadValue)) throw error
      wrong(`the value of '${name}' ${error.message}`)
    }
  }
  const { compression, level } = options
  const { from, to } = LEVELS[compression]
  if (level !== undefined && (level < from || level > to)) {
    wrong(`'compression-level' of ${compression} is from ${from} to ${to}`)
  }
  return { url, options }
}

function partsOf(address: string): { readonly href: string; readonly query: string } {
  const question = address.indexOf("?")
  return question < 0
    ? { href: address, query: "" }
    : { href: address.slice(0, question), query: address.slice(question + 1) }
}

/** A plus stands for itself: there are some in most keys. */
function* parametersOf(query: string, wrong: (reason: string) => never): Generator<readonly [string, string]> {
  const seen = new Set<string>()
  for (const parameter of query.split("&")) {
    if (parameter === "") continue
    const equals = parameter.indexOf("=")
    const name = decoded(equals < 0 ? parameter : parameter.slice(0, equals)) ?? wrong("a '%' is wrong in it")
    if (equals < 0) wrong(`'${name}' has no value`)
    if (seen.has(name)) wrong(`'${name}' is there twice`)
    seen.add(name)
    yield [name, decoded(parameter.slice(equals + 1)) ?? wrong(`a '%' is wrong in the value of '${name}'`)]
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function keysOf(value: string): readonly PublicKey[] {
  const keys = value.split(/\s+/).filter((word) => word !== "")
  if (keys.length === 0) throw new BadValue("has no key in it")
  try {
    return keys.map(parsePublicKey)
  } catch (error) {
    if (error instanceof KeyError) throw new BadValue(`is wrong: ${error.message}`)
    throw error
  }
}

function isTrue(value: string): boolean {
  if (value === "true" || value === "1") return true
  if (value === "false" || value === "0") return false
  throw new BadValue("is neither true nor false")
}

function number(value: string, from: number, to: number): number {
  const parsed = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (!(parsed >= from && parsed <= to)) throw new BadValue(`is no whole number from ${from} to ${to}`)
  return parsed
}

function nonEmpty(value: string): string {
  if (value === "") throw new BadValue("is empty")
  return value
}

function isUploadCompression(name: string): name is UploadCompression {
  return Object.hasOwn(LEVELS, name)
}
