/** What whoever starts a program gives it, as bytes: names of files need not be UTF-8, and Node has it that they are. */
import { readFileSync, readlinkSync } from "node:fs"
import { byteStringFrom, byteStringOf, bytesOf } from "@tvix-ts/bytes"

/** What Node has where it could not decode. */
export const REPLACEMENT = "\ufffd"
/** A byte that is no part of UTF-8 text is U+DC00 and its value, which no text has: so words remain strings. */
const ESCAPE = 0xdc00
const ESCAPED = /[\udc80-\udcff]/u

/** `words` with escaped bytes where Node could not decode them, if the system tells which they were. */
export function exactWords(
  words: readonly string[],
  commandLine: () => Uint8Array = ownCommandLine,
): readonly string[] {
  if (!words.some((word) => word.includes(REPLACEMENT))) return words
  const raw = byteStringFrom(commandLine()).split("\0").slice(0, -1).slice(-words.length)
  return raw.length === words.length ? raw.map(escapeBytes) : words
}

function ownCommandLine(): Uint8Array {
  try {
    return readFileSync("/proc/self/cmdline")
  } catch {
    return new Uint8Array()
  }
}

function escapeBytes(byteString: string): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  let text = ""
  for (let at = 0; at < byteString.length;) {
    const length = [1, 2, 3, 4].find((length) => {
      try {
        return at + length <= byteString.length && decoder.decode(bytesOf(byteString.slice(at, at + length))) !== ""
      } catch {
        return false
      }
    })
    if (length === undefined) text += String.fromCharCode(ESCAPE + byteString.charCodeAt(at))
    else text += decoder.decode(bytesOf(byteString.slice(at, at + length)))
    at += length ?? 1
  }
  return text
}

/** The bytes that a word stands for. */
export function wordBytes(word: string): string {
  if (!ESCAPED.test(word)) return byteStringOf(word)
  return Array.from(word, (character) =>
    ESCAPED.test(character) ? String.fromCharCode(character.charCodeAt(0) - ESCAPE) : byteStringOf(character),
  ).join("")
}

/** The word as `node:fs` takes it. */
export function wordPath(word: string): string | Buffer {
  return ESCAPED.test(word) ? Buffer.from(wordBytes(word), "latin1") : word
}

/** The folder that relative paths start from, a byte string. */
export function workingDirectory(): string {
  const text = process.cwd()
  if (!text.includes(REPLACEMENT)) return byteStringOf(text)
  try {
    return readlinkSync("/proc/self/cwd", "latin1")
  } catch {
    return byteStringOf(text)
  }
}
