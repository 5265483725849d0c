import { byteStringFrom, concat, equal, textOf } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions, type Contents, type Node } from "@tvix-ts/castore"
import {
  fingerprint,
  formatSignature,
  formatStorePath,
  parseNarInfo,
  storePathBase,
  verifySignature,
  type NarInfo,
  type PublicKey,
  type SecretKey,
  type StorePath,
} from "@tvix-ts/nix-compat"
import { signedBy, type Compression, type PathInfo, type Store } from "@tvix-ts/store"
import { checkContentAddress } from "./content-address.ts"
import type { CacheRequest } from "./http/exchange.ts"
import { parseOwnNarName } from "./nar-name.ts"
import { CacheError, refuse } from "./problem.ts"
import type { Decompress } from "./put-nar.ts"
import { isStored } from "./stored-node.ts"
import type { Uploads } from "./uploads.ts"

export interface PutNarInfoOptions {
  readonly store: Store
  readonly uploads: Uploads
  readonly decompress: Decompress | undefined
  /** Bytes. */
  readonly narInfoSizeMax: number
  /** What signs everything that is accepted. */
  readonly keys: readonly SecretKey[]
  /** Who must have signed what is no content address; `undefined` if nobody must. */
  readonly requiredKeys: readonly PublicKey[] | undefined
  /** Whose signatures are looked at, whether or not they are required. */
  readonly knownKeys: readonly PublicKey[]
}

/** Signatures that a path may have: readers look at no more, and all of them are sent to everybody. */
const SIGNATURES_MAX = 64
/** Look-ups of references at once. */
const AT_ONCE = 32

/**
 * Takes in what is said of a store path whose NAR was uploaded before, once all of it has turned out to be true. Durable when it
 * resolves.
 *
 * @param digest the 32 digits in the address
 * @throws {CacheError} {NarInfoError} {CastoreError}
 */
export async function putNarInfo(digest: string, request: CacheRequest, options: PutNarInfoOptions): Promise<PathInfo> {
  const { store } = options
  const { signal } = request
  const info = parseNarInfo(byteStringFrom(await readAll(request, options)))
  const { storePath, narHash, narSize, references, signatures } = info
  if (storePath.digest !== digest) {
    refuse({ code: "malformed", part: "StorePath", reason: `it is not that of ${digest}.narinfo` })
  }
  if (signatures.length > SIGNATURES_MAX) {
    refuse({ code: "malformed", part: "Sig", reason: `a path may have ${SIGNATURES_MAX} signatures` })
  }
  const stored = await store.pathInfos.get(digest, { signal })
  if (stored !== undefined) checkAgainst(stored, info)
  const node = await nodeOf(info, stored, options, { signal })
  await requireReferences(info, store, { signal })
  // Nothing that is signed covers them: whoever leaves them out says nothing about them.
  const deriver = info.deriver ?? stored?.deriver
  const contentAddress = info.contentAddress ?? stored?.contentAddress
  const pathInfo: PathInfo = {
    storePath,
    node,
    references,
    narSize,
    narHash,
    signatures,
    ...(deriver !== undefined && { deriver }),
    ...(contentAddress !== undefined && { contentAddress }),
  }
  if (info.contentAddress !== undefined) await checkContentAddress(pathInfo, info.contentAddress, store, { signal })
  await checkSignatures(info, options)
  const requires = othersOf(info)
  try {
    return await store.pathInfos.put(
      { ...pathInfo, signatures: await signedBy(options.keys, pathInfo) },
      { signal, requires },
    )
  } catch (error) {
    // One of them was collected just now.
    if (error instanceof CastoreError && error.problem.code === "missing") refuseMissing(error.problem.what)
    throw error
  }
}

/** @throws {CacheError} */
async function readAll(request: CacheRequest, options: PutNarInfoOptions): Promise<Uint8Array> {
  const { narInfoSizeMax: sizeMax } = options
  const body = bounded(request.body(), sizeMax)
  const encoding = (request.header("content-encoding") ?? "identity").toLowerCase()
  if (encoding === "identity") return gather(body)
  const kind = Object.hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding] : undefined
  const { decompress } = options
  if (kind === undefined || decompress === undefined) {
    return refuse({ code: "unsupported", part: "Content-Encoding", reason: `'${textOf(encoding)}' is unknown here` })
  }
  try {
    return await gather(bounded(decompress(body, kind), sizeMax))
  } catch (cause) {
    if (cause instanceof CacheError) throw cause
    throw new CacheError({ code: "malformed", part: "the body", reason: `damaged ${kind} data` }, { cause })
  }
}

/** As C++ Nix calls them, for which they are kinds of compression, and as HTTP does. */
const ENCODINGS: Readonly<Record<string, Compression>> = {
  gzip: "gzip",
  br: "br",
  zstd: "zstd",
  xz: "xz",
  bzip2: "bzip2",
}

