/** The suites of blobs and directories, on s3rver. */
import { after, before } from "node:test"
import { testBlobService } from "../testing/blob-service.ts"
import { testDirectoryService } from "../testing/directory-service.ts"
import { s3BlobService } from "./blobs.ts"
import { s3DirectoryService } from "./directories.ts"
import { startS3rver, type S3rver } from "./testing/s3rver.ts"

let service: S3rver
let stores = 0
before(async () => void (service = await startS3rver()))
after(() => service.stop())

testBlobService("S3", async () => ({ service: s3BlobService(service.options(`blobs/${stores++}`)) }))
testDirectoryService("S3", async () => ({ service: s3DirectoryService(service.options(`directories/${stores++}`)) }))
