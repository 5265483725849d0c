/** Hashing in Node: OpenSSL's, and BLAKE3 from a native addon where one is installed. Everything loads on first use. */
import type * as Blake3Addon from "@napi-rs/blake-hash"
import type * as Blake3Jit from "blake3-jit"
import type * as Crypto from "node:crypto"
import process from "node:process"
import { bytesOf } from "@tvix-ts/bytes"
import type { Hasher, HashEngine } from "../engine.ts"

// Loading these costs milliseconds that most runs never need.
let crypto: typeof Crypto | undefined
const loadCrypto = (): typeof Crypto => (crypto ??= process.getBuiltinModule("node:crypto"))

interface Blake3 {
  readonly jit: typeof Blake3Jit
  readonly addon: typeof Blake3Addon | undefined
}
let blake: Blake3 | undefined

function loadBlake(): Blake3 {
  if (blake === undefined) {
    const require = process.getBuiltinModule("node:module").createRequire(import.meta.url)
    let addon: Blake3["addon"]
    try {
      addon = require("@napi-rs/blake-hash")
    } catch {
      // An optional dependency, and not built for every platform.
    }
    blake = { jit: require("blake3-jit"), addon }
  }
  return blake
}

/**
 * How OpenSSL gives digests: a Buffer that Node makes is an array of bytes whose prototype it changes, and at the first one V8 gives up
 * code that was made for arrays of bytes.
 */
const AS_STRING = "latin1"

/** Bytes. Below this a call into the addon costs more than it saves. */
const ADDON_FROM = 2048

export const engine: HashEngine = {
  hash(algorithm, bytes) {
    if (algorithm !== "blake3") return bytesOf(loadCrypto().hash(algorithm, bytes, AS_STRING))
    const { jit, addon } = loadBlake()
    return addon !== undefined && bytes.length >= ADDON_FROM ? plain(addon.blake3(bytes)) : jit.hash(bytes)
  },
  textDigest(algorithm, text, as) {
    if (algorithm === "blake3") return undefined
    if (typeof text !== "string") return loadCrypto().hash(algorithm, inARow(text), as)
    // As text, Node would hash its UTF-8: the bytes themselves only below 128.
    const isAscii = Buffer.byteLength(text) === text.length
    return loadCrypto().hash(algorithm, isAscii ? text : Buffer.from(text, "latin1"), as)
  },
  startHash(algorithm) {
    if (algorithm !== "blake3") {
      const running = loadCrypto().createHash(algorithm)
      return hasher(
        (bytes) => running.update(bytes),
        () => bytesOf(running.digest(AS_STRING)),
      )
    }
    const { jit, addon } = loadBlake()
    if (addon !== undefined) {
      const running = new addon.Blake3Hasher()
      return hasher(
        (bytes) => running.update(bytes),
        () => plain(running.digestBuffer()),
      )
    }
    const running = new jit.Hasher()
    return hasher(
      (bytes) => running.update(bytes),
      () => running.finalize(),
    )
  },
}

/** Bytes of a text, made of pieces, that are put where those of the last one were. */
const ROOM = 2 ** 18
let room: Buffer | undefined

/** The bytes of `pieces`, good until the next ones are put in a row. To join them as text takes memory for each text anew. */
function inARow(pieces: readonly string[]): Uint8Array {
  let size = 0
  for (const piece of pieces) size += piece.length
  const bytes = size <= ROOM ? (room ??= Buffer.allocUnsafeSlow(ROOM)) : Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const piece of pieces) at += bytes.write(piece, at, "latin1")
  return bytes.subarray(0, size)
}

function hasher(update: (bytes: Uint8Array) => void, digest: () => Uint8Array): Hasher {
  return {
    update(bytes) {
      update(bytes)
      return this
    },
    digest,
  }
}

/** Not a Buffer, whose `slice` shares memory and which prints and compares differently. */
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}
