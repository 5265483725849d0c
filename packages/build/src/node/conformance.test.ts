/** The suite of build services, on those of this machine. */
import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import { testBuildService, type OpenBuildService } from "../testing/build-service.ts"
import { describeSandboxed } from "../testing/sandboxed.ts"
import { bwrapBuildService } from "./bwrap/service.ts"
import { plainBuildService } from "./plain.ts"
import { removeTree } from "./remove-tree.ts"
import { TreeFolder } from "./tree-folder.ts"

async function openBwrap(folder: string): Promise<OpenBuildService> {
  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  const trees = await TreeFolder.open(join(folder, "trees"), services)
  return {
    service: await bwrapBuildService({ ...services, trees, dir: join(folder, "work") }),
    ...services,
    prefix: "",
    close: async () => {
      await trees.close()
      await removeTree(folder)
    },
  }
}

describeSandboxed("with a sandbox", () => {
  testBuildService("bubblewrap", () => openBwrap(mkdtempSync(join(tmpdir(), "build-"))))

  testBuildService("bubblewrap, in a folder that is closed to others", async () => {
    const closed = mkdtempSync(join(tmpdir(), "build-"))
    chmodSync(closed, 0o700)
    mkdirSync(join(closed, "inner"))
    const opened = await openBwrap(join(closed, "inner"))
    return { ...opened, close: () => removeTree(closed) }
  })
})

testBuildService("no sandbox", async () => {
  const folder = mkdtempSync(join(tmpdir(), "build-"))
  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  const folderTrees = await TreeFolder.open(join(folder, "trees"), services)
  const store = join(folder, "root", "store")
  mkdirSync(store, { recursive: true })
  return {
    service: await plainBuildService({
      ...services,
      trees: {
        async place(name, node) {
          const path = join(store, name)
          if (!existsSync(path)) execFileSync("cp", ["-a", await folderTrees.place(name, node), path])
          return path
        },
      },
      dir: join(folder, "work"),
    }),
    ...services,
    prefix: `${join(folder, "root").slice(1)}/`,
    close: async () => {
      await folderTrees.close()
      await removeTree(folder)
    },
  }
})
