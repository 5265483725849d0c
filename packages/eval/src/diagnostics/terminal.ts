/**
 * What C++ Nix does to every line it logs (libutil/terminal.cc): tabs become blanks, carriage returns and bells vanish, and
 * so do escape sequences, colours aside where they are wanted. It counts columns from the start of the message and not
 * of the line, which shows after a tab.
 */

const SPECIAL = /[\t\r\x07\x1b]/
// CSI sequences, OSC sequences (hyperlinks) and two-byte escapes.
const ESCAPE = /\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*([\x40-\x7e])?|\][^\x1b\x07]*(?:\x1b\\?|\x07)?|[\x40-\x5f]?)/y
const TAB = 8

export function forTerminal(bytes: string, colors: boolean): string {
  if (!SPECIAL.test(bytes)) return bytes
  let text = ""
  let column = 0
  for (let i = 0; i < bytes.length;) {
    const char = bytes[i]!
    if (char === "\x1b") {
      ESCAPE.lastIndex = i
      const [sequence = char, final] = ESCAPE.exec(bytes) ?? []
      if (colors && final === "m") text += sequence
      i += sequence.length
    } else if (char === "\t") {
      const blanks = TAB - (column % TAB)
      text += " ".repeat(blanks)
      column += blanks
      i++
    } else if (char === "\r" || char === "\x07") {
      i++
    } else {
      const { length, width } = measure(bytes, i)
      text += bytes.slice(i, i + length)
      column += width
      i += length
    }
  }
  return text
}

/** Bytes and columns of the UTF-8 character at `i`; bytes that are none count one column each. */
function measure(bytes: string, i: number): { readonly length: number; readonly width: number } {
  const lead = bytes.charCodeAt(i)
  if (lead < 0x80) return { length: 1, width: lead < 0x20 || lead === 0x7f ? 0 : 1 }
  const count = lead >= 0xf0 && lead < 0xf8 ? 3 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xc0 && lead < 0xe0 ? 1 : 0
  let code = lead & (0x3f >> count)
  for (let k = 1; k <= count; k++) {
    const next = bytes.charCodeAt(i + k)
    if (!(next >= 0x80 && next < 0xc0)) return { length: k, width: k }
    code = (code << 6) | (next & 0x3f)
  }
  return { length: count + 1, width: widthOf(code) }
}

const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]$/u

/** East Asian wide characters and emoji take two columns: the blocks that hold them, as ranges. */
const WIDE = [
  0x1100, 0x115f, 0x2e80, 0x303e, 0x3041, 0x33ff, 0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xa000, 0xa4cf, 0xac00, 0xd7a3, 0xf900,
  0xfaff, 0xfe30, 0xfe6f, 0xff00, 0xff60, 0xffe0, 0xffe6, 0x1f300, 0x1f64f, 0x1f900, 0x1f9ff, 0x20000, 0x3fffd,
] // prettier-ignore

function widthOf(code: number): number {
  if (code > 0x10ffff || ZERO_WIDTH.test(String.fromCodePoint(code))) return 0
  for (let i = 0; i < WIDE.length; i += 2) if (code >= WIDE[i]! && code <= WIDE[i + 1]!) return 2
  return 1
}
