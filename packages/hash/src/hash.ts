import { byteStringFrom, bytesOf, encodeHex } from "@tvix-ts/bytes"
import { engine } from "#native"
import type { HashAlgorithm } from "./algorithm.ts"
import type { ByteStrings, Hasher } from "./engine.ts"

/** The digest of `bytes`. */
export function hash(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array {
  return engine.hash(algorithm, bytes)
}

/** The digest of the bytes that a byte string, or its pieces, stand for: one character, 0 to 255, each. */
export function hashByteString(algorithm: HashAlgorithm, text: ByteStrings): Uint8Array {
  const digest = engine.textDigest?.(algorithm, text, "latin1")
  if (digest !== undefined) return bytesOf(digest)
  return engine.hash(algorithm, bytesOf(typeof text === "string" ? text : text.join("")))
}

/** The same in hexadecimal digits, several times faster for short strings where the host helps. */
export function hexDigest(algorithm: HashAlgorithm, text: ByteStrings): string {
  return engine.textDigest?.(algorithm, text, "hex") ?? encodeHex(hashByteString(algorithm, text))
}

/** The same as a byte string. */
export function byteDigest(algorithm: HashAlgorithm, text: ByteStrings): string {
  return engine.textDigest?.(algorithm, text, "latin1") ?? byteStringFrom(hashByteString(algorithm, text))
}

/** Hashes what arrives in pieces. */
export function startHash(algorithm: HashAlgorithm): Hasher {
  return engine.startHash(algorithm)
}
