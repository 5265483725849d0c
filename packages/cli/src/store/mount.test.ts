/** `tvix-store mount` as a program: what is mounted is read by this process and by others, as by anybody. */
import assert from "node:assert/strict"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { after, afterEach, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import fc from "fast-check"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix-store", import.meta.url))
const BUSYBOX = "/bin/busybox"

/** Why nothing can be mounted here; `false` if it can. */
function whyNot(): string | false {
  if (process.platform !== "linux") return "only Linux can mount"
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK)
  } catch {
    return "/dev/fuse cannot be opened here"
  }
  return spawnSync("unshare", ["--mount", "true"]).status === 0 ? false : "mounting takes root"
}
const skip = whyNot()

/** Bytes in which no part is like another. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0, state = seed; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

let folder = ""
/** The tree on disk, and its store path below a folder where the store is mounted. */
let tree = ""
let base = ""
let smallBase = ""
const LARGE = noise(9_000_001, 1)

before(() => {
  if (skip !== false) return
  folder = mkdtempSync(join(tmpdir(), "tvix-mount-"))
  tree = join(folder, "tree")
  const latin1 = (name: string): Buffer => Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(name, "latin1")])
  mkdirSync(join(tree, "many"), { recursive: true })
  mkdirSync(join(tree, "deep", ...Array.from({ length: 50 }, (_, i) => `d${i}`)), { recursive: true })
  for (let i = 0; i < 10_000; i++) writeFileSync(join(tree, "many", `file-${i}`), `${i % 100}`)
  writeFileSync(latin1("na\xefve \xff"), "not UTF-8\n")
  writeFileSync(join(tree, "empty"), "")
  writeFileSync(join(tree, "large"), LARGE)
  for (const size of [1, 4095, 4096, 131_071, 131_072, 131_073, 1_048_576]) {
    writeFileSync(join(tree, `size-${size}`), noise(size, size))
  }
  symlinkSync("size-1", join(tree, "link"))
  symlinkSync(Buffer.from("nowhere/\xff", "latin1"), join(tree, "dangling"))
  copyFileSync(BUSYBOX, join(tree, "busybox"))
  chmodSync(join(tree, "busybox"), 0o755)
  mkdirSync(join(folder, "small"))
  writeFileSync(join(folder, "small", "file"), "small\n")
  base = basename(out("import", tree).trim())
  smallBase = basename(out("import", join(folder, "small")).trim())
})
after(() => rmSync(folder, { recursive: true, force: true }))

function store(): string {
  return join(folder, "store")
}
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: join(folder, "home"), TVIX_STORE: store() }
}
interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
function run(...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, args, { cwd: folder, env: environment(), encoding: "utf8" })
  return { status, out: stdout, error: stderr.replaceAll(folder, "/F") }
}
function out(...args: readonly string[]): string {
  const ran = run(...args)
  assert.equal(ran.status, 0, ran.error)
  return ran.out
}

interface Mounted {
  readonly dir: string
  readonly child: ChildProcess
  readonly end: Promise<Ran>
}
const running = new Set<Mounted>()
/** Mounts, and waits until it is ready. */
async function mount(...args: readonly string[]): Promise<Mounted> {
  return mountOn(mkdtempSync(join(folder, "mnt-")), ...args)
}
async function mountOn(dir: string, ...args: readonly string[]): Promise<Mounted> {
  const child = spawn(LAUNCHER, ["mount", dir, ...args], { cwd: folder, env: environment() })
  const texts = { out: "", error: "" }
  const ready = Promise.withResolvers<void>()
  child.stdout.on("data", (text) => {
    texts.out += String(text)
    ready.resolve()
  })
  child.stderr.on("data", (text) => (texts.error += String(text)))
  const end = new Promise<Ran>((resolve) => {
    child.on("close", (status) => {
      ready.reject(new Error(`ended with ${status}: ${texts.error}`))
      resolve({ status, ...texts })
    })
  })
  await ready.promise
  assert.equal(texts.out, `${dir}\n`)
  const mounted = { dir, child, end }
  running.add(mounted)
  return mounted
}
afterEach(async () => {
  for (const { dir, child, end } of running) {
    child.kill("SIGKILL")
    // oxlint-disable-next-line no-await-in-loop -- a few
    await end
    spawnSync("umount", ["-l", dir])
    rmSync(dir, { recursive: true, force: true })
  }
  running.clear()
})
const isMounted = (dir: string): boolean => readFileSync("/proc/self/mountinfo", "utf8").includes(` ${dir} `)

