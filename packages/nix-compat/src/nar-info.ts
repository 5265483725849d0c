/**
 * The `.narinfo` files of binary caches: lines of a field, a colon, a blank and a value (libstore/nar-info.cc).
 *
 *     StorePath: /nix/store/…-hello-2.12
 *     URL: nar/….nar.xz
 *     Compression: xz
 *     FileHash: sha256:…
 *     FileSize: 50088
 *     NarHash: sha256:…
 *     NarSize: 226560
 *     References: …-glibc-2.40 …-hello-2.12
 *     Deriver: …-hello-2.12.drv
 *     Sig: cache.example.org-1:…
 *     CA: fixed:r:sha256:…
 */
import { formatPrefixedHash, HashError, parsePrefixedHash } from "@tvix-ts/hash"
import { formatContentAddress, parseContentAddress, type ContentAddress } from "./content-address.ts"
import { ContentAddressError, StorePathError } from "./problem.ts"
import { formatSignature, KeyError, parseSignature, type Signature } from "./signature.ts"
import {
  formatStorePath,
  parseStorePath,
  parseStorePathBase,
  STORE_DIR,
  storePathBase,
  type StorePath,
} from "./store-path.ts"

/** What a binary cache says of a store path. Hashes are the 32 bytes of a SHA-256, sizes are bytes. */
export interface NarInfo {
  readonly storePath: StorePath
  /** Where the file is, relative to the cache. A byte string, as is {@link compression}. */
  readonly url: string
  /** `none`, `xz`, `zstd` …; whether it is one we know is the reader's question. */
  readonly compression: string
  /** Of the file, compressed. */
  readonly fileHash?: Uint8Array
  readonly fileSize?: number
  /** Of the archive. */
  readonly narHash: Uint8Array
  readonly narSize: number
  /** Each once, sorted by their base names. */
  readonly references: readonly StorePath[]
  readonly deriver?: StorePath
  readonly signatures: readonly Signature[]
  readonly contentAddress?: ContentAddress
}

/** What can be wrong with a narinfo. `line` counts from 1. */
export type NarInfoProblem =
  | { readonly code: "too-large"; readonly length: number; readonly lengthMax: number }
  /** A line without the colon and blank, or without its line feed. */
  | { readonly code: "line"; readonly line: number; readonly expected: ": " | "\n" }
  | { readonly code: "duplicate"; readonly line: number; readonly field: string }
  | { readonly code: "value"; readonly line: number; readonly field: string; readonly reason: string }
  | { readonly code: "missing"; readonly field: string }
  /** Writing: a value that a reader would not understand. */
  | { readonly code: "unwritable"; readonly field: string }

