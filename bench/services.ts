/**
 * `node --conditions=source bench/services.ts [SMALL]`: what it costs to have a store on services rather than in a folder.
 *
 * Blobs, directories and path infos are put and read, by one process, in a folder, on s3rver, on the S3 of our tests, which
 * is in memory and in this process (what is left is mostly our own work), on the same with 20 ms before every answer (what
 * round trips cost), and in PostgreSQL, which syncs nothing. Everything that is read is checked by its digest. One run each.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { directoryDigest, type B3Digest, type Directory } from "@tvix-ts/castore"
import { openStore } from "@tvix-ts/store/node"
import type { Store } from "@tvix-ts/store"
import { startFakeS3 } from "../packages/castore/src/s3/testing/fake-s3.ts"
import { noise } from "../packages/castore/src/testing/bytes.ts"
import { startServices } from "../packages/castore/src/testing/services.ts"
import { s3Store } from "../packages/store/src/s3/store.ts"
import { examplePathInfo } from "../packages/store/src/testing/path-info-service.ts"

const SMALL = Number(process.argv[2] ?? 10_000)
const SMALL_BYTES = 4096
const LARGE_BYTES = 64 * 2 ** 20
const DIRECTORIES = 1000
const PATH_INFOS = 1000
const AT_ONCE = 32

type Measured = Pick<Store, "directories" | "pathInfos"> & Partial<Pick<Store, "blobs">>

const rows = new Map<string, Map<string, string>>()
async function measure(place: string, what: string, amount: number, unit: string, run: () => Promise<void>) {
  const before = performance.now()
  await run()
  const rate = amount / ((performance.now() - before) / 1000)
  if (!rows.has(what)) rows.set(what, new Map())
  rows.get(what)!.set(place, `${rate >= 100 ? Math.round(rate) : rate.toPrecision(2)} ${unit}`)
}

async function atOnce<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length) await run(items[next++]!)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function measureStore(place: string, { blobs, directories, pathInfos }: Measured): Promise<void> {
  const smallBytes = noise(SMALL * SMALL_BYTES, 7)
  const digests: B3Digest[] = []
  const putSmall = async (): Promise<void> => {
    const batch = blobs!.batch()
    const ends: Promise<B3Digest>[] = []
    for (let i = 0; i < SMALL; i++) {
      const writer = batch.blob(SMALL_BYTES)
      await writer.write(smallBytes.subarray(i * SMALL_BYTES, (i + 1) * SMALL_BYTES))
      ends.push(writer.end())
    }
    await batch.commit()
    digests.splice(0, digests.length, ...(await Promise.all(ends)))
  }
  const read = async (digest: B3Digest): Promise<void> => {
    let size = 0
    for await (const piece of (await blobs!.read(digest))!) size += piece.length
    if (size === 0) throw new Error("nothing was read")
  }
  if (blobs !== undefined) {
    await measure(place, `${SMALL} blobs of 4 KiB, put`, SMALL, "/s", putSmall)
    await measure(place, "the same again", SMALL, "/s", putSmall)
    await measure(place, "read", SMALL, "/s", () => atOnce(digests, read))
    const large = noise(LARGE_BYTES, 3)
    let digest: B3Digest | undefined
    const putLarge = async (): Promise<void> => void (digest = await blobs.put([large]))
    await measure(place, "a blob of 64 MiB, put", 64, "MiB/s", putLarge)
    await measure(place, "a blob of 64 MiB, read", 64, "MiB/s", () => read(digest!))
  }
  const leaves = Array.from({ length: DIRECTORIES - 1 }, (_, i): Directory => ({
    entries: [["link", { type: "symlink", target: `${i}` }]],
  }))
  const entries = leaves.map((leaf, i) => [String(i).padStart(5, "0"), leaf] as const)
  const root: Directory = {
    entries: entries.map(([name, leaf]) => [name, { type: "directory", digest: directoryDigest(leaf), size: 1 }]),
  }
  await measure(place, `a tree of ${DIRECTORIES} directories, put`, DIRECTORIES, "/s", async () => {
    const putter = directories.putMultiple()
    for (const directory of [...leaves, root]) await putter.put(directory)
    await putter.close()
  })
  await measure(place, "read, one by one, 32 at once", DIRECTORIES, "/s", () =>
    atOnce(leaves.map(directoryDigest), async (digest) => {
      if ((await directories.get(digest)) === undefined) throw new Error("it is not there")
    }),
  )
  await measure(place, "read as a tree", DIRECTORIES, "/s", async () => {
    const all = await Array.fromAsync(directories.getRecursive(directoryDigest(root)))
    if (all.length !== DIRECTORIES) throw new Error("not all are there")
  })
  const infos = Array.from({ length: PATH_INFOS }, (_, i) => examplePathInfo(`${i}`))
  await measure(place, `${PATH_INFOS} path infos, put 32 at once`, PATH_INFOS, "/s", () =>
    atOnce(infos, (info) => pathInfos.put(info)),
  )
  await measure(place, "put together", PATH_INFOS, "/s", () => pathInfos.putMany(infos))
  await measure(place, "read, 32 at once", PATH_INFOS, "/s", () =>
    atOnce(infos, (info) => pathInfos.get(info.storePath.digest)),
  )
  await measure(place, "listed", PATH_INFOS, "/s", async () => {
    if ((await Array.fromAsync(pathInfos.list())).length !== PATH_INFOS) throw new Error("not all are there")
  })
}

const dir = mkdtempSync(join(tmpdir(), "tvix-bench-services-"))
const services = await startServices("s3", "postgres")
const { endpoint, bucket, accessKeyId, secretAccessKey } = services.s3!
Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
try {
  const local = await openStore(join(dir, "store"))
  await measureStore("folder", local)
  await local.close()
  await measureStore("s3rver", await openStore(`s3://${bucket}/bench?endpoint=${endpoint}`))
  for (const [place, latencyMs] of [
    ["memory", 0],
    ["20 ms", 20],
  ] as const) {
    const fake = await startFakeS3()
    fake.latencyMs = latencyMs
    fake.pageLength = 1000
    await measureStore(place, s3Store(fake.options()))
    await fake.stop()
  }
  const postgres = services.postgres!
  if (postgres.missing === undefined) {
    const parts = `directories=${postgres.address},pathinfos=${postgres.address}`
    const store = await openStore(`parts(blobs=memory:,${parts})`)
    await measureStore("PostgreSQL", { directories: store.directories, pathInfos: store.pathInfos })
    await store.close()
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
  await services.stop()
}
const places = ["folder", "s3rver", "memory", "20 ms", "PostgreSQL"]
console.log(`| | ${places.join(" | ")} |\n|---|${places.map(() => "---|").join("")}`)
for (const [what, rates] of rows)
  console.log(`| ${what} | ${places.map((place) => rates.get(place) ?? "").join(" | ")} |`)
