/** Well-formed UTF-8, as table 3-7 of the Unicode standard has it: no overlong forms, no surrogates, at most U+10FFFF. */

/**
 * How the sequence with this lead byte goes on: the number of continuation bytes, and the range of the first of them. All
 * others are 80 to BF. `undefined` for a byte that begins no sequence.
 */
export function continuation(lead: number): readonly [count: number, low: number, high: number] | undefined {
  if (lead < 0x80) return ASCII
  if (lead < 0xc2) return undefined
  if (lead < 0xe0) return TWO
  if (lead < 0xf0) return lead === 0xe0 ? E0 : lead === 0xed ? ED : THREE
  if (lead < 0xf5) return lead === 0xf0 ? F0 : lead === 0xf4 ? F4 : FOUR
  return undefined
}

const ASCII = [0, 0, 0] as const
const TWO = [1, 0x80, 0xbf] as const
const THREE = [2, 0x80, 0xbf] as const
const E0 = [2, 0xa0, 0xbf] as const
const ED = [2, 0x80, 0x9f] as const
const FOUR = [3, 0x80, 0xbf] as const
const F0 = [3, 0x90, 0xbf] as const
const F4 = [3, 0x80, 0x8f] as const

/** The UTF-8 bytes of a code point, as a byte string. */
export function byteStringOfCodePoint(point: number): string {
  if (point < 0x80) return String.fromCharCode(point)
  const last = 0x80 | (point & 0x3f)
  if (point < 0x800) return String.fromCharCode(0xc0 | (point >> 6), last)
  const third = 0x80 | ((point >> 6) & 0x3f)
  if (point < 0x10000) return String.fromCharCode(0xe0 | (point >> 12), third, last)
  return String.fromCharCode(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f), third, last)
}
