/** A web server on this machine for tests of binary caches: it serves what is put into it, and misbehaves where it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { bytesOf, concat, encodeHex } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import { formatNarInfo, type NarInfo, type SecretKey, fingerprint } from "@tvix-ts/nix-compat"
import { storeTree, type StoreTreeOptions } from "../../../import.ts"
import type { PathInfo } from "../../../path-info/path-info.ts"
import { memoryStore, type Store } from "../../../store.ts"
import { narOf, produce, type Tree } from "../../../testing/trees.ts"

/** Answers in place of the file; `nth` counts the requests for one path from 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => void

export interface CacheServer {
  /** `nix+http://127.0.0.1:PORT` */
  readonly address: string
  readonly url: string
  /** By path, with the slash: what is there, and how it misbehaves. */
  readonly files: Map<string, Uint8Array>
  readonly answers: Map<string, Answer>
  /** `GET /path`, in order. */
  readonly asked: string[]
  readonly requests: IncomingMessage[]
  close(): Promise<void>
}

export async function cacheServer(): Promise<CacheServer> {
  const files = new Map<string, Uint8Array>([["/nix-cache-info", bytesOf("StoreDir: /nix/store\nPriority: 30\n")]])
  const answers = new Map<string, Answer>()
  const asked: string[] = []
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    const path = request.url!
    const line = `${request.method} ${path}`
    asked.push(line)
    requests.push(request)
    const answer = answers.get(path)
    if (answer === undefined) serveFile(files, request, response)
    else answer(request, response, asked.filter((one) => one === line).length)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `nix+http://127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    files,
    answers,
    asked,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** As a web server does it: ranges, tags, `HEAD`, `PUT`. */
export function serveFile(files: Map<string, Uint8Array>, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url!
  if (request.method === "PUT") {
    const pieces: Uint8Array[] = []
    request.on("data", (piece: Uint8Array) => pieces.push(piece))
    request.on("end", () => {
      files.set(path, concat(pieces))
      response.writeHead(201).end()
    })
    return
  }
  const bytes = files.get(path)
  if (bytes === undefined) {
    response.writeHead(404, { "content-length": 3 }).end("no\n")
    return
  }
  const etag = tagOf(bytes)
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? []
  const isSame = (request.headers["if-range"] ?? etag) === etag
  const at = from !== undefined && isSame ? Number(from) : 0
  response.writeHead(at > 0 ? 206 : 200, {
    etag,
    "content-length": bytes.length - at,
    ...(at > 0 && { "content-range": `bytes ${at}-${bytes.length - 1}/${bytes.length}` }),
  })
  response.end(request.method === "HEAD" ? undefined : bytes.subarray(at))
}

export function tagOf(bytes: Uint8Array): string {
  return `"${encodeHex(hash("sha256", bytes)).slice(0, 16)}"`
}

export interface Published {
  readonly pathInfo: PathInfo
  readonly narInfo: NarInfo
  readonly nar: Uint8Array
  /** Where they are: `/….narinfo`, `/nar/….nar`. */
  readonly infoPath: string
  readonly narPath: string
}

/** Puts a tree into a cache, as somebody else would. */
export async function publish(
  files: Map<string, Uint8Array>,
  tree: Tree,
  name: string,
  options: {
    readonly key?: SecretKey | undefined
    readonly compression?: string
    readonly compress?: (nar: Uint8Array) => Uint8Array
    readonly references?: PathInfo["references"]
    /** Whether the path follows from the contents, and says so. */
    readonly contentAddressed?: boolean
    readonly change?: (narInfo: NarInfo) => NarInfo
    readonly store?: Store
  } & Partial<StoreTreeOptions> = {},
): Promise<Published> {
  const { key, compression = "none", compress = (nar) => nar, references, contentAddressed = false } = options
  const { contentAddress, ...stored } = await storeTree((sink) => produce(tree, sink), options.store ?? memoryStore(), {
    name,
  })
  const nar = await narOf(tree)
  const file = compress(nar)
  const pathInfo: PathInfo = {
    ...stored,
    ...(contentAddressed && contentAddress !== undefined && { contentAddress }),
    ...(references !== undefined && { references }),
    signatures: [],
  }
  const signatures = key === undefined ? [] : [await key.sign(fingerprint(pathInfo))]
  const { node: _, ...description } = { ...pathInfo, signatures }
  const fileHash = hash("sha256", file)
  const url = `nar/${pathInfo.storePath.digest}.nar`
  const narInfo: NarInfo = { ...description, url, compression, fileHash, fileSize: file.length }
  const infoPath = `/${pathInfo.storePath.digest}.narinfo`
  files.set(infoPath, bytesOf(formatNarInfo(options.change?.(narInfo) ?? narInfo)))
  files.set(`/${url}`, file)
  return { pathInfo: { ...pathInfo, signatures }, narInfo, nar, infoPath, narPath: `/${url}` }
}
