import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { closeAll } from "../close-all.ts"
import { hasEach } from "../path-info/has-each.ts"
import type { GetPathInfoOptions, PathInfoService } from "../path-info/service.ts"
import type { Store } from "../store.ts"
import { PRIORITY } from "./cache-info.ts"

/** For which a cache that could not be reached is left alone, so that not every question waits for it. */
const LEFT_ALONE_MS = 60_000

/**
 * Several binary caches that share a castore, as one: what one has not, the next is asked for, those with the lowest priority
 * first. One that cannot be reached, or lies, keeps nobody from asking the others. What is put goes to the first of them.
 *
 * @param now ms since whenever
 */
export function firstOf(stores: readonly [Store, ...Store[]], now: () => number = () => performance.now()): Store {
  const [first] = stores
  return {
    get blobs() {
      return first.blobs
    },
    get directories() {
      return first.directories
    },
    pathInfos: new FirstPathInfos(stores, now),
    nar: first.nar,
    readOnly: first.readOnly === true,
    close: () => closeAll(...stores),
  }
}

class FirstPathInfos implements PathInfoService {
  readonly #stores: readonly [Store, ...Store[]]
  readonly #now: () => number
  readonly #unreachable = new Map<Store, { readonly until: number; readonly error: unknown }>()

  constructor(stores: readonly [Store, ...Store[]], now: () => number) {
    this.#stores = stores
    this.#now = now
  }

  get(digest: string, options?: GetPathInfoOptions): ReturnType<PathInfoService["get"]> {
    return this.#ask(options, ({ pathInfos }) => pathInfos.get(digest, options))
  }

  describe(digest: string, options?: CallOptions): ReturnType<PathInfoService["describe"]> {
    return this.#ask(options, ({ pathInfos }) => pathInfos.describe(digest, options))
  }

  has: PathInfoService["has"] = (digests, options) =>
    hasEach(digests, async (digest) => (await this.describe(digest, options)) !== undefined)

  put: PathInfoService["put"] = (pathInfo, options) => this.#stores[0].pathInfos.put(pathInfo, options)
  putMany: PathInfoService["putMany"] = (pathInfos, options) => this.#stores[0].pathInfos.putMany(pathInfos, options)
  list: PathInfoService["list"] = (options) => this.#stores[0].pathInfos.list(options)

  async close(): Promise<void> {
    await closeAll(...this.#stores.map(({ pathInfos }) => pathInfos))
  }

  /** @throws {unknown} what the first has thrown that failed, if nobody has it */
  async #ask<T>(
    options: CallOptions | undefined,
    ask: (store: Store) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let failure: { readonly error: unknown } | undefined
    for (const store of await this.#inOrder(options)) {
      const unreachable = this.#unreachable.get(store)
      if (unreachable !== undefined && unreachable.until > this.#now()) {
        failure ??= unreachable
        continue
      }
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next is asked if this one does not know
        const found = await ask(store)
        this.#unreachable.delete(store)
        if (found !== undefined) return found
      } catch (error) {
        options?.signal?.throwIfAborted()
        failure ??= { error }
        if (error instanceof CastoreError && error.problem.code === "unavailable") {
          this.#unreachable.set(store, { until: this.#now() + LEFT_ALONE_MS, error })
        }
      }
    }
    if (failure !== undefined) throw failure.error
    return undefined
  }

  /** Those that say the same come as they were named. */
  async #inOrder(options: CallOptions | undefined): Promise<readonly Store[]> {
    const priorities = await Promise.all(
      this.#stores.map(async (store) => {
        // One that does not answer is asked for the path all the same, and fails then.
        const priority = this.#unreachable.has(store) ? PRIORITY : await store.priority?.(options).catch(() => PRIORITY)
        return { store, priority: priority ?? PRIORITY }
      }),
    )
    return priorities.toSorted((a, b) => a.priority - b.priority).map(({ store }) => store)
  }
}
