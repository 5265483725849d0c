import { fileURLToPath } from "node:url"
import { CastoreError } from "@tvix-ts/castore"
import { cacheStore, memoryStore, type Store } from "../store.ts"
import { openLocalStore } from "./local/store.ts"
import { openGrpcStore } from "./grpc.ts"

interface Scheme {
  /** How an address looks, for people. */
  readonly form: string
  open(address: string): Store | Promise<Store>
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
    open(address) {
      const url = parse(address)
      if (url.hostname === "") wrong(address, "it names no host")
      if (url.port === "") wrong(address, "it names no port")
      nothingElse(url, address, "hostname", "port")
      return openGrpcStore(`${url.hostname}:${url.port}`)
    },
  },
  "grpc+unix": {
    form: "grpc+unix:///SOCKET",
    open(address) {
      const url = parse(address)
      nothingElse(url, address, "pathname")
      if (url.pathname.length < 2) wrong(address, "it names no socket")
      return openGrpcStore(`unix:${decodePath(url.pathname, address)}`)
    },
  },
}

/**
 * Opens the store at an address:
 *
 *     memory:                  empty, and gone with the process
 *     local:///DIR, or a path  in a folder
 *     grpc+http://HOST:PORT    of a server
 *     grpc+unix:///SOCKET      of a server on this machine
 *     cache(NEAR,FAR)          two addresses: what is read from the second is kept in the first
 *
 * @throws {CastoreError} `invalid` for what is no address, with what is wrong with it
 */
export async function openStore(address: string): Promise<Store> {
  const text = address.trim()
  if (text === "") wrong(address, "it is empty")
  if (text.startsWith("cache(")) {
    const [near, far] = cacheParts(text)
    const nearStore = await openStore(near)
    try {
      return cacheStore(nearStore, await openStore(far))
    } catch (error) {
      await nearStore.close()
      throw error
    }
  }
  const name = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]
  // One letter is a drive of Windows.
  if (name === undefined || name.length === 1) return openLocalStore(text)
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined
  if (scheme === undefined) {
    const known = [...Object.values(SCHEMES).map(({ form }) => form), "cache(NEAR,FAR)", "a path"].join(", ")
    return wrong(address, `'${name}:' is unknown; known are ${known}`)
  }
  return scheme.open(text)
}

/** The two addresses between the parentheses. */
function cacheParts(address: string): [near: string, far: string] {
  if (!address.endsWith(")")) wrong(address, "its parenthesis is not closed")
  const inner = address.slice("cache(".length, -1)
  const commas: number[] = []
  let depth = 0
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === "(") depth++
    else if (inner[i] === ")" && --depth < 0) wrong(address, "a parenthesis is closed that was not opened")
    else if (inner[i] === "," && depth === 0) commas.push(i)
  }
  if (depth > 0) wrong(address, "a parenthesis is not closed")
  if (commas.length !== 1) wrong(address, "'cache' takes two addresses, and a comma between them")
  return [inner.slice(0, commas[0]), inner.slice(commas[0]! + 1)]
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

const PARTS = ["username", "password", "hostname", "port", "pathname", "search", "hash"] as const
type Part = (typeof PARTS)[number]

/** What would have no effect is a mistake. */
function nothingElse(url: URL, address: string, ...parts: readonly Part[]): void {
  for (const part of PARTS) {
    const value = part === "pathname" && url.pathname === "/" ? "" : url[part]
    if (value !== "" && !parts.includes(part)) wrong(address, `'${value}' has no meaning in it`)
  }
}

function wrong(address: string, reason: string, cause?: unknown): never {
  throw new CastoreError({ code: "invalid", field: `store address '${address}'`, reason }, { cause })
}
