/**
 * Names of NAR files, below `nar/`. Those that we give say all that is needed to find the archive:
 *
 *     <digest of the store path>-<SHA-256 of the archive>.nar         in base 32, 32 and 52 digits
 *     <…>-<…>.nar.zst, .nar.xz                                        compressed
 *
 * Clients give theirs when they upload: `<SHA-256 of the file>.nar` and what says how it is compressed.
 */
import { decodeNix32, encodeNix32 } from "@tvix-ts/hash"
import type { Compression } from "@tvix-ts/store"

const SUFFIXES: Readonly<Record<string, Compression>> = {
  "": "none",
  ".xz": "xz",
  ".zst": "zstd",
  ".bz2": "bzip2",
  ".br": "br",
  ".gz": "gzip",
}
/** Of what we compress ourselves. */
export type OwnCompression = "none" | "zstd" | "xz"
const OWN_SUFFIXES: { readonly [Compression in OwnCompression]: string } = { none: "", zstd: ".zst", xz: ".xz" }

export interface OwnNarName {
  readonly digest: string
  readonly narHash: Uint8Array
  readonly compression: OwnCompression
}

const OWN = /^([0-9a-df-np-sv-z]{32})-([0-9a-df-np-sv-z]{52})\.nar(\.zst|\.xz)?$/

export function ownNarName(digest: string, narHash: Uint8Array, compression: OwnCompression): string {
  return `${digest}-${encodeNix32(narHash)}.nar${OWN_SUFFIXES[compression]}`
}

export function parseOwnNarName(name: string): OwnNarName | undefined {
  const [, digest, hash, suffix = ""] = OWN.exec(name) ?? []
  const narHash = hash === undefined ? undefined : decodeNix32(hash)
  if (digest === undefined || narHash === undefined) return undefined
  return { digest, narHash, compression: SUFFIXES[suffix] as OwnCompression }
}

export interface UploadName {
  /** As the name says; `undefined` for what nobody here knows. */
  readonly compression: Compression | undefined
  /** What the name says the SHA-256 of the file, or of the archive, is: 32 bytes. */
  readonly hash: Uint8Array | undefined
}

const UPLOAD = /^([0-9A-Za-z+_=-]{1,150})\.nar(\.[a-z0-9]{1,8})?$/
const HASH = /^[0-9a-df-np-sv-z]{52}$/

/** `undefined` for what is no name of a NAR file. */
export function parseUploadName(name: string): UploadName | undefined {
  const [, base, suffix = ""] = UPLOAD.exec(name) ?? []
  if (base === undefined) return undefined
  const compression = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined
  return { compression, hash: HASH.test(base) ? decodeNix32(base) : undefined }
}
