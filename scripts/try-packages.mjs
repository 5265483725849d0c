/**
 * The built packages as a program of somebody else's meets them: plain JavaScript, no condition, no flag. A tree goes from
 * disk into a local store, whose thread has to start from `dist/`, and out of it as an archive, over a socket as well.
 * `npm run build` runs this at the end.
 */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { byteStringOf } from "@tvix-ts/bytes"
import { readTree } from "@tvix-ts/castore/node"
import { formatStorePath, NarWriter } from "@tvix-ts/nix-compat"
import { copyPaths, memoryStore, renderNar } from "@tvix-ts/store"
import { importPath, openLocalStore, openStore, serveStore, verifyStore } from "@tvix-ts/store/node"

/** Bytes of a file that takes many chunks. */
const LARGE = 20 * 2 ** 20

/** @type {string[]} */
const threads = []
process.on("worker", (worker) => {
  threads.push(worker.threadName ?? "")
  worker.on("error", (error) => {
    throw error
  })
})

const dir = mkdtempSync(join(tmpdir(), "try-packages-"))
try {
  const tree = join(dir, "tree")
  mkdirSync(join(tree, "below"), { recursive: true })
  writeFileSync(join(tree, "below", "run"), "#!/bin/sh\n", { mode: 0o755 })
  writeFileSync(
    join(tree, "large"),
    new Uint8Array(LARGE).map((_, i) => Math.imul(i, 2_654_435_761) >>> 24),
  )
  symlinkSync("below/run", join(tree, "link"))
  const expected = createHash("sha256")
  await readTree(byteStringOf(tree), new NarWriter((bytes) => void expected.update(bytes)))

  const store = openLocalStore(join(dir, "store"))
  const { storePath, node, narHash } = await importPath(byteStringOf(tree), store)
  const rendered = createHash("sha256")
  for await (const piece of renderNar(node, store)) rendered.update(piece)
  assert.equal(rendered.digest("hex"), Buffer.from(narHash).toString("hex"))
  assert.equal(expected.digest("hex"), Buffer.from(narHash).toString("hex"))
  assert.deepEqual(await Array.fromAsync(verifyStore(store)), [])

  const server = await serveStore(store, { address: `unix:${join(dir, "socket")}` })
  const far = await openStore(`grpc+unix://${join(dir, "socket")}`)
  const copies = memoryStore()
  const [copied] = await copyPaths([storePath], far, copies)
  assert.deepEqual(copied?.narHash, narHash)
  await far.close()
  await server.close(1000)
  await store.close()
  assert.deepEqual(threads, ["writer-thread"])
  console.log(`tried the packages: ${formatStorePath(storePath)}`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
