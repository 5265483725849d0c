/**
 * A process that builds in a sandbox: `build-process.ts FOLDER SCRIPT`. It prints the log, then how the build ended, as JSON:
 * the output as `showTree` has it, or the problem.
 */
import { join } from "node:path"
import process from "node:process"
import { memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import { bwrapBuildService } from "../node/bwrap/service.ts"
import { TreeFolder } from "../node/tree-folder.ts"
import { BuildError } from "../problem.ts"
import { exampleRequest, showTree, storeExample } from "./build-service.ts"

const [folder = "", script = ""] = process.argv.slice(2)
const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
const trees = await TreeFolder.open(join(folder, "trees"), services)
const service = await bwrapBuildService({ ...services, trees, dir: join(folder, "work") })
try {
  const inputs = new Map([["input", await storeExample({ file: "of an input\n" }, services)]])
  const [output] = await service.build(exampleRequest("", { script, inputs }), {
    onLog: (bytes) => void process.stdout.write(bytes),
  })
  console.log(JSON.stringify(await showTree(output!.node, services)))
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.log(JSON.stringify(error.problem))
} finally {
  await service.close()
  await trees.close()
}
