/** The suites of blobs and directories, on s3rver. */
import { after } from "node:test"
import { zstd } from "../node/zstd.ts"
import { testBlobService } from "../testing/blob-service.ts"
import { testDirectoryService } from "../testing/directory-service.ts"
import { startServices } from "../testing/services.ts"
import { s3BlobService } from "./blobs.ts"
import { s3DirectoryService } from "./directories.ts"
import type { S3Options } from "./options.ts"

const services = await startServices("s3")
after(() => services.stop())
const { bucket, endpoint, ...credentials } = services.s3!
let stores = 0

/** For a store of its own. */
function options(): S3Options {
  return {
    bucket,
    prefix: `store/${stores++}`,
    endpoint,
    region: "us-east-1",
    bucketIn: "path",
    credentials: async () => credentials,
    zstd,
  }
}

testBlobService("S3", async () => ({ service: s3BlobService(options()) }))
testDirectoryService("S3", async () => ({ service: s3DirectoryService(options()) }))
