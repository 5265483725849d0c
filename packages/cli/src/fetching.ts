/** What programs fetch, and how, as settings and environment say. */
import { byteStringOf } from "@tvix-ts/bytes"
import { nodeFetcher, type FetchProgress, type NodeFetcher } from "@tvix-ts/glue/node"
import type { Store } from "@tvix-ts/store"
import { join } from "node:path"
import { cacheDirectory } from "./caches.ts"
import type { Settings } from "./settings.ts"

export interface FetchListeners {
  readonly onProgress: (progress: FetchProgress) => void
  /** A byte string. */
  readonly onWarning: (message: string) => void
}

/** Loads nothing before something is fetched. */
export function fetcherOf({ fetch }: Settings, store: () => Promise<Store>, listeners: FetchListeners): NodeFetcher {
  const { env } = process
  const directory = cacheDirectory(env, process.platform)
  const caFile = env["NIX_SSL_CERT_FILE"] || env["SSL_CERT_FILE"]
  return nodeFetcher({
    store,
    ...(directory !== undefined && { cacheFolder: join(directory, "fetch") }),
    netrcFile: join(env["NIX_CONF_DIR"] ?? "/etc/nix", "netrc"),
    ...(caFile && { caFile }),
    ...fetch,
    ...listeners,
  })
}

/** Where addresses are restricted, those that are allowed: byte strings. */
export function allowedUris({ restricted, allowedUris: uris }: Settings): { readonly allowedUris?: string[] } {
  return restricted ? { allowedUris: uris.map(byteStringOf) } : {}
}
