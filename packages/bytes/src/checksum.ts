/** What tells damage, not malice: whoever can write the bytes can compute it, too. It takes what a look at the bytes takes. */

/** Bytes that it takes, at the beginning of those that it is of. */
export const CHECKSUM_BYTES = 8

/** @param bytes aligned to four, and a multiple of four */
export function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4)
}

/**
 * Writes the checksum of everything after the first {@link CHECKSUM_BYTES} there. Each word goes into one of its halves, so
 * that a change of it alone always shows.
 *
 * @param bytes aligned to four, and a multiple of four
 */
export function writeChecksum(bytes: Uint8Array): void {
  const words = wordsOf(bytes)
  const sums = checksum(words)
  words[0] = sums[0]
  words[1] = sums[1]
}
/** @param bytes aligned to four; of any other length than {@link writeChecksum} takes, it does not hold */
export function checksumHolds(bytes: Uint8Array): boolean {
  if (bytes.length < CHECKSUM_BYTES || bytes.length % 4 !== 0) return false
  const words = wordsOf(bytes)
  const sums = checksum(words)
  return words[0] === sums[0] && words[1] === sums[1]
}
type Sums = [a: number, b: number]
function checksum(words: Int32Array): Sums {
  const sums: Sums = [words.length, 0x2545f491]
  for (let from = 2; from < words.length; from += STRIDE) sum(words, from, sums)
  return sums
}
/**
 * Words that are summed up by one call. A function with one long loop would be compiled in the middle of it, time and
 * again, each time without knowing what comes after the loop.
 */
const STRIDE = 256
function sum(words: Int32Array, from: number, sums: Sums): void {
  const to = Math.min(from + STRIDE, words.length)
  let a = sums[0]
  let b = sums[1]
  let i = from
  // Few operations, and no multiplications, which are calls until the engine has compiled this: a megaword is read at a start.
  for (; i < to - 1; i += 2) {
    a = ((a << 7) | (a >>> 25)) ^ words[i]!
    b = (((b << 11) | (b >>> 21)) + words[i + 1]!) | 0
  }
  if (i < to) a = ((a << 7) | (a >>> 25)) ^ words[i]!
  // They take turns.
  sums[0] = b
  sums[1] = a
}
