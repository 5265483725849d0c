import { equal } from "@tvix-ts/bytes"
import { CastoreError, untilAborted } from "@tvix-ts/castore"
import type { PathDescription, PathInfo, Store } from "@tvix-ts/store"
import { networkOf } from "./address.ts"
import type { CacheRequest } from "./http/exchange.ts"
import type { Gate } from "./limits.ts"
import { LiveArchive } from "./live-archive.ts"
import { isHere } from "./stored-node.ts"

export interface FetchesOptions {
  /** Who may have something fetched. */
  readonly gate: Gate
  /** Bytes of an archive that is fetched from elsewhere; larger ones are not here. */
  readonly narSizeMax: number
  /** Ends what is being fetched. */
  readonly signal: AbortSignal | undefined
}

interface Fetching {
  readonly result: Promise<PathInfo | undefined>
  readonly archive: LiveArchive
}

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
  async get(digest: string, request: Pick<CacheRequest, "address" | "signal">): Promise<PathInfo | undefined> {
    const found = await this.#find(digest, request)
    return found === undefined || "node" in found ? found : untilAborted(found.result, request.signal)
  }

  /** As {@link get}, but what has to be fetched is there as soon as it begins to come. */
  async follow(
    digest: string,
    request: Pick<CacheRequest, "address" | "signal">,
  ): Promise<PathInfo | LiveArchive | undefined> {
    const found = await this.#find(digest, request)
    if (found === undefined || "node" in found) return found
    await found.archive.begun(request.signal)
    return found.archive
  }

  async #find(
    digest: string,
    { signal, address }: Pick<CacheRequest, "address" | "signal">,
  ): Promise<PathInfo | Fetching | undefined> {
    const { gate, narSizeMax } = this.#options
    const described = await this.#pathInfos.describe(digest, { signal })
    if (described === undefined || isHere(described)) return described
    if (described.narSize > narSizeMax) return undefined
    const running = this.#running.get(digest)
    if (running !== undefined) return running
    const leave = await gate.enter(signal, networkOf(address))
    // Somebody else may have come first.
    const other = this.#running.get(digest)
    if (other === undefined) return this.#begin(described, leave)
    leave()
    return other
  }

  #begin(described: PathDescription, leave: () => void): Fetching {
    const { signal } = this.#options
    const { digest } = described.storePath
    const archive = new LiveArchive(described)
    const options = { onArchive: archive.push, ...(signal !== undefined && { signal }) }
    const result = this.#pathInfos.get(digest, options).finally(() => {
      this.#running.delete(digest)
      leave()
    })
    // Perhaps nobody is left who waits for it. Who asks next is told why it fails then.
    void settle(archive, result)
    const fetching = { result, archive }
    this.#running.set(digest, fetching)
    return fetching
  }
}

/** Tells who follows how it ends. */
async function settle(archive: LiveArchive, result: Fetching["result"]): Promise<void> {
  try {
    const found = await result
    if (found !== undefined && equal(found.narHash, archive.narHash)) archive.finish(found.node)
    else archive.fail(new CastoreError({ code: "missing", what: "the archive that was asked for" }))
  } catch (error) {
    archive.fail(error)
  }
}