export class NarInfoError extends Error {
  override readonly name = "NarInfoError"
  readonly problem: NarInfoProblem
  constructor(problem: NarInfoProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

function describe(problem: NarInfoProblem): string {
  switch (problem.code) {
    case "too-large":
      return `a narinfo of ${problem.length} bytes, more than ${problem.lengthMax}`
    case "line":
      return `narinfo line ${problem.line}: expected ${JSON.stringify(problem.expected)}`
    case "duplicate":
      return `narinfo line ${problem.line}: ${problem.field} again`
    case "value":
      return `narinfo line ${problem.line}: ${problem.field}: ${problem.reason}`
    case "missing":
      return `the narinfo has no ${problem.field}`
    case "unwritable":
      return `${problem.field} is empty, or has a line feed in it`
  }
}

/** Bytes: room for 100,000 references. */
const LENGTH_MAX = 8 * 2 ** 20
/** What a narinfo without `Compression` means. */
const OLD_COMPRESSION = "bzip2"

type Fields = { -readonly [Field in keyof NarInfo]?: NarInfo[Field] } & { signatures?: Signature[] }

/** Each field and how its value is read. Fields that are not here are passed over, as C++ Nix does. */
const READERS: Readonly<Record<string, (value: string, fields: Fields, storeDir: string) => void>> = {
  StorePath: (value, fields, storeDir) => void (fields.storePath = parseStorePath(value, storeDir)),
  URL: (value, fields) => void (fields.url = value),
  Compression: (value, fields) => void (fields.compression = value),
  FileHash: (value, fields) => void (fields.fileHash = parseSha256(value)),
  FileSize: (value, fields) => void (fields.fileSize = parseSize(value)),
  NarHash: (value, fields) => void (fields.narHash = parseSha256(value)),
  NarSize: (value, fields) => void (fields.narSize = parseSize(value)),
  References: (value, fields) => void (fields.references = parseReferences(value)),
  Deriver(value, fields) {
    if (value !== "unknown-deriver") fields.deriver = parseStorePathBase(value)
  },
  Sig: (value, fields) => void (fields.signatures ??= []).push(parseSignature(value)),
  CA(value, fields) {
    if (value !== "") fields.contentAddress = parseContentAddress(value)
  },
}

/**
 * @param text a byte string
 * @throws {NarInfoError}
 */
export function parseNarInfo(text: string, storeDir: string = STORE_DIR): NarInfo {
  if (text.length > LENGTH_MAX) {
    throw new NarInfoError({ code: "too-large", length: text.length, lengthMax: LENGTH_MAX })
  }
  const fields: Fields = {}
  const seen = new Set<string>()
  for (let at = 0, line = 1; at < text.length; line++) {
    const end = text.indexOf("\n", at)
    if (end < 0) throw new NarInfoError({ code: "line", line, expected: "\n" })
    const colon = text.indexOf(": ", at)
    if (colon < 0 || colon > end) throw new NarInfoError({ code: "line", line, expected: ": " })
    const field = text.slice(at, colon)
    const value = text.slice(colon + 2, end)
    at = end + 1
    if (!Object.hasOwn(READERS, field)) continue
    if (seen.has(field) && field !== "Sig") throw new NarInfoError({ code: "duplicate", line, field })
    seen.add(field)
    try {
      READERS[field]!(value, fields, storeDir)
    } catch (cause) {
      if (!isBadValue(cause)) throw cause
      throw new NarInfoError({ code: "value", line, field, reason: cause.message }, { cause })
    }
  }
  return complete(fields)
}

function complete(fields: Fields): NarInfo {
  const { storePath, url, narHash, narSize } = fields
  const missing = (field: string): never => {
    throw new NarInfoError({ code: "missing", field })
  }
  return {
    ...fields,
    storePath: storePath ?? missing("StorePath"),
    narHash: narHash ?? missing("NarHash"),
    url: url || missing("URL"),
    // No archive is empty.
    narSize: narSize || missing("NarSize"),
    compression: fields.compression || OLD_COMPRESSION,
    references: fields.references ?? [],
    signatures: fields.signatures ?? [],
  }
}

/** Why a value is refused, where nobody else has said it. */
class BadValue extends Error {}

function isBadValue(error: unknown): error is Error {
  return (
    error instanceof BadValue ||
    error instanceof StorePathError ||
    error instanceof HashError ||
    error instanceof KeyError ||
    error instanceof ContentAddressError
  )
}

function parseSha256(value: string): Uint8Array {
  const { algorithm, digest } = parsePrefixedHash(value)
  if (algorithm !== "sha256") throw new BadValue(`expected a SHA-256, not ${algorithm}`)
  return digest
}

function parseSize(value: string): number {
  const size = /^\d{1,16}$/.test(value) ? Number(value) : NaN
  if (!Number.isSafeInteger(size)) throw new BadValue(`'${value}' is no size from 0 to 2^53 - 1`)
  return size
}

function parseReferences(value: string): StorePath[] {
  const bases = new Set(value.split(" ").filter((base) => base !== ""))
  return [...bases].sort().map(parseStorePathBase)
}

/**
 * The bytes, as a byte string, that C++ Nix writes.
 *
 * @throws {NarInfoError} `unwritable`
 */
export function formatNarInfo(info: NarInfo, storeDir: string = STORE_DIR): string {
  const { fileHash, fileSize, deriver, contentAddress } = info
  const references = info.references.map(storePathBase).sort().join(" ")
  const lines: (readonly [field: string, value: string] | undefined)[] = [
    ["StorePath", formatStorePath(info.storePath, storeDir)],
    ["URL", writable("URL", info.url)],
    ["Compression", writable("Compression", info.compression)],
    fileHash && ["FileHash", formatSha256(fileHash)],
    fileSize === undefined ? undefined : ["FileSize", String(fileSize)],
    ["NarHash", formatSha256(info.narHash)],
    ["NarSize", String(info.narSize)],
    ["References", references],
    deriver && ["Deriver", storePathBase(deriver)],
    ...[...new Set(info.signatures.map(formatSignature))].sort().map((signature) => ["Sig", signature] as const),
    contentAddress && ["CA", formatContentAddress(contentAddress)],
  ]
  return lines.map((line) => (line === undefined ? "" : `${line[0]}: ${line[1]}\n`)).join("")
}

function writable(field: string, value: string): string {
  if (value === "" || value.includes("\n")) throw new NarInfoError({ code: "unwritable", field })
  return value
}

function formatSha256(digest: Uint8Array): string {
  return formatPrefixedHash({ algorithm: "sha256", digest }, "nix32")
}
