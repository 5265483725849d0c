import { startHash } from "@tvix-ts/hash"
import { NarWriter } from "@tvix-ts/nix-compat"
import type { NarCalculation } from "../path-info/service.ts"

/** What the Nix archive of a tree is, for whoever is told the tree and does not want the archive. */
export interface NarHasher {
  /** Never asks to wait. */
  readonly writer: NarWriter
  /** After all of the tree. @throws {NarError} if something is missing */
  finish(): NarCalculation
}

/** @param onBytes sees the archive, too; pieces may not be kept */
export function narHasher(onBytes?: (bytes: Uint8Array) => void): NarHasher {
  const hasher = startHash("sha256")
  let narSize = 0
  const writer = new NarWriter((bytes) => {
    hasher.update(bytes)
    onBytes?.(bytes)
    narSize += bytes.length
  })
  return {
    writer,
    finish() {
      void writer.end()
      return { narSize, narHash: hasher.digest() }
    },
  }
}
