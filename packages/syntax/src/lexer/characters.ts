/** Classes of bytes, one bit each; `CLASS[byte]` is their union. The sets are those of C++ Nix's lexer. */

export const ID_START = 1 //    a-z A-Z _
export const ID_PART = 2 //     a-z A-Z 0-9 _ ' -
export const PATH_PART = 4 //   a-z A-Z 0-9 . _ - +
export const URI_PART = 8 //    a-z A-Z 0-9 and much of the punctuation; what follows the scheme and its colon
export const DIGIT = 16 //      0-9
export const SPACE = 32 //      space, tab, CR, LF

export const CLASS: Uint8Array = new Uint8Array(256)

function mark(bit: number, ranges: string): void {
  for (let i = 0; i < ranges.length; i += 2) {
    for (let c = ranges.charCodeAt(i); c <= ranges.charCodeAt(i + 1); c++) CLASS[c]! |= bit
  }
}
mark(ID_START, "azAZ__")
mark(ID_PART, "azAZ09__''--")
mark(PATH_PART, "azAZ09..__--++")
mark(URI_PART, "azAZ09%%//??::@@&&==++$$,,--__..!!~~**''")
mark(DIGIT, "09")
mark(SPACE, "  \t\t\r\r\n\n")
