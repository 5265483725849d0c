/**
 * Sets of bytes, as bracket expressions denote them in the C locale. Byte values compare as signed chars in ranges, as they
 * do in libstdc++ on x86-64: `[a-\xc3]` is an inverted range, and `[\xc3-a]` contains all of ASCII up to `a`.
 */

/** 1 at the index of each member. */
export type ByteSet = Uint8Array

export const emptySet = (): ByteSet => new Uint8Array(256)

export function addByte(set: ByteSet, byte: number): void {
  set[byte] = 1
}

/** Adds `from` to `to`, both inclusive and both as signed chars; false if the range is inverted. */
export function addRange(set: ByteSet, from: number, to: number): boolean {
  const last = signed(to)
  if (signed(from) > last) return false
  for (let byte = signed(from); byte <= last; byte++) set[byte & 0xff] = 1
  return true
}

/** Adds the members of `[:name:]`, in whatever case it is written; false if there is no such class. */
export function addClass(set: ByteSet, name: string): boolean {
  const ranges = CLASSES[lowerCase(name)]
  if (ranges === undefined) return false
  for (let i = 0; i < ranges.length; i += 2) addRange(set, ranges.charCodeAt(i), ranges.charCodeAt(i + 1))
  return true
}

/** Adds the bytes that differ from `byte` in case at most: the equivalence class `[=x=]`. */
export function addEquivalents(set: ByteSet, byte: number): void {
  const wanted = lowerCase(String.fromCharCode(byte))
  for (let other = 0; other < 256; other++) if (lowerCase(String.fromCharCode(other)) === wanted) set[other] = 1
}

export function invert(set: ByteSet): void {
  for (let byte = 0; byte < 256; byte++) set[byte] = 1 - set[byte]!
}

/** The byte that `[.name.]` stands for, or -1. POSIX's names for ASCII; of the printable characters, letters only. */
export function collatingElement(name: string): number {
  return COLLATING_NAMES.indexOf(name)
}

const signed = (byte: number): number => (byte << 24) >> 24

/** ASCII only: the C locale knows no other letters. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Each class as the first and last members of its ranges. */
const CLASSES: Readonly<Record<string, string | undefined>> = {
  __proto__: null as never,
  // libstdc++ looks these up among the others, so `[[:d:]]` works.
  d: "09",
  w: "09AZ__az",
  s: "\t\r  ",
  alnum: "09AZaz",
  alpha: "AZaz",
  blank: "\t\t  ",
  cntrl: "\0\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "\t\r  ",
  upper: "AZ",
  xdigit: "09AFaf",
}

/** In the order of their codes, from 0 to 127. */
const COLLATING_NAMES: readonly string[] = [
  "NUL SOH STX ETX EOT ENQ ACK alert backspace tab newline vertical-tab form-feed carriage-return SO SI",
  "DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC IS4 IS3 IS2 IS1",
  "space exclamation-mark quotation-mark number-sign dollar-sign percent-sign ampersand apostrophe",
  "left-parenthesis right-parenthesis asterisk plus-sign comma hyphen period slash",
  "zero one two three four five six seven eight nine colon semicolon",
  "less-than-sign equals-sign greater-than-sign question-mark commercial-at",
  "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
  "left-square-bracket backslash right-square-bracket circumflex underscore grave-accent",
  "a b c d e f g h i j k l m n o p q r s t u v w x y z",
  "left-curly-bracket vertical-line right-curly-bracket tilde DEL",
].flatMap((line) => line.split(" "))
