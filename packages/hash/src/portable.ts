/** Hashing without any help from the host: for browsers, workers and whatever else runs JavaScript. */
import { md5, sha1 } from "@noble/hashes/legacy.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import { hash as blake3, Hasher as Blake3 } from "blake3-jit"
import type { Hasher, HashEngine } from "./engine.ts"

const NOBLE = { md5, sha1, sha256, sha512 }

export const engine: HashEngine = {
  hash(algorithm, bytes) {
    if (algorithm !== "blake3") return NOBLE[algorithm](bytes)
    return bytes.length < COMPILED_LENGTH || mayCompile() ? blake3(bytes) : startBlake3().update(bytes).digest()
  },
  startHash: (algorithm) => (algorithm === "blake3" ? startBlake3() : NOBLE[algorithm].create()),
}

function startBlake3(): Hasher {
  const blake = new Blake3()
  return {
    update(bytes) {
      blake.update(bytes)
      return this
    },
    digest: () => blake.finalize(),
  }
}

/** Bytes from which on blake3-jit compiles WebAssembly, unless it is given them in pieces. */
const COMPILED_LENGTH = 4096
/** A module with nothing in it: `\0asm`, version 1. */
const EMPTY_MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
let compiles: boolean | undefined

/**
 * Whether the host compiles WebAssembly; a page's content security policy may forbid it. Asked once: every attempt is a
 * violation that the browser reports to wherever the policy says, and blake3-jit would make one, and warn, for each blob.
 */
function mayCompile(): boolean {
  if (compiles !== undefined) return compiles
  try {
    void new WebAssembly.Module(new Uint8Array(EMPTY_MODULE))
    compiles = true
  } catch {
    compiles = false
  }
  return compiles
}
