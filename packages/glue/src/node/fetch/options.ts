import type { Store } from "@tvix-ts/store"

export interface NodeFetcherOptions {
  /** Where to put what is fetched. Called when something is. */
  readonly store: () => Promise<Store>
  /**
   * A folder for what is known of addresses, and for copies of Git repositories; made when it is needed. Without, nothing
   * outlives the fetcher.
   */
  readonly cacheFolder?: string
  /** Seconds for which an answer without a hash is not asked for again. Default: one hour. */
  readonly tarballTtl?: number
  /** Names and passwords for servers, as curl reads them. */
  readonly netrcFile?: string
  /** Until there is a connection; 0: for ever. */
  readonly connectTimeoutMs?: number
  /** Without a byte. */
  readonly stalledTimeoutMs?: number
  /** Of each download; those that nothing can be hoped of are not repeated. */
  readonly attemptsMax?: number
  /** Before the second attempt; each one after it waits twice as long. */
  readonly retryMs?: number
  /** At a time; 0: as many as there are. */
  readonly connectionsMax?: number
  /** Of a download, and of what is in an archive. */
  readonly bytesMax?: number
  /** Certificates of authorities that are believed, in place of those that Node brings. */
  readonly caFile?: string
  /** Whether a working folder may have changes that are not committed. Default: yes, and then there is a warning. */
  readonly allowDirty?: boolean
  readonly warnDirty?: boolean
  /** Added to the name by which servers know us. */
  readonly userAgentSuffix?: string
  readonly onProgress?: (progress: FetchProgress) => void
  /** Takes what went wrong without being the end of it: a byte string. */
  readonly onWarning?: (message: string) => void
  /** For git, and for proxies. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface FetchProgress {
  /** As in "downloading 'https://…'": the same text until `finished`. */
  readonly activity: string
  readonly done: number
  /** If it is known. */
  readonly total?: number
  readonly unit: "bytes" | "percent"
  readonly finished: boolean
}

export type FetchSettings = ReturnType<typeof fetchSettings>

/**
 * The options with all defaults; those of numbers are C++ Nix's (libstore/include/nix/store/filetransfer.hh).
 *
 * @param signal gives up whatever is going on
 */
export function fetchSettings(options: NodeFetcherOptions, cacheFolder: string, signal: AbortSignal) {
  return {
    tarballTtl: 3600,
    allowDirty: true,
    warnDirty: true,
    netrcFile: undefined as string | undefined,
    caFile: undefined as string | undefined,
    connectTimeoutMs: 15_000,
    stalledTimeoutMs: 300_000,
    attemptsMax: 5,
    retryMs: 250,
    connectionsMax: 25,
    bytesMax: 64 * 2 ** 30,
    userAgentSuffix: "",
    onProgress: (() => {}) as (progress: FetchProgress) => void,
    onWarning: (() => {}) as (message: string) => void,
    env: process.env as Readonly<Record<string, string | undefined>>,
    ...options,
    cacheFolder,
    signal,
  }
}
