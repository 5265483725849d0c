import type { NarCalculation } from "@tvix-ts/store"

/**
 * Remembers over evaluations what file trees are as Nix archives, by their fingerprints (source-listing.ts). It may forget
 * whatever it likes, and never fails.
 */
export interface SourceCache {
  get(fingerprint: Uint8Array): NarCalculation | undefined
  put(fingerprint: Uint8Array, nar: NarCalculation): void
}
