export { s3BlobService } from "./blobs.ts"
export { s3DirectoryService } from "./directories.ts"
export { S3Objects, type PutOptions, type S3Object, type S3ObjectHead } from "./objects.ts"
export type { S3Credentials, S3Options, Zstd } from "./options.ts"
