/**
 * What does the local castore cost on top of what must be done anyway?
 *
 *     node --conditions=source bench/local-store.ts [--mib N] [--files N] [--dir DIR] [--only NAME]
 *
 *     large    N MiB (default 1024) in files of 64 MiB: through a batch, the calling thread hashing them with SHA-256 as well
 *     small    N files (default 50,000) of 2 to 8 KiB: through a batch
 *     floor    the same bytes: read, BLAKE3, write to one file, fdatasync
 *
 * Each in a process of its own, so that the peak resident set is its own too. The input lies in files, in the page cache.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, fdatasyncSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import type { B3Digest } from "@tvix-ts/castore"
import { openLocalCastore } from "@tvix-ts/castore/node"
import { hash, startHash, type Hasher } from "@tvix-ts/hash"

const MiB = 2 ** 20
const PIECE = 2 ** 18

const { values: options, positionals } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    files: { type: "string", default: "50000" },
    dir: { type: "string", default: join(tmpdir(), "tvix-bench-local-store") },
    only: { type: "string" },
  },
  allowPositionals: true,
})
const { dir } = options
const store = join(dir, "store")
const floorFile = join(dir, "floor")
const inputs = {
  large: { path: join(dir, "large"), sizes: new Array<number>(Math.ceil(Number(options.mib) / 64)).fill(64 * MiB) },
  // 2 to 8 KiB, the same every time.
  small: {
    path: join(dir, "small"),
    sizes: Array.from({ length: Number(options.files) }, (_, i) => 2048 + ((i * 7919) % 6145)),
  },
}
type Input = keyof typeof inputs

/** The pieces of all files; a new file begins where `first`. They are valid until the next one. */
function* pieces(input: Input): Generator<{ readonly bytes: Uint8Array; readonly last: boolean }, void, undefined> {
  const { path, sizes } = inputs[input]
  const fd = openSync(path, "r")
  const buffer = new Uint8Array(PIECE)
  for (const size of sizes) {
    for (let left = size; left > 0;) {
      const count = readSync(fd, buffer, 0, Math.min(left, PIECE), null)
      left -= count
      yield { bytes: buffer.subarray(0, count), last: left === 0 }
    }
  }
  closeSync(fd)
}

function floor(input: Input): void {
  const fd = openSync(floorFile, "w")
  hashAll(input, (bytes) => writeSync(fd, bytes))
  fdatasyncSync(fd)
  closeSync(fd)
}

function hashAll(input: Input, take: (bytes: Uint8Array) => void): B3Digest[] {
  const digests: Uint8Array[] = []
  let hasher: Hasher | undefined
  for (const { bytes, last } of pieces(input)) {
    if (!last) (hasher ??= startHash("blake3")).update(bytes)
    else {
      digests.push(hasher?.update(bytes).digest() ?? hash("blake3", bytes))
      hasher = undefined
    }
    take(bytes)
  }
  return digests as B3Digest[]
}

async function write(input: Input): Promise<readonly B3Digest[]> {
  const castore = openLocalCastore(store)
  const batch = castore.blobs.batch()
  let blob = batch.blob()
  const digests: Promise<B3Digest>[] = []
  const sha256 = createHash("sha256")
  for (const { bytes, last } of pieces(input)) {
    const wait = blob.write(bytes)
    // What whoever computes an archive's digest does meanwhile.
    sha256.update(bytes)
    if (wait !== undefined) await wait
    if (!last) continue
    digests.push(blob.end())
    blob = batch.blob()
  }
  await batch.commit()
  const all = await Promise.all(digests)
  await castore.close()
  return all
}

async function read(input: Input): Promise<void> {
  const digests = hashAll(input, () => undefined)
  const castore = openLocalCastore(store)
  const started = performance.now()
  let total = 0
  for (const digest of digests) {
    for await (const bytes of (await castore.blobs.read(digest))!) total += bytes.length
  }
  report(started)
  await castore.close()
  if (total !== sum(inputs[input].sizes)) throw new Error(`read ${total} bytes`)
}

function sum(numbers: readonly number[]): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

/** One line for the parent: milliseconds, those of them that processors were busy, and peak resident bytes. */
function report(started: number): void {
  const ms = performance.now() - started
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  console.log(JSON.stringify({ ms, busyMs: (userCPUTime + systemCPUTime) / 1000, peak: maxRSS * 1024 }))
}

async function child(task: string, input: Input): Promise<void> {
  if (task === "read") return await read(input)
  const started = performance.now()
  if (task === "floor") floor(input)
  else await write(input)
  report(started)
}

function makeInput({ path, sizes }: { readonly path: string; readonly sizes: readonly number[] }): void {
  const fd = openSync(path, "w")
  const bytes = new Uint8Array(65_536)
  for (let left = sum(sizes); left > 0; left -= bytes.length) {
    crypto.getRandomValues(bytes)
    writeSync(fd, bytes, 0, Math.min(left, bytes.length))
  }
  fdatasyncSync(fd)
  closeSync(fd)
}

function main(): void {
  mkdirSync(dir, { recursive: true })
  try {
    for (const input of Object.keys(inputs) as Input[]) {
      if (options.only !== undefined && options.only !== input) continue
      const { sizes } = inputs[input]
      const bytes = sum(sizes)
      console.log(`${input}: ${sizes.length} files, ${(bytes / MiB).toFixed(0)} MiB`)
      makeInput(inputs[input])
      let floorMs = Infinity
      for (const [name, task] of [
        ["floor", "floor"],
        ["floor", "floor"],
        ["write", "write"],
        ["write", "write"],
        ["write again", "again"],
        ["read", "read"],
      ] as const) {
        // Both write to the same blocks of memory and disk, as far as that can be had: fresh ones cost several times as much.
        rmSync(floorFile, { force: true })
        if (task === "write") rmSync(store, { recursive: true, force: true })
        const words = [
          "--conditions=source",
          "--disable-warning=ExperimentalWarning",
          import.meta.filename,
          task,
          input,
        ]
        const passed = ["--mib", options.mib, "--files", options.files, "--dir", dir]
        const { stdout, stderr, status } = spawnSync(process.execPath, [...words, ...passed], { encoding: "utf8" })
        if (status !== 0) throw new Error(`${name}: ${stdout}${stderr}`)
        const { ms, busyMs, peak } = JSON.parse(stdout) as { ms: number; busyMs: number; peak: number }
        if (task === "floor") floorMs = Math.min(floorMs, ms)
        const cells = [
          `${ms.toFixed(0)} ms`,
          `${busyMs.toFixed(0)} ms busy`,
          `${((bytes / MiB / ms) * 1000).toFixed(0)} MiB/s`,
          `${((sizes.length / ms) * 1000).toFixed(0)} blobs/s`,
          `${(floorMs / ms).toFixed(2)} of the floor`,
          `${(peak / MiB).toFixed(0)} MiB`,
        ]
        console.log(`  ${name.padEnd(12)}${cells.map((cell) => cell.padStart(18)).join("")}`)
      }
      rmSync(store, { recursive: true })
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const [task, input] = positionals
if (task === undefined) main()
else await child(task, input as Input)
