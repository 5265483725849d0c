import { IoError } from "@tvix-ts/eval"
import type { EvaluationStore } from "../store.ts"
import type { Fetcher } from "./fetcher.ts"
import { FetchError } from "./problem.ts"
import { resolvePseudoUrl } from "./uri.ts"

/** Fetches the archives that entries of search paths name: for the option `fetchArchive` of an evaluation. */
export function archiveFetcher(store: EvaluationStore, fetcher: Fetcher): (url: string) => Promise<string> {
  return async (url) => {
    try {
      const { path } = await fetcher.tarball({ url: resolvePseudoUrl(url), name: "source" })
      store.admit(path)
      return path
    } catch (error) {
      throw error instanceof FetchError ? new IoError(error.message, { cause: error }) : error
    }
  }
}
