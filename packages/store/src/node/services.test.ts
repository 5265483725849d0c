/** The suite of stores, on services that several machines may share: blobs on S3, the rest there too, or in PostgreSQL. */
import { after, test } from "node:test"
import process from "node:process"
import { startServices } from "../testing/services.ts"
import { testStore } from "../testing/store.ts"
import { openStore } from "./open.ts"

const services = await startServices("s3", "postgres")
after(() => services.stop())
const { endpoint, bucket, accessKeyId, secretAccessKey } = services.s3!
process.env["AWS_ACCESS_KEY_ID"] = accessKeyId
process.env["AWS_SECRET_ACCESS_KEY"] = secretAccessKey
const { postgres } = services
let stores = 0

/** Of a store of its own. */
const inBucket = (): string => `s3://${bucket}/store-${stores++}?endpoint=${endpoint}`

testStore("S3", async () => ({ store: await openStore(inBucket()) }), {
  "a tree that is deep": "s3rver takes a minute for 5000 directories, one after the other",
})

if (postgres?.missing !== undefined) test("S3 and PostgreSQL", { skip: postgres.missing }, () => {})
else {
  testStore("S3 and PostgreSQL", async () => {
    const inDatabase = `${postgres!.address}&schema=store_${stores++}`
    const parts = `blobs=${inBucket()},directories=${inDatabase},pathinfos=${inDatabase}`
    return { store: await openStore(`parts(${parts})`) }
  })
}
