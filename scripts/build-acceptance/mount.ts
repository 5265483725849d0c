/** What it costs that a tree is mounted by `tvix-store mount` rather than on disk, and how soon a large file begins. */
import { spawn } from "node:child_process"
import { randomFillSync } from "node:crypto"
import { once } from "node:events"
import { appendFileSync, closeSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { output, run } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import type { Random } from "../random.ts"
import { ROOT } from "../toolchain.mjs"

const TVIX_STORE = join(ROOT, "bin", "tvix-store")
/** Of the speed on disk. */
const RATIO_MIN = 0.3
const FIRST_BYTE_MAX_MS = 50
const MiB = 2 ** 20

export interface MountSettings {
  readonly files: number
  /** Bytes of the large file. */
  readonly large: number
  /** Of each measurement. */
  readonly rounds: number
  /** Whether the figures decide. */
  readonly decides: boolean
}

export async function mounted(tally: Tally, dir: string, settings: MountSettings, random: Random): Promise<void> {
  const { files, large, rounds, decides } = settings
  tally.section(`a tree of ${files} files and one of ${large / MiB} MiB, mounted`)
  const store = join(dir, "store")
  const mnt = join(dir, "mnt")
  mkdirSync(mnt, { recursive: true })
  const trees = [
    { what: `${files} files`, tree: makeFiles(join(dir, "files"), files, random) },
    { what: `a file of ${large / MiB} MiB`, tree: makeLarge(join(dir, "large"), large) },
  ]
  const bases = new Map<string, string>()
  for (const { tree } of trees) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    bases.set(tree, basename(await output([TVIX_STORE, "--store", store, "import", tree])))
  }
  const whileMounted = <T>(work: () => Promise<T>): Promise<T> => withMount(store, mnt, work)

  for (const { what, tree } of trees) {
    const there = join(mnt, bases.get(tree)!)
    const times = { disk: [] as number[], mounted: [] as number[] }
    for (let round = 0; round < rounds; round++) {
      // oxlint-disable-next-line no-await-in-loop -- in turns
      await dropCaches()
      // oxlint-disable-next-line no-await-in-loop
      times.disk.push(await timeOfTar(tree))
      // oxlint-disable-next-line no-await-in-loop
      times.mounted.push(await whileMounted(() => timeOfTar(there)))
    }
    // oxlint-disable-next-line no-await-in-loop
    const [expected, actual] = [await contentsOf(tree), await whileMounted(() => contentsOf(there))]
    tally.equal(`${what}: the contents are the same`, actual, expected)
    const [onDisk, onMount] = [median(times.disk), median(times.mounted)]
    const ratio = onDisk / onMount
    const figure = `${seconds(onMount)}, on disk ${seconds(onDisk)}: ${ratio.toFixed(2)} of the speed`
    const asked = decides ? { of: `${RATIO_MIN} at least`, holds: ratio >= RATIO_MIN } : undefined
    tally.figure(`tar of ${what}, mounted`, figure, asked)
  }

  const file = join(mnt, bases.get(trees[1]!.tree)!, "large")
  const firsts: number[] = []
  for (let round = 0; round < rounds; round++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    firsts.push(await whileMounted(async () => timeOfFirstByte(file)))
  }
  const first = median(firsts)
  const asked = decides ? { of: `less than ${FIRST_BYTE_MAX_MS} ms`, holds: first < FIRST_BYTE_MAX_MS } : undefined
  tally.figure(`the first byte of ${large / MiB} MiB`, `${first.toFixed(1)} ms`, asked)
}

/** Most are small, as those of packages are. */
function makeFiles(dir: string, count: number, random: Random): string {
  const words = Array.from({ length: 4096 }, () => random.between(2 ** 20, 2 ** 31).toString(36))
  for (let i = 0; i < count; i++) {
    const folder = join(dir, `folder-${i % 97}`, `below-${i % 5}`)
    if (i < 97 * 5) mkdirSync(folder, { recursive: true })
    const size = Math.floor(2 ** (4 + 14 * random.fraction() ** 1.5))
    let text = ""
    while (text.length < size) text += `${random.pick(words)} `
    writeFileSync(join(folder, `file-${i}`), text.slice(0, size))
  }
  return dir
}

/** Bytes that do not compress. */
function makeLarge(dir: string, size: number): string {
  mkdirSync(dir)
  const bytes = new Uint8Array(16 * MiB)
  for (let left = size; left > 0; left -= bytes.length) {
    appendFileSync(join(dir, "large"), randomFillSync(bytes).subarray(0, Math.min(left, bytes.length)))
  }
  return dir
}

/** Mounts anew, with nothing in memory of what is mounted. */
async function withMount<T>(store: string, mnt: string, work: () => Promise<T>): Promise<T> {
  const child = spawn(TVIX_STORE, ["--store", store, "mount", mnt], { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "close")
  try {
    await Promise.race([
      once(child.stdout, "data"),
      ended.then(() => Promise.reject(new Error("it cannot be mounted"))),
    ])
    await dropCaches()
    return await work()
  } finally {
    child.kill()
    await ended
  }
}

/** What the system has read before would only be copied. */
async function dropCaches(): Promise<void> {
  await output(["sync"])
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3")
  } catch (error) {
    throw new Error("caches cannot be dropped: that takes root", { cause: error })
  }
}

async function timeOfTar(tree: string): Promise<number> {
  // GNU tar reads nothing of what goes to /dev/null.
  const { ms, status, error } = await run(["sh", "-c", 'tar cf - -C "$1" . | cat > /dev/null', "sh", tree])
  if (status !== 0 || error !== "") throw new Error(`tar of ${tree}: ${error}`)
  return ms
}

function timeOfFirstByte(path: string): number {
  const started = performance.now()
  const file = openSync(path, "r")
  readSync(file, new Uint8Array(1))
  const ms = performance.now() - started
  closeSync(file)
  return ms
}

/** Names and hashes of all files, as one hash. */
function contentsOf(tree: string): Promise<string> {
  const script = 'cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum'
  return output(["sh", "-c", script, "sh", tree])
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
