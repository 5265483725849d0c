export { DiskError, type DiskProblem, type DiskWork, type SpecialFile } from "./disk/problem.ts"
export { readTree, type EntryKind, type ReadTreeOptions, type TreeProgress } from "./disk/read-tree.ts"
export { WriteTree } from "./disk/write-tree.ts"
export { makeFolder } from "./folder.ts"
export { grpcBlobService } from "./grpc/blob-client.ts"
export { answer, GrpcChannel, type ChannelOptions } from "./grpc/channel.ts"
export { grpcDirectoryService } from "./grpc/directory-client.ts"
export { serveGrpc, type GrpcServer, type ServeOptions, type ServerLimits } from "./grpc/server.ts"
export {
  clientStreaming,
  grpcService,
  serverStreaming,
  unary,
  type GrpcService,
  type ServerCall,
} from "./grpc/service.ts"
export { castoreServices } from "./grpc/services.ts"
export { fromStatus, GrpcFailure, GrpcStatusCode, isNotFound, isUnimplemented, type GrpcStatus } from "./grpc/status.ts"
export type { CollectOptions, CollectProgress, CollectReport } from "./local/collect.ts"
export { storageError } from "./local/failure.ts"
export { openDatabaseOf, transaction, type DatabaseFormat } from "./local/sqlite.ts"
export { tryLock, type Lock } from "./local/lock.ts"
export { openLocalCastore, type LocalCastore, type LocalCastoreOptions } from "./local/open.ts"
export type { LocalStats, LocalUsage } from "./local/usage.ts"
export {
  describeCastoreFinding,
  type CastoreFinding,
  type VerifyCastoreOptions,
  type VerifyProgress,
} from "./local/verify.ts"
export { byteaArray, PostgresDatabase, type PostgresOptions, type Tables } from "./postgres/database.ts"
export { postgresDirectoryService } from "./postgres/directories.ts"
export { zstd } from "./zstd.ts"
