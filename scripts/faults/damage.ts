/** What is not a crash: bits that flip on the disk, and a disk that is full. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Random } from "../random.ts"
import { TVIX_STORE, tvixStore } from "./command.ts"
import { bytes, randomTree } from "./trees.ts"

/** One sentence for each thing that is not as it must be. */
export type Problems = string[]

/**
 * Flips one bit of a chunk at a time: `verify` finds it, nothing that it touches is served, everything else is, and after
 * `verify --repair` and another import all is well.
 */
export function flippedBits(dir: string, flips: number, random: Random): Problems {
  const problems: Problems = []
  const home = join(dir, "flipped")
  const store = `local://${home}`
  const trees = [0, 1, 2].map((n) => {
    const tree = join(dir, `flipped-tree-${n}`)
    randomTree(tree, random)
    return tree
  })
  const { lines: paths } = tvixStore(store, "import", ...trees)
  const archives = paths.map((path) => sha256(nar(store, path).stdout))
  if (paths.length !== trees.length) return ["the trees could not be imported"]

  for (let flip = 0; flip < flips; flip++) {
    const { pack, at } = byteOfAChunk(home, random)
    flipBit(join(home, "packs", pack), at, 1 << random.below(8))
    const what = `bit flipped at byte ${at} of ${pack}`

    if (tvixStore(store, "verify", "--json").status === 0) {
      problems.push(`${what}: verify finds nothing`)
      continue
    }
    let refused = 0
    for (const [n, path] of paths.entries()) {
      const { status, stdout, stderr } = nar(store, path)
      if (status !== 0) {
        refused++
        if (!/damaged/.test(stderr.toString())) problems.push(`${what}: refused as '${stderr.toString().trim()}'`)
      } else if (sha256(stdout) !== archives[n]) {
        problems.push(`${what}: ${path} is served with other bytes`)
      }
    }
    if (refused === 0) problems.push(`${what}: everything is served`)

    tvixStore(store, "verify", "--repair")
    const again = tvixStore(store, "import", ...trees)
    if (again.status !== 0) problems.push(`${what}: the import after the repair: ${again.stderr.trim()}`)
    const clean = tvixStore(store, "verify", "--json")
    if (clean.status !== 0) problems.push(`${what}: not clean after repair and import: ${clean.lines.join(" ")}`)
  }
  return problems
}

function nar(store: string, path: string): { status: number | null; stdout: Buffer; stderr: Buffer } {
  return spawnSync(TVIX_STORE, ["--store", store, "nar", path], { maxBuffer: 2 ** 30 })
}

function sha256(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex")
}

/** A place in a pack that belongs to a chunk. Others, which a repair leaves behind, may change without anybody noticing. */
function byteOfAChunk(home: string, random: Random): { readonly pack: string; readonly at: number } {
  const index = new DatabaseSync(join(home, "castore.sqlite"), { readOnly: true })
  // Behind its first five bytes, a frame of Zstandard has none of which a bit has no meaning.
  const chunks = index
    .prepare(
      "SELECT DISTINCT pack, iif(packed IS NULL, offset, offset + 5) AS offset, ifnull(packed - 5, length) AS length" +
        " FROM chunks",
    )
    .all()
  index.close()
  let left = random.below(chunks.reduce((sum, { length }) => sum + Number(length), 0))
  for (const { pack, offset, length } of chunks) {
    if (left < Number(length)) {
      return { pack: `${Number(pack).toString(16).padStart(8, "0")}.pack`, at: Number(offset) + left }
    }
    left -= Number(length)
  }
  throw new Error("there is no chunk")
}

function flipBit(path: string, at: number, mask: number): void {
  const file = openSync(path, "r+")
  const byte = new Uint8Array(1)
  readSync(file, byte, 0, 1, at)
  byte[0]! ^= mask
  writeSync(file, byte, 0, 1, at)
  closeSync(file)
}

/** MiB of the file system that is filled up. */
const DISK = 24

/**
 * A file system of {@link DISK} MiB that fills up in the middle of an import: a plain error, a store that is whole, what was
 * there before still there, and once there is room the next import succeeds.
 *
 * @returns `undefined` if this machine lets nobody mount one
 */
export function fullDisk(dir: string, random: Random): Problems | undefined {
  const mount = join(dir, "disk")
  mkdirSync(mount)
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}m`, "tmpfs", mount]).status !== 0) return undefined
  const problems: Problems = []
  try {
    const store = `local://${join(mount, "store")}`
    const small = join(dir, "disk-small")
    randomTree(small, random)
    const { lines, status } = tvixStore(store, "import", small, "--root", "small")
    if (status !== 0) problems.push("a tree that fits cannot be imported")

    const large = join(dir, "disk-large")
    mkdirSync(large)
    for (let n = 0; n < DISK; n++) {
      writeFileSync(join(large, `file-${n}`), bytes(2 ** 21, random))
    }
    for (let attempt = 0; attempt < 3; attempt++) {
      const full = tvixStore(store, "import", large)
      if (full.status !== 1) problems.push(`the import into a full disk ended with ${full.status}: ${full.stderr}`)
      if (!/no space|full/i.test(full.stderr)) problems.push(`a full disk is told as '${full.stderr.trim()}'`)
      const whole = tvixStore(store, "verify", "--json")
      if (whole.status !== 0) problems.push(`after the disk was full: ${whole.lines.join(" ")}${whole.stderr}`)
    }
    const kept = tvixStore(store, "info", ...lines)
    if (kept.status !== 0) problems.push("what was there before is gone")

    rmSync(join(large), { recursive: true })
    mkdirSync(large)
    writeFileSync(join(large, "file"), new Uint8Array(2 ** 19))
    const collected = tvixStore(store, "gc", "--grace", "0")
    if (collected.status !== 0) problems.push(`gc on a full disk: ${collected.stderr}`)
    const next = tvixStore(store, "import", large)
    if (next.status !== 0) problems.push(`the import once there is room: ${next.stderr}`)
  } finally {
    spawnSync("umount", [mount])
  }
  return problems
}