async function* bounded(contents: Contents, sizeMax: number): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  for await (const piece of contents) {
    size += piece.length
    if (size > sizeMax) refuse({ code: "too-large", part: "the narinfo", sizeMax })
    yield piece
  }
}

async function gather(contents: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of contents) pieces.push(piece.slice())
  return concat(pieces)
}

/** Whoever was first is right: readers may have fetched it already, and signatures that are here are of what is here. */
function checkAgainst(stored: PathInfo, info: NarInfo): void {
  const { storePath, narHash, narSize } = info
  const path = formatStorePath(storePath)
  const differs = (reason: string): never => refuse({ code: "conflict", reason: `${path} is here with ${reason}` })
  if (stored.storePath.name !== storePath.name) differs(`another name: ${stored.storePath.name}`)
  if (!equal(stored.narHash, narHash)) differs("another NAR")
  if (stored.narSize !== narSize) differs(`a NAR of ${stored.narSize} bytes`)
  if (fingerprint(stored) !== fingerprint(info)) differs("other references")
  const signatures = new Set([...stored.signatures, ...info.signatures].map(formatSignature))
  if (signatures.size > SIGNATURES_MAX) differs(`as many signatures as it may have, which is ${SIGNATURES_MAX}`)
}

/** The tree of the NAR that the narinfo speaks of. */
async function nodeOf(
  { url, narHash, narSize, fileHash, fileSize }: NarInfo,
  stored: PathInfo | undefined,
  { store, uploads }: PutNarInfoOptions,
  options: CallOptions,
): Promise<Node> {
  const [, name = ""] = /^nar\/([^/?#]+)$/.exec(url) ?? []
  if (name === "") refuse({ code: "malformed", part: "URL", reason: "it is not that of a NAR: nar/…" })
  const own = parseOwnNarName(name)
  const upload = await uploads.get(name)
  if (upload === undefined) {
    // Somebody adds signatures to what we gave out.
    if (stored !== undefined && own !== undefined && equal(own.narHash, stored.narHash)) return stored.node
    return refuse({
      code: "conflict",
      reason: `${url} was not uploaded, or too long ago: send it again, then the narinfo`,
    })
  }
  const differs = (part: string, there: string): never =>
    refuse({ code: "malformed", part, reason: `it is not that of ${url}, which is ${there}` })
  if (narSize !== upload.narSize) differs("NarSize", String(upload.narSize))
  if (!equal(narHash, upload.narHash)) differs("NarHash", "another")
  if (fileSize !== undefined && fileSize !== upload.fileSize) differs("FileSize", String(upload.fileSize))
  if (fileHash !== undefined && !equal(fileHash, upload.fileHash)) differs("FileHash", "another")
  if (!(await isStored(upload.node, store, options))) {
    refuse({ code: "conflict", reason: `${url} was uploaded too long ago: send it again, then the narinfo` })
  }
  return upload.node
}

function othersOf({ storePath, references }: NarInfo): readonly StorePath[] {
  return references.filter((path) => storePathBase(path) !== storePathBase(storePath))
}

function refuseMissing(path: string): never {
  refuse({ code: "conflict", reason: `the reference ${path} is not here: send it first` })
}

/** @throws {CacheError} `conflict` */
async function requireReferences(info: NarInfo, store: Store, options: CallOptions): Promise<void> {
  const others = othersOf(info)
  for (let at = 0; at < others.length; at += AT_ONCE) {
    const some = others.slice(at, at + AT_ONCE)
    // oxlint-disable-next-line no-await-in-loop -- so many at once, and no more
    const found = await Promise.all(some.map(({ digest }) => store.pathInfos.describe(digest, options)))
    for (const [i, path] of some.entries()) {
      if (found[i]?.storePath.name === path.name) continue
      refuseMissing(formatStorePath(path))
    }
  }
}

/** @throws {CacheError} `malformed` for a false signature, `forbidden` for none where one is required */
async function checkSignatures(info: NarInfo, { requiredKeys, knownKeys }: PutNarInfoOptions): Promise<void> {
  const text = fingerprint(info)
  const known = new Set([...knownKeys, ...(requiredKeys ?? [])])
  for (const signature of info.signatures) {
    const keys = [...known].filter(({ name }) => name === signature.name)
    // oxlint-disable-next-line no-await-in-loop -- of keys that we know there are few
    if (keys.length > 0 && !(await verifySignature(text, signature, keys))) {
      refuse({ code: "malformed", part: "Sig", reason: `the signature of ${textOf(signature.name)} is false` })
    }
  }
  // What its path says itself needs nobody to vouch for it.
  if (requiredKeys === undefined || info.contentAddress !== undefined) return
  if (info.signatures.some(({ name }) => requiredKeys.some((key) => key.name === name))) return
  const names = requiredKeys.map(({ name }) => name).join(", ")
  refuse({ code: "forbidden", reason: `${formatStorePath(info.storePath)} has no signature by ${names}` })
}
