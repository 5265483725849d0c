export { cachePathInfoService } from "./path-info/cache.ts"
export { checkPathInfo } from "./path-info/check.ts"
export {
  decodePathInfo,
  encodePathInfo,
  messageOfPathInfo,
  pathInfoOfMessage,
  storeDigestOf,
} from "./path-info/codec.ts"
export { memoryPathInfoService } from "./path-info/memory.ts"
export { messageOfNode, nodeOfMessage } from "./path-info/node-message.ts"
export type { PathInfo } from "./path-info/path-info.ts"
export type { NarCalculation, PathInfoService } from "./path-info/service.ts"
export type { NarService, Store } from "./store.ts"
