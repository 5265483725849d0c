export { binaryCache, CACHE_LIMITS, type CacheLimits, type CacheOptions } from "./app.ts"
export type { Answer, Output, StreamedBody } from "./http/answer.ts"
export type { CacheRequest, HostBindings, Observer, RequestEvent } from "./http/exchange.ts"
export { metricsApp, type Metrics } from "./metrics-app.ts"
export type { Compressor, Compressors } from "./nar-files.ts"
export type { OwnCompression } from "./nar-name.ts"
export { CacheError, type CacheProblem } from "./problem.ts"
export type { Decompress } from "./put-nar.ts"
export {
  memoryTokens,
  presentedSecret,
  type CreatedToken,
  type NewToken,
  type Right,
  type Token,
  type TokenRegistry,
  type Tokens,
} from "./tokens.ts"
export { memoryUploads, type Upload, type Uploads } from "./uploads.ts"
