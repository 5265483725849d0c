export { cacheBlobService } from "./blob/cache.ts"
export { memoryBlobService } from "./blob/memory.ts"
export type {
  BlobBatch,
  BlobMeta,
  BlobReader,
  BlobService,
  BlobWriter,
  ChunkMeta,
  Contents,
  ReadOptions,
} from "./blob/service.ts"
export { untilAborted, type CallOptions } from "./call.ts"
export { DIGEST_LENGTH, digestKey, digestOf, EMPTY_DIGEST, formatDigest, toDigest, type B3Digest } from "./digest.ts"
export { Chunker } from "./chunker/chunker.ts"
export { cutChunk } from "./chunker/cut.ts"
export { CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN } from "./chunker/gear.ts"
export { cacheDirectoryService } from "./directory/cache.ts"
export { checkDirectory, checkName, checkNode, directorySize } from "./directory/check.ts"
export { decodeDirectory, decodeNode, directoryDigest, encodeDirectory, encodeNode } from "./directory/codec.ts"
export { memoryDirectoryService } from "./directory/memory.ts"
export type { Directory, DirectoryPutter, DirectoryService } from "./directory/service.ts"
export type { DirectoryNode, FileNode, Node, SymlinkNode } from "./node.ts"
export { CastoreError, type CastoreProblem } from "./problem.ts"
export { tellBoth, type TreeSink } from "./tree.ts"
export { TreeBuilder } from "./tree-builder.ts"
export { treeDifferences, type TreeDifference } from "./tree-differences.ts"
export { walkNode, type WalkOptions } from "./walk-node.ts"