/** What is below a path: kind, permissions, size, and contents or target, by names; all byte strings. */
function describeTree(root: string): Map<string, string> {
  const found = new Map<string, string>()
  const queue = [""]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const file = Buffer.concat([Buffer.from(root), Buffer.from(path, "latin1")])
    const { mode, size, mtimeMs } = lstatSync(file)
    if ((mode & constants.S_IFMT) === constants.S_IFLNK) found.set(path, `-> ${readlinkSync(file, "latin1")}`)
    else if ((mode & constants.S_IFMT) === constants.S_IFDIR) {
      const names = readdirSync(file, "latin1")
      found.set(path, `${names.length} entries`)
      for (const name of names) queue.push(`${path}/${name}`)
    } else {
      found.set(path, `${(mode & 0o111) === 0 ? "-" : "x"} ${size} ${sha256(readFileSync(file))}`)
    }
    if (root !== tree) assert.equal(mtimeMs, 1000)
  }
  return found
}
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("a store that is mounted", { skip }, () => {
  test("has the trees that were put in, whole", async () => {
    const { dir, child, end } = await mount()
    assert.deepEqual(new Set(readdirSync(dir)), new Set([base, smallBase]))
    const [actual, expected] = [describeTree(join(dir, base)), describeTree(tree)]
    assert.equal(actual.size, expected.size)
    for (const [path, what] of expected) assert.equal(actual.get(path), what, path)
    const { mode, uid, nlink } = lstatSync(join(dir, base, "busybox"))
    assert.deepEqual({ mode: mode.toString(8), uid, nlink }, { mode: "100555", uid: 0, nlink: 1 })
    child.kill("SIGTERM")
    assert.deepEqual(await end, { status: 0, out: `${dir}\n`, error: "" })
    assert.equal(isMounted(dir), false)
  })

  test("any part of a file can be read", async () => {
    const { dir } = await mount()
    const file = openSync(join(dir, base, "large"), "r")
    try {
      const place = fc.tuple(fc.nat({ max: LARGE.length + 10 }), fc.nat({ max: 700_000 }))
      fc.assert(
        fc.property(place, ([at, size]) => {
          const bytes = Buffer.alloc(size)
          const length = readSync(file, bytes, 0, size, at)
          assert.ok(bytes.subarray(0, length).equals(LARGE.subarray(at, at + size)), `${size} bytes from ${at}`)
        }),
        { numRuns: 60 },
      )
    } finally {
      closeSync(file)
    }
  })

  test("programs read it, run from it, and many of them at once", async () => {
    const { dir } = await mount()
    const at = join(dir, base)
    const shell = (script: string): Ran => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: at, encoding: "utf8" })
      return { status, out: stdout, error: stderr }
    }
    assert.deepEqual(shell("find . | wc -l"), { status: 0, out: `${describeTree(tree).size}\n`, error: "" })
    assert.deepEqual(shell("find many -name 'file-99*' | wc -l").out, "111\n")
    assert.deepEqual(shell("./busybox echo it runs"), { status: 0, out: "it runs\n", error: "" })
    const sums = shell(
      "i=0; while [ $i -lt 12 ]; do sha256sum large size-1048576 busybox & i=$((i+1)); done; wait",
    ).out.split("\n")
    const expected = ["large", "size-1048576", "busybox"].map(
      (name) => `${sha256(readFileSync(join(tree, name)))}  ${name}`,
    )
    assert.deepEqual(
      sums.toSorted(),
      ["", ...expected.flatMap((line) => Array.from({ length: 12 }, () => line))].toSorted(),
    )
    assert.equal(
      shell(`tar cf - . | tar df - -C '${tree}' | grep -v -e 'Mod time' -e 'Mode differs' -e 'Uid' -e 'Gid'`).out,
      "",
    )
  })

  test("nothing can be written", async () => {
    const { dir } = await mount()
    const script = `
      for command in 'touch new' 'mkdir new' 'rm size-1' 'mv size-1 new' 'ln -s x new' 'ln size-1 new' 'chmod 600 size-1' \
        'chown 1 size-1' 'truncate -s 0 size-1' 'sh -c "echo x >> size-1"' 'mkfifo new' 'rmdir many'; do
        LC_ALL=C sh -c "$command" 2>&1 | grep -c 'Read-only file system' >/dev/null || echo "$command"
      done`
    const { stdout } = spawnSync("sh", ["-c", script], { cwd: join(dir, base), encoding: "utf8" })
    assert.equal(stdout, "")
    assert.equal(readFileSync(join(dir, base, "size-1")).length, 1)
  })

  test("a path that is put in later is there", async () => {
    const { dir } = await mount()
    assert.deepEqual(new Set(readdirSync(dir)), new Set([base, smallBase]))
    mkdirSync(join(folder, "later"))
    const later = basename(out("import", join(folder, "later")).trim())
    assert.deepEqual(readdirSync(join(dir, later)), [])
    rmSync(join(folder, "later"), { recursive: true })
  })

  test("only the paths that are named are seen", async () => {
    const { dir } = await mount(smallBase)
    assert.deepEqual(readdirSync(dir), [smallBase])
    assert.equal(readFileSync(join(dir, smallBase, "file"), "utf8"), "small\n")
    assert.throws(() => lstatSync(join(dir, base)), { code: "ENOENT" })
  })

  test("a store that another process serves", async () => {
    const socket = join(folder, "socket")
    const daemon = spawn(LAUNCHER, ["daemon", "-l", `unix:${socket}`], { cwd: folder, env: environment() })
    try {
      await new Promise((resolve) => daemon.stdout.once("data", resolve))
      const { dir } = await mount("--store", `grpc+unix://${socket}`)
      assert.equal(sha256(readFileSync(join(dir, base, "large"))), sha256(LARGE))
      assert.equal(readdirSync(join(dir, base, "many")).length, 10_000)
    } finally {
      daemon.kill()
    }
  })

  test("who waits for what never comes may give up", async () => {
    const asked = Promise.withResolvers<void>()
    const silent = createServer(({ url }, response) => {
      if (url === "/nix-cache-info") response.end("StoreDir: /nix/store\n")
      else asked.resolve()
    })
    await once(silent.listen(0, "127.0.0.1"), "listening")
    try {
      const { port } = silent.address() as AddressInfo
      const key = `k:${Buffer.alloc(32).toString("base64")}`
      const { dir, child, end } = await mount("--store", `nix+http://127.0.0.1:${port}?trusted-public-keys=${key}`)
      const reader = spawn("ls", [join(dir, base)])
      const ended = once(reader, "exit")
      await asked.promise
      reader.kill("SIGKILL")
      assert.deepEqual(await ended, [null, "SIGKILL"])
      child.kill()
      assert.equal((await end).status, 0)
      assert.equal(isMounted(dir), false)
    } finally {
      silent.closeAllConnections()
      silent.close()
    }
  })

  test("what is damaged cannot be read, and it is said why", async () => {
    const damaged = join(folder, "damaged")
    out("copy", "--to", damaged, `/nix/store/${base}`)
    // All that is in the packs but their first bytes.
    for (const pack of globSync("packs/**/*", { cwd: damaged }).map((name) => join(damaged, name))) {
      const bytes = readFileSync(pack)
      writeFileSync(pack, bytes.fill(0, 64))
    }
    const { dir, child, end } = await mount("--store", damaged)
    assert.throws(() => readFileSync(join(dir, base, "large")), { code: "EIO" })
    child.kill()
    const { status, error } = await end
    assert.equal(status, 0)
    assert.match(error, /^error: (?:chunk|blob) b3:\S+ is damaged: /)
  })
})

