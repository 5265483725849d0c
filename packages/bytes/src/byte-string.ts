/**
 * Byte strings: JavaScript strings with one character, 0 to 255, for each byte. Nix strings are bytes, and V8 stores such
 * strings at one byte a character, so the evaluator computes on them and turns to text only at its edges.
 */

// ignoreBOM *keeps* a leading U+FEFF: dropping three bytes of input would be a silent change.
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true })
const encoder = new TextEncoder()

/** What is used here of Node's `Buffer`: bytes that are not all ASCII go through it many times as fast. */
interface HostBuffer {
  from(memory: ArrayBufferLike, byteOffset: number, length: number): HostBytes
}
interface HostBytes {
  toString(encoding: "latin1"): string
  write(byteString: string, encoding: "latin1"): number
}
const host = (globalThis as { readonly Buffer?: HostBuffer }).Buffer

/** Up to so many bytes a loop is as fast as a call of the host. */
const SHORT = 64

const NOT_ASCII = /[^\x00-\x7f]/

/** The UTF-8 bytes of `text`. A lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The byte string holding the UTF-8 bytes of `text`. A lone surrogate becomes U+FFFD. */
export function byteStringOf(text: string): string {
  return NOT_ASCII.test(text) ? byteStringFrom(encoder.encode(text)) : text
}

/** Reads the bytes as UTF-8; whatever is not UTF-8 becomes U+FFFD, as in every browser. */
export function textOf(byteString: string): string {
  return NOT_ASCII.test(byteString) ? lenient.decode(bytesOf(byteString)) : byteString
}

/** The bytes themselves. Characters above 255 are a mistake of the caller's and lose their upper bits. */
export function bytesOf(byteString: string): Uint8Array {
  // ASCII, nearly all there is, encodes natively; any other character makes the lengths differ.
  if (byteString.length > SHORT) {
    const encoded = encoder.encode(byteString)
    if (encoded.length === byteString.length) return encoded
  }
  const bytes = new Uint8Array(byteString.length)
  if (host !== undefined && bytes.length > SHORT) host.from(bytes.buffer, 0, bytes.length).write(byteString, "latin1")
  else for (let i = 0; i < bytes.length; i++) bytes[i] = byteString.charCodeAt(i)
  return bytes
}

/** Bytes turned to characters at a time: engines put the arguments of `fromCharCode` on the stack. */
const CHUNK = 8192

/** The byte string with these bytes. */
export function byteStringFrom(bytes: Uint8Array): string {
  if (host !== undefined && bytes.length > SHORT)
    return host.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  if (bytes.length <= CHUNK) return chunkFrom(bytes)
  let joined = ""
  for (let at = 0; at < bytes.length; at += CHUNK) joined += chunkFrom(bytes.subarray(at, at + CHUNK))
  return joined
}

function chunkFrom(bytes: Uint8Array): string {
  // ASCII, nearly all source text, decodes natively. Any well-formed multi-byte character makes the lengths differ, and
  // anything malformed leaves U+FFFD. (The decoder called "latin1" would be windows-1252, which is not what is wanted.)
  if (bytes.length > SHORT) {
    const text = lenient.decode(bytes)
    if (text.length === bytes.length && !text.includes("\ufffd")) return text
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[])
}

/** Whether the bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function isUtf8(byteString: string): boolean {
  if (!NOT_ASCII.test(byteString)) return true
  try {
    strict.decode(bytesOf(byteString))
    return true
  } catch {
    return false
  }
}
