const DIGITS = "0123456789abcdef"
const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4]! + DIGITS[byte & 15]!)

/** Two lower-case digits a byte. */
export function encodeHex(bytes: Uint8Array): string {
  // Newer engines do it themselves, in a tenth of the time.
  const { toHex } = bytes as { readonly toHex?: (this: Uint8Array) => string }
  if (toHex !== undefined) return toHex.call(bytes)
  let text = ""
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!]!
  return text
}

/** Either case is read; `undefined` if the length is odd or a character is no digit. */
export function decodeHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i))
    const low = hexDigit(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) return undefined
    bytes[i] = (high << 4) | low
  }
  return bytes
}

/** The value of the hexadecimal digit with this character code, or -1. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
