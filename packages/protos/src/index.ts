export {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  type HealthCheckRequest,
  type HealthCheckResponse,
} from "./gen/grpc/health/v1/health_pb.ts"
export {
  ServerReflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "./gen/grpc/reflection/v1/reflection_pb.ts"
export { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts"
export { BuildService as SnixBuildService } from "./gen/snix/build/v1/build_service_pb.ts"
export { BlobService as SnixBlobService } from "./gen/snix/castore/v1/blob_service_pb.ts"
export { DirectoryService as SnixDirectoryService } from "./gen/snix/castore/v1/directory_service_pb.ts"
export { PathInfoService as SnixPathInfoService } from "./gen/snix/store/v1/path_info_service_pb.ts"
export {
  Build_OutputNeedlesSchema,
  BuildRequest_AdditionalFileSchema,
  BuildRequest_BuildConstraintsSchema,
  BuildRequest_EnvVarSchema,
  BuildRequestSchema,
  BuildSchema,
  type Build,
  type Build_OutputNeedles,
  type BuildRequest,
  type BuildRequest_AdditionalFile,
  type BuildRequest_BuildConstraints,
  type BuildRequest_EnvVar,
} from "./gen/tvix/build/v1/build_pb.ts"
export { BuildService as TvixBuildService } from "./gen/tvix/build/v1/build_service_pb.ts"
export {
  BlobChunkSchema,
  BlobService as TvixBlobService,
  PutBlobResponseSchema,
  ReadBlobRequestSchema,
  StatBlobRequestSchema,
  StatBlobResponse_ChunkMetaSchema,
  StatBlobResponseSchema,
  type BlobChunk,
  type PutBlobResponse,
  type ReadBlobRequest,
  type StatBlobRequest,
  type StatBlobResponse,
  type StatBlobResponse_ChunkMeta,
} from "./gen/tvix/castore/v1/blob_service_pb.ts"
export {
  DirectoryNodeSchema,
  DirectorySchema,
  FileNodeSchema,
  NodeSchema,
  SymlinkNodeSchema,
  type Directory,
  type DirectoryNode,
  type FileNode,
  type Node,
  type SymlinkNode,
} from "./gen/tvix/castore/v1/castore_pb.ts"
export {
  DirectoryService as TvixDirectoryService,
  GetDirectoryRequestSchema,
  PutDirectoryResponseSchema,
  type GetDirectoryRequest,
  type PutDirectoryResponse,
} from "./gen/tvix/castore/v1/directory_service_pb.ts"
export {
  NARInfo_CA_Hash,
  NARInfo_CASchema,
  NARInfo_SignatureSchema,
  NARInfoSchema,
  PathInfoSchema,
  StorePathSchema,
  type NARInfo,
  type NARInfo_CA,
  type NARInfo_Signature,
  type PathInfo,
  type StorePath,
} from "./gen/tvix/store/v1/path_info_pb.ts"
export {
  CalculateNARResponseSchema,
  GetPathInfoRequestSchema,
  ListPathInfoRequestSchema,
  PathInfoService as TvixPathInfoService,
  type CalculateNARResponse,
  type GetPathInfoRequest,
  type ListPathInfoRequest,
} from "./gen/tvix/store/v1/path_info_service_pb.ts"
export {
  BuildEventSchema,
  BuildFailureSchema,
  ToldBuildRequestSchema,
  ToldBuildService,
  type BuildEvent,
  type BuildFailure,
  type ToldBuildRequest,
} from "./gen/tvix_ts/build/v1/told_build_service_pb.ts"
export {
  BulkBlobService,
  BulkPutRequestSchema,
  BulkPutResponseSchema,
  BulkReadRequestSchema,
  BulkReadResponse_BlobSchema,
  BulkReadResponseSchema,
  type BulkPutRequest,
  type BulkPutResponse,
  type BulkReadRequest,
  type BulkReadResponse,
  type BulkReadResponse_Blob,
} from "./gen/tvix_ts/castore/v1/bulk_service_pb.ts"
