import { memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import { bwrapBuildService, TreeFolder } from "@tvix-ts/build/node"
import { exampleRequest, storeExample } from "./testing/build-service.ts"
const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
const trees = await TreeFolder.open("/tmp/perf/trees", services)
const s = await bwrapBuildService({ ...services, trees, dir: "/tmp/perf/work" })
const N = Number(process.argv[2]),
  I = Number(process.argv[3])
const inputs = new Map()
for (let i = 0; i < I; i++) inputs.set(`in${i}`, await storeExample({ a: `${i}` }, services))
await s.build(exampleRequest("", { script: "echo a >$out", inputs }))
const t = performance.now(),
  c = process.cpuUsage()
await Promise.all(
  [0, 1].map(async () => {
    for (let i = 0; i < N / 2; i++) await s.build(exampleRequest("", { script: "echo a >$out", inputs }))
  }),
)
const d = process.cpuUsage(c)
console.log(
  ((performance.now() - t) / N).toFixed(1),
  "ms each; own cpu",
  (d.user / N / 1000).toFixed(1),
  (d.system / N / 1000).toFixed(1),
)
await s.close()
await trees.close()
