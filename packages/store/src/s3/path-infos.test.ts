/** The suite of path infos, on s3rver. */
import { after } from "node:test"
import { zstd } from "@tvix-ts/castore/node"
import { startServices } from "../testing/services.ts"
import { testPathInfoService } from "../testing/path-info-service.ts"
import { s3PathInfoService } from "./path-infos.ts"

const services = await startServices("s3")
after(() => services.stop())
const { bucket, endpoint, ...credentials } = services.s3!
let stores = 0

testPathInfoService("S3", async () => ({
  service: s3PathInfoService({
    bucket,
    prefix: `store/${stores++}`,
    endpoint,
    region: "us-east-1",
    bucketIn: "path",
    credentials: async () => credentials,
    zstd,
  }),
}))