describe("the end", { skip }, () => {
  test("somebody else unmounts it", () => {
    // In a mount namespace of its own: whatever makes one meanwhile would keep a copy, and it is served as long as there is any.
    const dir = mkdtempSync(join(folder, "mnt-"))
    // While the server looks up its own file, soon after the start, it is in use.
    const script = `mkfifo ready; '${LAUNCHER}' mount '${dir}' > ready & read line < ready; cat '${dir}/${smallBase}/file'
      until umount '${dir}' 2> /dev/null; do sleep 0.1; done; wait $!; echo "$line ended with $?"; rm ready`
    const { stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script], {
      cwd: folder,
      env: environment(),
      encoding: "utf8",
      timeout: 60_000,
    })
    assert.deepEqual({ stdout, stderr }, { stdout: `small\n${dir} ended with 0\n`, stderr: "" })
  })

  test("somebody is in it: the second signal ends it all the same", async () => {
    const { dir, child, end } = await mount()
    const file = openSync(join(dir, base, "large"), "r")
    try {
      child.kill("SIGINT")
      await until(() => !isMounted(dir))
      // Whoever has it open may go on.
      assert.equal(readSync(file, Buffer.alloc(10), 0, 10, 5_000_000), 10)
      child.kill("SIGINT")
      assert.equal((await end).status, 130)
      assert.throws(() => readSync(file, Buffer.alloc(10), 0, 10, 8_000_000), { code: "ENOTCONN" })
    } finally {
      // Closing says so, too.
      assert.throws(() => closeSync(file), { code: "ENOTCONN" })
    }
  })

  test("killed: what is left is cleared away by the next one", async () => {
    const { dir, child, end } = await mount()
    child.kill("SIGKILL")
    await end
    assert.equal(isMounted(dir), true)
    assert.throws(() => readdirSync(dir), { code: /ENOTCONN|ECONNABORTED/ })
    const again = await mountOn(dir)
    assert.equal(readFileSync(join(dir, smallBase, "file"), "utf8"), "small\n")
    again.child.kill()
    assert.equal((await again.end).status, 0)
    assert.equal(isMounted(dir), false)
  })
})

