export { nodeIo, type NodeIoOptions } from "./io.ts"
export type { Restriction } from "./restricted.ts"
export { nodeUnitCache, type NodeUnitCacheOptions } from "./unit-cache/unit-cache.ts"
