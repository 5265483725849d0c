/**
 * What `nix path-info --json` tells of a store path, in the form of C++ Nix 2.26 (libstore/path-info.cc, nar-info.cc):
 *
 *     { "ca": TEXT|null, "narHash": SRI, "narSize": N, "references": [PATH…] }
 *
 * and, where more is asked for than the contents are made of ("impure"),
 *
 *       "deriver": PATH|null, "registrationTime": SECONDS|null, "signatures": [TEXT…], "ultimate": BOOLEAN
 *       "url": TEXT, "compression": TEXT, "downloadHash": SRI, "downloadSize": N      from binary caches
 */
import { textOf } from "@tvix-ts/bytes"
import { formatHash, HashError, parseHash } from "@tvix-ts/hash"
import { formatContentAddress, parseContentAddress, type ContentAddress } from "./content-address.ts"
import { parseJson, type Json } from "./json.ts"
import { ContentAddressError, StorePathError } from "./problem.ts"
import { formatStorePath, parseStorePath, STORE_DIR, storePathBase, type StorePath } from "./store-path.ts"

/** Hashes are the 32 bytes of a SHA-256, sizes are bytes. */
export interface DescribedPath {
  readonly narHash: Uint8Array
  readonly narSize: number
  /** Sorted by their base names. */
  readonly references: readonly StorePath[]
  readonly contentAddress?: ContentAddress
  readonly impure?: ImpureDescription
}

/** What is not known from the contents. */
export interface ImpureDescription {
  readonly deriver?: StorePath
  /** Seconds since 1970. */
  readonly registrationTime?: number
  /** Whether the path was built here. */
  readonly ultimate: boolean
  /** As they were written: nobody looks into them here. */
  readonly signatures: readonly string[]
  readonly url?: string
  readonly compression?: string
  /** Of the file that {@link url} is of. */
  readonly downloadHash?: Uint8Array
  readonly downloadSize?: number
}

/** To be made text by `JSON.stringify`; its members are in C++ Nix's order. */
export function pathInfoJson(
  { narHash, narSize, references, contentAddress, impure }: DescribedPath,
  storeDir: string = STORE_DIR,
): Readonly<Record<string, unknown>> {
  const json: Record<string, unknown> = {
    ca: contentAddress === undefined ? null : formatContentAddress(contentAddress),
    narHash: sri(narHash),
    narSize,
    references: references
      .toSorted((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1))
      .map((path) => formatStorePath(path, storeDir)),
  }
  if (impure !== undefined) {
    const { deriver, registrationTime, signatures, ultimate, url, compression, downloadHash, downloadSize } = impure
    json["deriver"] = deriver === undefined ? null : formatStorePath(deriver, storeDir)
    json["registrationTime"] = registrationTime ?? null
    json["signatures"] = [...new Set(signatures)].sort().map(textOf)
    json["ultimate"] = ultimate
    if (url !== undefined) json["url"] = textOf(url)
    if (compression !== undefined) json["compression"] = textOf(compression)
    if (downloadHash !== undefined) json["downloadHash"] = sri(downloadHash)
    if (downloadSize !== undefined) json["downloadSize"] = downloadSize
  }
  return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function sri(digest: Uint8Array): string {
  return formatHash({ algorithm: "sha256", digest }, "sri")
}

/**
 * Reads what {@link pathInfoJson} and C++ Nix write. `impure` is there if anything of it is.
 *
 * @throws {JsonError}
 */
export function parsePathInfoJson(text: string, storeDir: string = STORE_DIR): DescribedPath {
  const json = parseJson(text)
  const optional = <T>(name: string, read: (member: Json) => T): T | undefined => {
    const member = json.member(name)
    return member === undefined ? undefined : read(member)
  }
  const path = (member: Json): StorePath => checked(member, "a store path", (one) => parseStorePath(one, storeDir))
  const contentAddress = optional("ca", (ca) => checked(ca, "a content address", parseContentAddress))
  const impure = defined({
    deriver: optional("deriver", path),
    registrationTime: optional("registrationTime", (time) => time.count()),
    ultimate: optional("ultimate", (ultimate) => ultimate.boolean()),
    signatures: optional("signatures", (signatures) => signatures.list().map((one) => one.string())),
    url: optional("url", (url) => url.string()),
    compression: optional("compression", (compression) => compression.string()),
    downloadHash: optional("downloadHash", sha256),
    downloadSize: optional("downloadSize", (size) => size.count()),
  })
  return {
    narHash: sha256(json.required("narHash")),
    narSize: json.required("narSize").count(),
    references: json
      .required("references")
      .list()
      .map(path)
      .sort((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1)),
    ...(contentAddress !== undefined && { contentAddress }),
    ...(Object.keys(impure).length > 0 && { impure: { ultimate: false, signatures: [], ...impure } }),
  }
}

function sha256(json: Json): Uint8Array {
  return checked(json, "a SHA-256", (text) => parseHash(text, "sha256").digest)
}

function checked<T>(json: Json, expected: string, parse: (text: string) => T): T {
  const text = json.string()
  try {
    return parse(text)
  } catch (error) {
    const isExpected =
      error instanceof StorePathError || error instanceof HashError || error instanceof ContentAddressError
    if (!isExpected) throw error
    return json.refuse(`${expected} (${error.message})`)
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
/** Leaves out what is undefined. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}
