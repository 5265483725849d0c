import type { PathInfo, Store } from "@tvix-ts/store"
import { networkOf } from "./address.ts"
import type { CacheRequest } from "./http/exchange.ts"
import type { Gate } from "./limits.ts"
import { isHere } from "./stored-node.ts"

export interface FetchesOptions {
  /** Who may have something fetched. */
  readonly gate: Gate
  /** Bytes of an archive that is fetched from elsewhere; larger ones are not here. */
  readonly narSizeMax: number
  /** Ends what is being fetched. */
  readonly signal: AbortSignal | undefined
}

type Fetching = Promise<PathInfo | undefined>

/**
 * Path infos with their trees, of a store that may have to fetch archives from another cache. What was begun for one client goes on
 * when that has gone away: clients give up after minutes without a byte, and ask again; they would begin at nothing each time.
 */
export class Fetches {
  readonly #pathInfos: Store["pathInfos"]
  readonly #options: FetchesOptions
  readonly #running = new Map<string, Fetching>()

  constructor({ pathInfos }: Pick<Store, "pathInfos">, options: FetchesOptions) {
    this.#pathInfos = pathInfos
    this.#options = options
  }

  /** @throws {CacheError} `busy`; what fetching it fails with; the signal's reason */
  async get(digest: string, request: Pick<CacheRequest, "address" | "signal">): Fetching {
    const { signal, address } = request
    const { gate, narSizeMax } = this.#options
    const described = await this.#pathInfos.describe(digest, { signal })
    if (described === undefined || isHere(described)) return described
    if (described.narSize > narSizeMax) return undefined
    if (!this.#running.has(digest)) {
      const leave = await gate.enter(signal, networkOf(address))
      // Somebody else may have come first.
      if (this.#running.has(digest)) leave()
      else this.#begin(digest, leave)
    }
    return untilAborted(this.#running.get(digest)!, signal)
  }

  #begin(digest: string, leave: () => void): void {
    const { signal } = this.#options
    const fetching = this.#pathInfos.get(digest, signal === undefined ? {} : { signal }).finally(() => {
      this.#running.delete(digest)
      leave()
    })
    // Perhaps nobody is left who waits for it. Who asks next is told why it fails then.
    fetching.catch(() => {})
    this.#running.set(digest, fetching)
  }
}

async function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener("abort", abort)
  try {
    return await Promise.race([result, aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
