const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const VALUES = new Int8Array(256).fill(-1)
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** RFC 4648 section 4: the standard alphabet, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = ""
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const triple = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!
    text +=
      ALPHABET[triple >> 18]! + ALPHABET[(triple >> 12) & 63]! + ALPHABET[(triple >> 6) & 63]! + ALPHABET[triple & 63]!
  }
  const left = bytes.length - i
  if (left === 1) {
    const one = bytes[i]!
    text += ALPHABET[one >> 2]! + ALPHABET[(one & 3) << 4]! + "=="
  } else if (left === 2) {
    const two = (bytes[i]! << 8) | bytes[i + 1]!
    text += ALPHABET[two >> 10]! + ALPHABET[(two >> 4) & 63]! + ALPHABET[(two & 15) << 2]! + "="
  }
  return text
}

/**
 * Reads exactly what {@link encodeBase64} writes: one text for each byte sequence. Foreign characters, white space,
 * missing or surplus padding and non-zero spare bits give `undefined`. (C++ Nix reads hashes more leniently; that lives
 * with the hash notation.)
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let bits = 0
  let pending = 0
  let at = 0
  for (let i = 0; i < text.length - padding; i++) {
    const value = base64Digit(text.charCodeAt(i))
    if (value < 0) return undefined
    bits = ((bits << 6) | value) & 0xfff
    pending += 6
    if (pending >= 8) {
      pending -= 8
      bytes[at++] = (bits >> pending) & 0xff
    }
  }
  return (bits & ((1 << pending) - 1)) === 0 ? bytes : undefined
}

/** The value of the Base64 digit with this character code, or -1. */
export function base64Digit(code: number): number {
  return code < 256 ? VALUES[code]! : -1
}
