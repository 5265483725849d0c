/** Hashing without any help from the host: for browsers, workers and whatever else runs JavaScript. */
import { md5, sha1 } from "@noble/hashes/legacy.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import { hash as blake3, Hasher as Blake3 } from "blake3-jit"
import type { HashEngine } from "./engine.ts"

const NOBLE = { md5, sha1, sha256, sha512 }

export const engine: HashEngine = {
  hash: (algorithm, bytes) => (algorithm === "blake3" ? blake3(bytes) : NOBLE[algorithm](bytes)),
  startHash(algorithm) {
    if (algorithm !== "blake3") return NOBLE[algorithm].create()
    const blake = new Blake3()
    return {
      update(bytes) {
        blake.update(bytes)
        return this
      },
      digest: () => blake.finalize(),
    }
  },
}
