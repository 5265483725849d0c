/**
 * Path infos on an S3 that knows conditions, which s3rver does not: the suite, and servers that share a bucket. Here, since
 * the service is a test's of one package, and path infos are another's.
 */
import assert from "node:assert/strict"
import { test } from "node:test"
import { startFakeS3 } from "../../packages/castore/src/s3/testing/fake-s3.ts"
import { s3PathInfoService } from "../../packages/store/src/s3/path-infos.ts"
import { examplePathInfo, testPathInfoService } from "../../packages/store/src/testing/path-info-service.ts"

testPathInfoService("S3 with conditions", async () => {
  const fake = await startFakeS3()
  return { service: s3PathInfoService(fake.options()), close: () => fake.stop() }
})

test("no signature is lost between servers", async () => {
  const fake = await startFakeS3()
  const servers = Array.from({ length: 3 }, () => s3PathInfoService(fake.options()))
  const put = (i: number): Promise<unknown> => {
    const signatures = [{ name: `key-${i}`, bytes: new Uint8Array(64).fill(i) }]
    return servers[i % 3]!.put(examplePathInfo("signed", { signatures }))
  }
  await Promise.all(Array.from({ length: 24 }, (_, i) => put(i)))
  const { digest } = examplePathInfo("signed").storePath
  assert.equal((await servers[0]!.get(digest))?.signatures.length, 24)
  await fake.stop()
})

test("what else is in the bucket is no path info, and what is damaged is told, and can be put again", async () => {
  const fake = await startFakeS3()
  const service = s3PathInfoService(fake.options())
  const pathInfo = examplePathInfo("x")
  const { digest } = pathInfo.storePath
  await service.put(pathInfo)
  for (const name of ["pathinfos/readme", "pathinfos/", "pathinfos", `pathinfos/${digest}.bak`]) {
    fake.objects.set(`some/prefix/${name}`, { bytes: Buffer.from("x"), size: undefined })
  }
  assert.deepEqual(
    (await Array.fromAsync(service.list())).map(({ storePath }) => storePath.digest),
    [digest],
  )
  const key = `some/prefix/pathinfos/${digest}`
  const { bytes } = fake.objects.get(key)!
  const other = "0".repeat(32)
  fake.objects.set(`some/prefix/pathinfos/${other}`, { bytes, size: undefined })
  await assert.rejects(service.get(other), /path info 0+ is damaged: it is that of/)
  fake.objects.set(key, { bytes: bytes.subarray(1), size: undefined })
  await assert.rejects(service.get(digest), /path info .* is damaged/)
  await assert.rejects(Array.fromAsync(service.list()), /is damaged/)
  await service.put(pathInfo)
  assert.ok(await service.get(digest))
  await fake.stop()
})
