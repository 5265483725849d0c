export { nodeFetcher, type Download, type NodeFetcher } from "./fetch/fetcher.ts"
export type { FetchProgress, NodeFetcherOptions } from "./fetch/options.ts"
export { nodeSourceCache, type NodeSourceCacheOptions } from "./source-cache.ts"
