import type { Builtin } from "@tvix-ts/eval"
import type { Fetcher } from "./fetcher.ts"
import { fetchGit } from "./git-builtin.ts"
import { fetchMercurial, fetchTree, flakeBuiltins } from "./refused.ts"
import { uriCheck } from "./uri.ts"
import { fetchTarball, fetchUrl } from "./url-builtins.ts"

export interface FetchOptions {
  /**
   * What the addresses that programs may ask for begin with, as `allowed-uris` says; every one without. Of others they
   * are told that it is forbidden in restricted mode.
   */
  readonly allowedUris?: readonly string[]
}

/** The builtins that fetch, through `fetcher`: for the option `builtins` of an evaluation. */
export function fetchBuiltins(fetcher: Fetcher, options: FetchOptions = {}): readonly Builtin[] {
  const check = options.allowedUris === undefined ? () => {} : uriCheck(options.allowedUris)
  return [
    fetchUrl(fetcher, check),
    fetchTarball(fetcher, check),
    fetchGit(fetcher, check),
    fetchTree,
    fetchMercurial,
    ...flakeBuiltins,
  ]
}
