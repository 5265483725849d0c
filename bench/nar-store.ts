/**
 * What do Nix archives cost on their way out of and into a local store?
 *
 *     node --conditions=source bench/nar-store.ts [--mib N] [--files N] [--dir DIR]
 *
 *     write       writeNar into nothing
 *     render      renderNar, piece by piece
 *     calculate   the archive's SHA-256
 *     ingest      the archive into an empty store
 *
 * for N MiB (default 1024) in files of 64 MiB, and N files (default 50,000) of 2 to 8 KiB in directories of 100. The floors
 * are the hashes that cannot be left out: of reading, BLAKE3 of the same bytes; of calculating, SHA-256 as well.
 */
import { mkdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { TreeSink } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { calculateNar, ingestNar, renderNar, storeTree, writeNar } from "@tvix-ts/store"
import { openLocalStore } from "@tvix-ts/store/node"

const MiB = 2 ** 20
const { values: options } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    files: { type: "string", default: "50000" },
    dir: { type: "string", default: join(tmpdir(), "tvix-bench-nar-store") },
  },
})

const noise = new Uint8Array(MiB)
let state = 1
for (let i = 0; i < MiB; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  noise[i] = state >>> 24
}

/** Contents that differ from one MiB to the next. */
async function contents(sink: TreeSink, size: number, seed: number): Promise<void> {
  sink.file(size, false)
  for (let at = 0; at < size; at += MiB) {
    const piece = noise.subarray(0, Math.min(MiB, size - at))
    new DataView(noise.buffer).setFloat64(0, seed + at / 2 ** 52)
    new DataView(noise.buffer).setFloat64(MiB / 2, seed + at / 2 ** 52)
    await sink.contents(piece)
  }
}

const TREES: Readonly<Record<string, (sink: TreeSink) => Promise<void>>> = {
  async large(sink) {
    sink.directory()
    for (let i = 0; i < Number(options.mib) / 64; i++) {
      sink.entry(`file-${String(i).padStart(4, "0")}`)
      await contents(sink, 64 * MiB, i)
    }
    sink.endDirectory()
  },
  async small(sink) {
    const files = Number(options.files)
    sink.directory()
    for (let i = 0; i < files; i++) {
      if (i % 100 === 0) {
        if (i > 0) sink.endDirectory()
        sink.entry(`directory-${String(i / 100).padStart(6, "0")}`)
        sink.directory()
      }
      sink.entry(`file-${String(i).padStart(8, "0")}`)
      await contents(sink, 2048 + ((i * 7919) % 6145), i)
    }
    if (files > 0) sink.endDirectory()
    sink.endDirectory()
  },
}

async function timed(what: string, bytes: number, run: () => unknown): Promise<void> {
  const start = performance.now()
  await run()
  const ms = performance.now() - start
  console.log(
    `  ${what.padEnd(16)} ${(ms / 1000).toFixed(2).padStart(7)} s ${(bytes / 1e6 / (ms / 1000)).toFixed(0).padStart(7)} MB/s`,
  )
}

for (const [name, tree] of Object.entries(TREES)) {
  rmSync(options.dir, { recursive: true, force: true })
  mkdirSync(options.dir, { recursive: true })
  const store = openLocalStore(join(options.dir, "store"))
  const imported = performance.now()
  const { node, narSize } = await storeTree(tree, store, { name })
  const importSeconds = (performance.now() - imported) / 1000
  console.log(`${name}: an archive of ${(narSize / 1e6).toFixed(0)} MB`)
  console.log(`  ${"import".padEnd(16)} ${importSeconds.toFixed(2).padStart(7)} s`)
  for (const algorithm of ["blake3", "sha256"] as const) {
    await timed(`floor: ${algorithm}`, narSize, () => {
      const hasher = startHash(algorithm)
      for (let at = 0; at < narSize; at += MiB) hasher.update(noise)
      hasher.digest()
    })
  }
  for (let run = 0; run < 2; run++) {
    await timed("write", narSize, () => writeNar(node, store, () => {}))
    await timed("render", narSize, async () => {
      let length = 0
      for await (const piece of renderNar(node, store)) length += piece.length
      if (length !== narSize) throw new Error(`rendered ${length} bytes, not ${narSize}`)
    })
  }
  const { narHash } = await calculateNar(node, store)
  await timed("calculate", narSize, () => calculateNar(node, store))
  const other = openLocalStore(join(options.dir, "other"))
  await timed("ingest", narSize, () => ingestNar(renderNar(node, store), other, { narSize, narHash }))
  await other.close()
  await store.close()
}
rmSync(options.dir, { recursive: true, force: true })
