export { CompressionError, type Compression, type CompressionProblem } from "../compression/problem.ts"
export { compress } from "./compress.ts"
export { decompress, isCompression, type DecompressOptions } from "./decompress.ts"
export { collectGarbage, type CollectGarbageOptions, type GarbageReport } from "./gc.ts"
export type { ServeStoreOptions } from "./grpc/server.ts"
export { CACHE_OPTIONS } from "./http/address.ts"
export { netrcLogin } from "./http/netrc.ts"
export { importPath, type ImportOptions } from "./import-path.ts"
export type { LocalPathInfoService, StoredPathInfo } from "./local/path-infos.ts"
export { linkRoot, type Root, type Roots } from "./local/roots.ts"
export { openLocalStore, type LocalStore, type LocalStoreOptions } from "./local/store.ts"
export { grpcTarget, openStore } from "./open.ts"
export { openGrpcStore, serveStore } from "./grpc.ts"
export {
  describeFinding,
  isNote,
  verifyPathInfos,
  verifyStore,
  type StoreFinding,
  type VerifyOptions,
} from "./verify.ts"
