/**
 * `node --conditions=source bench/nar.ts`: what does the archive format cost on top of moving the bytes?
 *
 * The floor copies the contents, piece by piece, as the other two do besides their work: `write` makes an archive of a tree
 * in memory, `read` makes the tree's calls of the archive. `nix-store` does it with files on disk, in the page cache, to
 * and from /dev/null; it is there if scripts/oracle.ts finds one.
 *
 *     node --conditions=source bench/nar.ts [--runs N]
 */
import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { NarReader, NarWriter, type NarSink } from "@tvix-ts/nix-compat"
import { findOracle, oracleProgram } from "../scripts/oracle.ts"

interface Shape {
  readonly name: string
  readonly directories: number
  /** In each directory. */
  readonly files: number
  /** Bytes in each file. */
  readonly size: number
}
const SHAPES: readonly Shape[] = [
  { name: "4 files of 64 MiB", directories: 1, files: 4, size: 2 ** 26 },
  { name: "50,000 files of 1 KiB", directories: 50, files: 1000, size: 1024 },
  { name: "100,000 empty files", directories: 100, files: 1000, size: 0 },
]
const PIECE = new Uint8Array(65_536).map((_, i) => i)
const TARGET = new Uint8Array(PIECE.length)
const NOTHING: NarSink = { file() {}, contents() {}, symlink() {}, directory() {}, entry() {}, endDirectory() {} }

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "5" } } })
const runs = Number(options.runs)

console.log(row("", "ms", "MB/s", "files/s"))
for (const shape of SHAPES) {
  const archive = archiveOf(shape)
  const bytes = shape.directories * shape.files * shape.size
  const measured: Record<string, number> = {
    floor: best(() => expect(copied(shape), bytes)),
    write: best(() =>
      expect(
        written(shape),
        archive.reduce((sum, { length }) => sum + length, 0),
      ),
    ),
    read: best(() => expect(read(archive), bytes)),
    ...besideNix(shape),
  }
  console.log(shape.name)
  for (const [name, ms] of Object.entries(measured)) {
    const perSecond = (count: number): string => Math.round((count / ms) * 1000).toLocaleString("en")
    console.log(row(`  ${name}`, ms.toFixed(1), perSecond(bytes / 1e6), perSecond(shape.directories * shape.files)))
  }
}

function visit({ directories, files, size }: Shape, sink: NarSink): void {
  sink.directory()
  for (let i = 0; i < directories; i++) {
    sink.entry(numbered(i))
    sink.directory()
    for (let j = 0; j < files; j++) {
      sink.entry(numbered(j))
      sink.file(size, false)
      for (let at = 0; at < size; at += PIECE.length) {
        void sink.contents(size - at < PIECE.length ? PIECE.subarray(0, size - at) : PIECE)
      }
    }
    sink.endDirectory()
  }
  sink.endDirectory()
}
function numbered(i: number): string {
  return `file-name-${String(i).padStart(6, "0")}`
}

/** Bytes copied. */
function copied(shape: Shape): number {
  let total = 0
  visit(shape, {
    ...NOTHING,
    contents(bytes) {
      TARGET.set(bytes)
      total += bytes.length
    },
  })
  return total
}

/** Bytes written. */
function written(shape: Shape): number {
  let total = 0
  visit(
    shape,
    new NarWriter((bytes) => {
      TARGET.set(bytes)
      total += bytes.length
    }),
  )
  return total
}

/** Bytes of contents. */
function read(archive: readonly Uint8Array[]): number {
  let total = 0
  const reader = new NarReader({
    ...NOTHING,
    contents(bytes) {
      TARGET.set(bytes)
      total += bytes.length
    },
  })
  for (const piece of archive) void reader.write(piece)
  reader.end()
  return total
}

/** In pieces that end anywhere. */
function archiveOf(shape: Shape): Uint8Array[] {
  const pieces: Uint8Array[] = []
  visit(shape, new NarWriter((bytes) => void pieces.push(bytes.slice())))
  return pieces
}

function besideNix(shape: Shape): Record<string, number> {
  const oracle = findOracle()
  if (oracle === undefined) return {}
  const [command = "", ...words] = oracleProgram(oracle, "nix-store")
  const folder = mkdtempSync(join(tmpdir(), "bench-nar-"))
  try {
    writeTree(shape, join(folder, "tree"))
    const archive = join(folder, "archive")
    const nix = (args: readonly string[], from: string, to: string): void => {
      const [input, output] = [openSync(from, "r"), openSync(to, "w")]
      const { status } = spawnSync(command, [...words, ...args], { cwd: folder, stdio: [input, output, "inherit"] })
      for (const file of [input, output]) closeSync(file)
      expect(status, 0)
    }
    nix(["--dump", "tree"], "/dev/null", archive)
    return {
      "nix-store --dump": best(() => nix(["--dump", "tree"], "/dev/null", "/dev/null")),
      "nix-store --restore": best(() => {
        rmSync(join(folder, "restored"), { recursive: true, force: true })
        nix(["--restore", "restored"], archive, "/dev/null")
      }, 1),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function writeTree({ directories, files, size }: Shape, path: string): void {
  const contents = new Uint8Array(size).map((_, i) => i)
  for (let i = 0; i < directories; i++) {
    mkdirSync(join(path, numbered(i)), { recursive: true })
    for (let j = 0; j < files; j++) writeFileSync(join(path, numbered(i), numbered(j)), contents)
  }
}

/** Milliseconds of the fastest run: everything else is somebody else's work. */
function best(run: () => void, times: number = runs): number {
  let fastest = Infinity
  for (let i = 0; i < times; i++) {
    const started = performance.now()
    run()
    fastest = Math.min(fastest, performance.now() - started)
  }
  return fastest
}

function expect(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`the wrong amount of work: ${String(actual)}, not ${String(expected)}`)
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(24) + cells.map((cell) => cell.padStart(14)).join("")
}
