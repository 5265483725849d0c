import { byteStringFrom, bytesOf, encodeHex } from "@tvix-ts/bytes"
import { engine } from "#native"
import type { HashAlgorithm } from "./algorithm.ts"
import type { Hasher } from "./engine.ts"

/** The digest of `bytes`. */
export function hash(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array {
  return engine.hash(algorithm, bytes)
}

/** The digest of the bytes that a byte string stands for: one character, 0 to 255, each. */
export function hashByteString(algorithm: HashAlgorithm, byteString: string): Uint8Array {
  const digest = engine.textDigest?.(algorithm, byteString, "latin1")
  return digest === undefined ? engine.hash(algorithm, bytesOf(byteString)) : bytesOf(digest)
}

/** The same in hexadecimal digits, several times faster for short strings where the host helps. */
export function hexDigest(algorithm: HashAlgorithm, byteString: string): string {
  return engine.textDigest?.(algorithm, byteString, "hex") ?? encodeHex(hashByteString(algorithm, byteString))
}

/** The same as a byte string. */
export function byteDigest(algorithm: HashAlgorithm, byteString: string): string {
  return engine.textDigest?.(algorithm, byteString, "latin1") ?? byteStringFrom(hashByteString(algorithm, byteString))
}

/** Hashes what arrives in pieces. */
export function startHash(algorithm: HashAlgorithm): Hasher {
  return engine.startHash(algorithm)
}
