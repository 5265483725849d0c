import { byteStringFrom, decodeHex, encodeBase64 } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import { invalid } from "./problem.ts"

declare const b3: unique symbol
/** The BLAKE3 of something: 32 bytes. Made by hashing or by {@link toDigest}, never by a cast elsewhere. */
export type B3Digest = Uint8Array & { readonly [b3]: true }

export const DIGEST_LENGTH = 32

/**
 * Takes bytes that come from outside for a digest.
 *
 * @param field what the bytes are, for the message
 * @throws {CastoreError} `invalid` unless there are 32
 */
export function toDigest(bytes: Uint8Array, field: string): B3Digest {
  if (bytes.length !== DIGEST_LENGTH) {
    throw invalid(field, `a digest has ${DIGEST_LENGTH} bytes, this one has ${bytes.length}`)
  }
  return bytes as B3Digest
}

export function digestOf(bytes: Uint8Array): B3Digest {
  return hash("blake3", bytes) as B3Digest
}

/** Of no bytes. Spelled out: what hashes is loaded when there is something to hash. */
export const EMPTY_DIGEST: B3Digest = decodeHex(
  "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
) as B3Digest

/** A key for maps: 32 characters, one for each byte. */
export function digestKey(digest: B3Digest): string {
  return byteStringFrom(digest)
}

/** `b3:` and base 64, as Tvix writes digests for people. */
export function formatDigest(digest: B3Digest): string {
  return `b3:${encodeBase64(digest)}`
}
