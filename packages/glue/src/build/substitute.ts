import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { copyPaths, type Store } from "@tvix-ts/store"
import type { RealiseEvent } from "./realise.ts"

export interface SubstituteOptions extends CallOptions {
  readonly store: Store
  /** In the order in which they are asked. */
  readonly substituters: readonly Store[]
  readonly onEvent?: ((event: RealiseEvent) => void) | undefined
}

/**
 * Copies a store path, and what it refers to, from the first that has it and gives it; whether it is there now.
 *
 * @throws {CastoreError} `full` if there is no room for it
 */
export async function substitute(path: StorePath, options: SubstituteOptions): Promise<boolean> {
  const { store, substituters, onEvent, signal } = options
  const callOptions: CallOptions = signal === undefined ? {} : { signal }
  if ((await store.pathInfos.describe(path.digest, callOptions)) !== undefined) return true
  const told = formatStorePath(path)
  for (const substituter of substituters) {
    try {
      const description = await substituter.pathInfos.describe(path.digest, callOptions)
      if (description === undefined) continue
      onEvent?.({ kind: "fetch-started", path: told, narSize: description.narSize })
      await copyPaths([path], substituter, store, callOptions)
      onEvent?.({ kind: "fetch-done", path: told })
      return true
    } catch (error) {
      // Others may have it, or it can be built. Without room, neither is of use.
      if (signal?.aborted === true || !(error instanceof CastoreError) || error.problem.code === "full") throw error
      onEvent?.({ kind: "fetch-failed", path: told, error })
    }
  }
  return false
}
