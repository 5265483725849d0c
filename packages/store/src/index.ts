export type { Compression } from "./compression/problem.ts"
export { byReferences, closureOf, describeClosure, type ClosureOptions } from "./copy/closure.ts"
export { checkArchive, copyPaths, type CopyOptions, type CopyProgress } from "./copy/copy.ts"
export { copyTree, type CopyTreeOptions } from "./copy/tree.ts"
export { exportPaths, importPaths } from "./copy/export.ts"
export { storeTree, type StoreTreeOptions } from "./import.ts"
export { memoryNarCache, narCacheKey, type NarCache } from "./nar/cache.ts"
export { calculateNar, calculatingNarService } from "./nar/calculate.ts"
export { narHasher, type NarHasher } from "./nar/hasher.ts"
export { ingestNar, type Ingested, type IngestOptions } from "./nar/ingest.ts"
export { openNar, type NarFile, type ReadNarOptions } from "./nar/open.ts"
export { renderNar, writeNar } from "./nar/render.ts"
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
export type { PathDescription, PathInfo } from "./path-info/path-info.ts"
export type { GetPathInfoOptions, NarCalculation, PathInfoService, PutPathInfoOptions } from "./path-info/service.ts"
export { signedBy } from "./path-info/signatures.ts"
export { foundReferences, ReferenceScanner } from "./references/scanner.ts"
export { whyDepends, type Step } from "./references/why.ts"
export { SharedCalls } from "./shared-calls.ts"
export { cacheStore, memoryStore, type NarService, type Store } from "./store.ts"
