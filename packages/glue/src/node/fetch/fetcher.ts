import type { Fetcher } from "../../fetch/fetcher.ts"
import type { NodeFetcherOptions } from "./options.ts"
import type { NodeFetching } from "./fetching.ts"

export interface DownloadOptions {
  readonly signal?: AbortSignal
  /** Called whenever something arrives. */
  readonly onPiece?: () => void
}

/** Gives what is at a URL, a byte string, to `use`, whatever that was before: for whoever knows what it has to be. */
export type Download = <T>(
  url: string,
  use: (pieces: AsyncIterable<Uint8Array>, size: number) => Promise<T>,
  options?: DownloadOptions,
) => Promise<T>

export interface NodeFetcher extends Fetcher {
  /** @throws {FetchError} */
  readonly download: Download
  /** Closes what was opened, except the store. */
  close(): void
}

/**
 * Fetches over HTTP and with git's own command, through a cache in a folder. Nothing of that is loaded, and nothing opened,
 * before something is fetched.
 */
export function nodeFetcher(options: NodeFetcherOptions): NodeFetcher {
  let loading: Promise<NodeFetching> | undefined
  const load = (): Promise<NodeFetching> =>
    (loading ??= import("./fetching.ts").then(({ NodeFetching }) => new NodeFetching(options)))
  return {
    file: async (request) => (await load()).file(request),
    tarball: async (request) => (await load()).tarball(request),
    git: async (request) => (await load()).git(request),
    download: async (url, use, how) => (await load()).contents(url, use, how),
    close: () => void loading?.then((fetching) => fetching.close()),
  }
}
