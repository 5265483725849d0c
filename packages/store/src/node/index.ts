export { grpcNarService, grpcPathInfoService } from "./grpc/path-info-client.ts"
export { pathInfoServices, type PathInfoServiceOptions } from "./grpc/path-info-server.ts"
export { serveStore, type ServeStoreOptions } from "./grpc/server.ts"
export { openGrpcStore } from "./grpc/store.ts"
