import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { copyPaths, type PathDescription, type Store } from "@tvix-ts/store"
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
  for (const substituter of substituters) {
    const begun = new Set<string>()
    const onPath = ({ storePath, narSize }: PathDescription, state: "begun" | "done"): void => {
      const told = formatStorePath(storePath)
      if (state === "begun") begun.add(told)
      else begun.delete(told)
      onEvent?.(state === "begun" ? { kind: "fetch-started", path: told, narSize } : { kind: "fetch-done", path: told })
    }
    try {
      if ((await substituter.pathInfos.describe(path.digest, callOptions)) === undefined) continue
      await copyPaths([path], substituter, store, { ...callOptions, onPath })
      return true
    } catch (error) {
      // Others may have it, or it can be built. Without room, neither is of use.
      if (signal?.aborted === true || !(error instanceof CastoreError) || error.problem.code === "full") throw error
      begun.add(formatStorePath(path))
      for (const told of begun) onEvent?.({ kind: "fetch-failed", path: told, error })
    }
  }
  return false
}
