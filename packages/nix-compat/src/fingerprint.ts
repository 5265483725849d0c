import { formatPrefixedHash } from "@tvix-ts/hash"
import { formatStorePath, STORE_DIR, type StorePath } from "./store-path.ts"

/** What a signature of a store path is about. */
export interface Signed {
  readonly storePath: StorePath
  /** SHA-256 of the archive: 32 bytes. */
  readonly narHash: Uint8Array
  /** Bytes of the archive. */
  readonly narSize: number
  /** In any order. */
  readonly references: readonly StorePath[]
}

/**
 * The byte string that is signed: `1;<store path>;<hash of the archive>;<its size>;<references, with commas>`
 * (libstore/path-info.cc).
 */
export function fingerprint({ storePath, narHash, narSize, references }: Signed, storeDir: string = STORE_DIR): string {
  const hash = formatPrefixedHash({ algorithm: "sha256", digest: narHash }, "nix32")
  const paths = references.map((reference) => formatStorePath(reference, storeDir)).sort()
  return `1;${formatStorePath(storePath, storeDir)};${hash};${narSize};${paths.join(",")}`
}