describe("while a command runs", { skip }, () => {
  test("it alone sees what is mounted, and its exit code is the result", () => {
    const dir = join(folder, "private")
    mkdirSync(dir)
    const { status, out: printed } = run("mount", dir, "--", "sh", "-c", `cat ${dir}/${smallBase}/file; exit 7`)
    assert.deepEqual({ status, printed }, { status: 7, printed: "small\n" })
    assert.deepEqual(readdirSync(dir), [])
    assert.equal(isMounted(dir), false)
    assert.equal(run("mount", dir, "--", "sh", "-c", "kill -9 $$").status, 137)
  })

  test("the command, and what unmounts, are looked for in what is mounted", () => {
    const dir = join(folder, "programs")
    mkdirSync(dir)
    const env = { ...environment(), PATH: `${join(dir, base)}:${process.env["PATH"]}` }
    const words = ["mount", dir, "--", "busybox", "echo", "it runs"]
    const { status, stdout, stderr } = spawnSync(LAUNCHER, words, { cwd: folder, env, encoding: "utf8" })
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "it runs\n", stderr: "" })
    assert.equal(run("mount", dir, "--", join(dir, base, "busybox"), "sh", "-c", "exit 3").status, 3)
    assert.equal(run("mount", dir, "--", join(dir, base, "absent")).status, 127)
  })

  test("whoever is not root needs no rights", (t) => {
    // A device that everybody may use, as systems have it by default.
    const device = join(folder, "fuse")
    const made = spawnSync("mknod", ["-m", "666", device, "c", "10", "229"])
    if (made.status !== 0) return t.skip("no device can be made here")
    const home = mkdtempSync(join(tmpdir(), "tvix-mount-"))
    try {
      chmodSync(folder, 0o755)
      spawnSync("cp", ["-r", store(), join(home, "store")])
      mkdirSync(join(home, "mnt"))
      spawnSync("chown", ["-R", "65534:65534", home])
      const script = `mount --bind '${device}' /dev/fuse && cd '${home}' && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
        env HOME='${home}' '${LAUNCHER}' mount mnt --store '${home}/store' -- sh -c 'id -u; cat mnt/${smallBase}/file'`
      const { status, stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" })
      if (/unshare failed|Operation not permitted/.test(stderr))
        return t.skip(`no user namespaces here: ${stderr.trim()}`)
      return assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "65534\nsmall\n", stderr: "" })
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})

describe("what cannot be mounted", { skip }, () => {
  for (const [what, args, status, error] of [
    ["nothing", [], 2, /^tvix-store: name the folder to mount on\n/],
    ["no command", ["mnt", "--"], 2, /^tvix-store: there is no command after '--'\n/],
    ["no folder", ["nowhere"], 1, /^error: cannot mount on '\/F\/nowhere': there is no such folder\n$/],
    ["a file", ["small/file"], 1, /^error: cannot mount on '\/F\/small\/file': it is not a folder\n$/],
    ["the folder of the store", ["."], 2, /^tvix-store: the store itself is in '\.'\n/],
    [
      "a path that is not there",
      ["small", "s66mzxpvicwk07gjbjfw9izjfa797vsw-no"],
      1,
      /^error: 's66.*-no' is not in the store\n$/,
    ],
  ] as const) {
    test(what, () => {
      const ran = run("mount", ...args)
      assert.equal(ran.status, status)
      assert.match(ran.error, error)
    })
  }
})

/** Looks again and again. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    // oxlint-disable-next-line no-await-in-loop -- that is the purpose
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
