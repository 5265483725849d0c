/**
 * Hashes as people write them:
 *
 *     sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=                       SRI: always Base64
 *     sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73               prefixed: any of the three
 *     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855          bare: told apart by length
 *
 * What is accepted is what C++ Nix 2.34 accepts, and so are the errors.
 */
import { base64Digit, decodeHex, encodeBase64, encodeHex } from "@tvix-ts/bytes"
import { digestLength, isHashAlgorithm, type HashAlgorithm } from "./algorithm.ts"
import { decodeNix32, encodeNix32, nix32Length } from "./nix32.ts"
import { HashError } from "./problem.ts"

export interface Hash {
  readonly algorithm: HashAlgorithm
  readonly digest: Uint8Array
}

export type HashFormat = "base16" | "nix32" | "base64" | "sri"

/** Called with each algorithm that a text names; throw to forbid it (C++ Nix calls BLAKE3 experimental). */
export type CheckAlgorithm = (algorithm: HashAlgorithm) => void

/** @throws {HashError} if there is no such algorithm. */
export function parseHashAlgorithm(name: string): HashAlgorithm {
  if (!isHashAlgorithm(name)) throw new HashError({ code: "hash-algorithm-unknown", name })
  return name
}

/**
 * `"base32"` is an old name of `"nix32"`, for which C++ Nix warns: `"base32" is a deprecated alias for hash format
 * "nix32".`
 *
 * @throws {HashError} if there is no such format.
 */
export function parseHashFormat(name: string): HashFormat {
  switch (name) {
    case "base16":
    case "nix32":
    case "base64":
    case "sri":
      return name
    case "base32":
      return "nix32"
    default:
      throw new HashError({ code: "hash-format-unknown", name })
  }
}

/**
 * Reads any of the notations above.
 *
 * @param algorithm what a bare hash is one of; a hash that names its own must name this one
 * @throws {HashError}
 */
export function parseHash(text: string, algorithm?: HashAlgorithm, check?: CheckAlgorithm): Hash {
  const { named, rest, isSri } = splitAlgorithm(text, check)
  if (named === undefined && algorithm === undefined) {
    throw new HashError({ code: "hash-type-missing", text, typeCouldBeGiven: true })
  }
  if (named !== undefined && algorithm !== undefined && named !== algorithm) {
    throw new HashError({ code: "hash-type-wrong", text, expected: algorithm })
  }
  return decode(rest, (named ?? algorithm)!, isSri)
}

/**
 * Reads a hash that names its algorithm.
 *
 * @throws {HashError}
 */
export function parsePrefixedHash(text: string, check?: CheckAlgorithm): Hash {
  const { named, rest, isSri } = splitAlgorithm(text, check)
  if (named === undefined) throw new HashError({ code: "hash-type-missing", text, typeCouldBeGiven: false })
  return decode(rest, named, isSri)
}

/**
 * Reads an SRI hash and nothing else.
 *
 * @throws {HashError}
 */
export function parseSriHash(text: string, check?: CheckAlgorithm): Hash {
  const dash = text.indexOf("-")
  if (dash < 0) throw new HashError({ code: "hash-not-sri", text })
  const algorithm = parseHashAlgorithm(text.slice(0, dash))
  check?.(algorithm)
  return decode(text.slice(dash + 1), algorithm, true)
}

/**
 * Reads a hash without any prefix.
 *
 * @throws {HashError}
 */
export function parseBareHash(text: string, algorithm: HashAlgorithm): Hash {
  return decode(text, algorithm, false)
}

/** Without the algorithm's name, except in SRI, which has it always. */
export function formatHash({ algorithm, digest }: Hash, format: HashFormat): string {
  switch (format) {
    case "base16":
      return encodeHex(digest)
    case "nix32":
      return encodeNix32(digest)
    case "base64":
      return encodeBase64(digest)
    case "sri":
      return `${algorithm}-${encodeBase64(digest)}`
  }
}

/** With the algorithm's name: `sha256:…`, or SRI. */
export function formatPrefixedHash(hash: Hash, format: HashFormat): string {
  return format === "sri" ? formatHash(hash, "sri") : `${hash.algorithm}:${formatHash(hash, format)}`
}

/** A colon is looked for first, so `sha256-…:` names an algorithm that does not exist. */
function splitAlgorithm(
  text: string,
  check: CheckAlgorithm | undefined,
): { named: HashAlgorithm | undefined; rest: string; isSri: boolean } {
  const colon = text.indexOf(":")
  const end = colon >= 0 ? colon : text.indexOf("-")
  if (end < 0) return { named: undefined, rest: text, isSri: false }
  const named = parseHashAlgorithm(text.slice(0, end))
  check?.(named)
  return { named, rest: text.slice(end + 1), isSri: colon < 0 }
}

function decode(text: string, algorithm: HashAlgorithm, isSri: boolean): Hash {
  const expected = digestLength[algorithm]
  let notation = "SRI"
  let digest: Uint8Array | undefined
  if (isSri) {
    digest = decodeLenientBase64(text)
  } else if (text.length === expected * 2) {
    notation = "base16"
    digest = decodeHex(text)
  } else if (text.length === nix32Length(expected)) {
    notation = "nix32"
    digest = decodeNix32(text)
  } else if (text.length === Math.ceil(expected / 3) * 4) {
    notation = "Base64"
    digest = decodeLenientBase64(text)
  } else {
    throw new HashError({ code: "hash-length-wrong", text, algorithm })
  }
  const length = digest?.length ?? 0
  if (digest === undefined || length !== expected) {
    throw new HashError({ code: "hash-malformed", notation, text, length, expected })
  }
  return { algorithm, digest }
}

/** Skips newlines, stops at the first `=`, and ignores what bits are left over. `undefined` for foreign characters. */
function decodeLenientBase64(text: string): Uint8Array | undefined {
  const padding = text.indexOf("=")
  const digits = (padding < 0 ? text : text.slice(0, padding)).replaceAll("\n", "")
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8))
  let bits = 0
  for (let i = 0, at = 0; i < digits.length; i++) {
    const value = base64Digit(digits.charCodeAt(i))
    if (value < 0) return undefined
    bits = ((bits << 6) | value) & 0xffff
    // A digit completes a byte except when it is the first of four.
    if (i % 4 !== 0) bytes[at++] = bits >> (6 - 2 * (i % 4))
  }
  return bytes
}
