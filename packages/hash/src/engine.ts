import type { HashAlgorithm } from "./algorithm.ts"

/** A byte string, or the pieces of one. */
export type ByteStrings = string | readonly string[]

/** Takes bytes piece by piece. Use it once: after `digest` it must not be touched again. */
export interface Hasher {
  /** The bytes are read at once; the caller may reuse the array. */
  update(bytes: Uint8Array): this
  digest(): Uint8Array
}

/**
 * Who does the arithmetic: `node/native.ts` in Node, `portable.ts` elsewhere. The entry "#native" of package.json chooses,
 * so that a bundle for the browser never sees the former.
 */
export interface HashEngine {
  hash(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array
  /**
   * The digest of a byte string or of several in a row, in hexadecimal digits or as one, if the host has a shorter way there
   * than over arrays.
   */
  textDigest?(algorithm: HashAlgorithm, text: ByteStrings, as: "hex" | "latin1"): string | undefined
  startHash(algorithm: HashAlgorithm): Hasher
}
