export { collectGarbage, type CollectGarbageOptions, type GarbageReport } from "./gc.ts"
export { grpcNarService, grpcPathInfoService } from "./grpc/path-info-client.ts"
export { pathInfoServices, type PathInfoServiceOptions } from "./grpc/path-info-server.ts"
export { serveStore, type ServeStoreOptions } from "./grpc/server.ts"
export { openGrpcStore } from "./grpc/store.ts"
export { importPath, type ImportOptions } from "./import-path.ts"
export type { LocalPathInfoService, StoredPathInfo } from "./local/path-infos.ts"
export type { Root, Roots } from "./local/roots.ts"
export { openLocalStore, type LocalStore, type LocalStoreOptions } from "./local/store.ts"
export { openStore } from "./open.ts"
export {
  describeFinding,
  isNote,
  verifyPathInfos,
  verifyStore,
  type StoreFinding,
  type VerifyOptions,
} from "./verify.ts"
