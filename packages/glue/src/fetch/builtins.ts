import type { Builtin } from "@tvix-ts/eval"
import type { EvaluationStore } from "../store.ts"
import type { Fetching } from "./ask.ts"
import type { Fetcher } from "./fetcher.ts"
import { fetchGit } from "./git-builtin.ts"
import { fetchMercurial, fetchTree, getFlake } from "./refused.ts"
import { uriCheck } from "./uri.ts"
import { fetchTarball, fetchUrl } from "./url-builtins.ts"

export interface FetchOptions {
  /**
   * What the addresses that programs may ask for begin with, as `allowed-uris` says; every one without. Of others they
   * are told that it is forbidden in restricted mode.
   */
  readonly allowedUris?: readonly string[]
}

/** The builtins that fetch, through `fetcher`, into `store`: for the option `builtins` of an evaluation. */
export function fetchBuiltins(
  store: EvaluationStore,
  fetcher: Fetcher,
  options: FetchOptions = {},
): readonly Builtin[] {
  const check = options.allowedUris === undefined ? () => {} : uriCheck(options.allowedUris)
  const fetching: Fetching = { store, fetcher, check }
  return [fetchUrl(fetching), fetchTarball(fetching), fetchGit(fetching), fetchTree, fetchMercurial, getFlake]
}
