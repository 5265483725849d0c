import type { GitRequest, GitTree } from "../../../fetch/fetcher.ts"
import { FetchError } from "../../../fetch/problem.ts"
import type { FetchCache } from "../cache.ts"
import type { FetchSettings } from "../options.ts"

export async function fetchGitTree(_request: GitRequest, _settings: FetchSettings, _cache: FetchCache): Promise<GitTree> {
  throw new FetchError({ code: "unsupported", message: "fetching Git repositories is not supported yet" })
}
