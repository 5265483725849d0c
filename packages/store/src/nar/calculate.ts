import type { CallOptions, Node } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import type { NarCalculation } from "../path-info/service.ts"
import type { NarService, Store } from "../store.ts"
import { narCacheKey, type NarCache } from "./cache.ts"
import { writeNar } from "./render.ts"

/** Reads the tree and hashes its archive, unless `cache` remembers. Whoever asks for the same at the same time waits for one. */
export function calculatingNarService(store: Pick<Store, "blobs" | "directories">, cache: NarCache): NarService {
  const running = new Map<string, Promise<NarCalculation>>()
  return {
    async calculate(node, options = {}) {
      options.signal?.throwIfAborted()
      if (node.type === "symlink") return calculateNar(node, store, options)
      const key = narCacheKey(node)
      const known = cache.get(key)
      if (known !== undefined) return known
      // A call that can be ended must not be shared: it would end the others, too.
      const shared = options.signal === undefined ? running.get(key) : undefined
      if (shared !== undefined) return shared
      const calculated = calculateNar(node, store, options).then((calculation) => {
        cache.set(key, calculation)
        return calculation
      })
      if (options.signal !== undefined) return calculated
      running.set(key, calculated)
      try {
        return await calculated
      } finally {
        running.delete(key)
      }
    },
  }
}

/** Reads all of the tree. */
export async function calculateNar(
  node: Node,
  store: Pick<Store, "blobs" | "directories">,
  options: CallOptions = {},
): Promise<NarCalculation> {
  const hasher = startHash("sha256")
  let narSize = 0
  await writeNar(
    node,
    store,
    (bytes) => {
      hasher.update(bytes)
      narSize += bytes.length
    },
    options,
  )
  return { narSize, narHash: hasher.digest() }
}
