import { encodeHex } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import type { NarCalculation } from "../path-info/service.ts"

/** Remembers what trees are as Nix archives. It may forget. */
export interface NarCache {
  /** @param key {@link narCacheKey} */
  get(key: string): NarCalculation | undefined
  set(key: string, calculation: NarCalculation): void
}

/** Everything of a node that decides about its archive. */
export function narCacheKey(node: Node): string {
  switch (node.type) {
    case "directory":
      return `directory ${node.size} ${encodeHex(node.digest)}`
    case "file":
      return `${node.executable ? "executable" : "file"} ${node.size} ${encodeHex(node.digest)}`
    case "symlink":
      return `symlink ${node.target}`
  }
}

/** Entries at most: some 30 MB. */
const ENTRIES_MAX = 100_000

export function memoryNarCache(): NarCache {
  const known = new Map<string, NarCalculation>()
  return {
    get: (key) => known.get(key),
    set(key, calculation) {
      if (known.size >= ENTRIES_MAX) known.clear()
      known.set(key, calculation)
    },
  }
}
