/**
 * The numbers of FastCDC (Xia et al., 2020) as the Rust crate `fastcdc` has them in its v2020, which is what Tvix cuts with.
 */
import { hash } from "@tvix-ts/hash"

/** Bytes. Tvix derives the two from an average of 256 KiB. */
export const CHUNK_MIN = 128 * 1024
export const CHUNK_AVERAGE = 256 * 1024
export const CHUNK_MAX = 512 * 1024

/**
 * Before the average size a cut is half as likely, after it twice as likely: the masks for 512 KiB and 128 KiB, normalisation
 * level 1. Only 48 bits are used, which is why JavaScript can compute with two halves of 24.
 */
export const MASK_BEFORE = 0x0000_d917_0753_7000n
export const MASK_AFTER = 0x0000_d907_0353_7000n

/** Entry `byte` is the first 8 bytes, big-endian, of the MD5 of 64 copies of it. */
export function gearTable(): BigUint64Array<ArrayBuffer> {
  const table = new BigUint64Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const digest = hash("md5", new Uint8Array(64).fill(byte))
    table[byte] = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0)
  }
  return table
}
