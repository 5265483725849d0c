/**
 * Store paths in one stream, as `nix-store --export` writes them (libstore/export-import.cc):
 *
 *     export       { 1 path } 0
 *     path         <Nix archive> 0x4558494e STOREPATH count { STOREPATH } DERIVER 0
 *
 * The references are sorted; DERIVER is empty if it is not known. Numbers are 8 bytes, little-endian, and texts as in Nix
 * archives. Long ago a signature stood in place of the last 0: a 1, and a text.
 */
import type { StorePath } from "../store-path.ts"

/** What is said of a path behind its archive. */
export interface ExportDescription {
  readonly storePath: StorePath
  /** Sorted by their base names. */
  readonly references: readonly StorePath[]
  readonly deriver?: StorePath
}

export const MAGIC = 0x4558494e
/** In front of a path, and of a signature. */
export const MORE = 1
export const NO_MORE = 0
