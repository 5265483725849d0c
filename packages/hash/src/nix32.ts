/**
 * The base 32 of store paths and hashes: digits and lower-case letters without e, o, t and u, five bits each from the *end*
 * of the bytes, the first character holding the uppermost bits of the last byte.
 */
const ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0))
const VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < 32; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** Characters for this many bytes. */
export function nix32Length(byteCount: number): number {
  return Math.ceil((byteCount * 8) / 5)
}

export function encodeNix32(bytes: Uint8Array): string {
  const length = nix32Length(bytes.length)
  const codes = new Array<number>(length)
  for (let n = length - 1; n >= 0; n--) {
    const bit = n * 5
    const i = bit >> 3
    const pair = i + 1 < bytes.length ? bytes[i]! | (bytes[i + 1]! << 8) : bytes[i]!
    codes[length - 1 - n] = CODES[(pair >> (bit & 7)) & 31]!
  }
  // At once: a string that grows by a character is a chain of as many.
  return String.fromCharCode(...codes)
}

/**
 * The bytes that `text` encodes; `undefined` if it contains a foreign character. Spare bits that are not zero come out as
 * one more byte, as in C++ Nix, whose callers then find the length wrong.
 */
export function decodeNix32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.ceil((text.length * 5) / 8) + 1)
  for (let n = 0; n < text.length; n++) {
    const code = text.charCodeAt(text.length - n - 1)
    const digit = code < 128 ? VALUES[code]! : -1
    if (digit < 0) return undefined
    const bit = n * 5
    const shifted = digit << (bit & 7)
    bytes[bit >> 3]! |= shifted & 0xff
    bytes[(bit >> 3) + 1]! |= shifted >> 8
  }
  // The last character's lowest bit decides how many bytes there are at least.
  let length = text.length === 0 ? 0 : (((text.length - 1) * 5) >> 3) + 1
  if (bytes[length] !== 0 && length < bytes.length) length++
  return bytes.slice(0, length)
}
