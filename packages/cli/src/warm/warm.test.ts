/** `tvix warm` and its clients as programs: what it takes from them, and what happens to them when it is busy, dies or ends. */
import assert from "node:assert/strict"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { after, afterEach, before, beforeEach, describe, test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { copyBundle, launcher, Warm } from "../testing/ways.ts"

/** Says that it has begun, and counts to ten thousand million. */
const ENDLESS = `
  let many = builtins.genList (n: n) 100000;
  in builtins.foldl' (sum: _: builtins.foldl' builtins.add sum many) (builtins.trace "begun" 0) many`

let folder = ""
let warm: Warm
before(() => (folder = mkdtempSync(join(tmpdir(), "clients-"))))
after(() => rmSync(folder, { recursive: true }))
beforeEach(() => (warm = new Warm()))
afterEach(() => warm.end())

const environment = (more: object = {}): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: "/homeless",
  NIX_CONF_DIR: "/nowhere",
  ...warm.env,
  ...more,
})

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
function run(
  words: readonly string[],
  { cwd = folder, input = "", env = {} }: { cwd?: string; input?: string; env?: object } = {},
): Ran {
  const ran = spawnSync(launcher("tvix"), words, {
    cwd,
    input,
    env: environment(env),
    encoding: "utf8",
    timeout: 60_000,
  })
  return { status: ran.status, out: ran.stdout, error: ran.stderr }
}
const evaluate = (expression: string): Ran => run(["eval", "-E", expression])
const printed = (out: string): Ran => ({ status: 0, out, error: "" })

/** How many evaluations the process does while `work` runs: 0 if whoever asked did it alone. */
function served(work: () => void): number {
  const before = warm.status().evaluations
  work()
  return warm.status().evaluations - before
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (holds()) return
    await pause(50)
  }
  assert.fail(`not within ten seconds: ${what}`)
}

/** Runs a program that never ends, and settles when it is being evaluated. */
async function endless(
  words: readonly string[] = ["eval", "-E", ENDLESS],
): Promise<{ child: ChildProcess; ended: Promise<Ran> }> {
  const child = spawn(launcher("tvix"), words, { cwd: folder, env: environment(), stdio: ["pipe", "pipe", "pipe"] })
  let out = ""
  let error = ""
  const begun = Promise.withResolvers<void>()
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  child.stderr.on("data", (chunk) => {
    error += String(chunk)
    begun.resolve()
  })
  const ended = new Promise<Ran>((resolve) => child.on("close", (status) => resolve({ status, out, error })))
  child.stdin.end(ENDLESS)
  await begun.promise
  return { child, ended }
}

describe("tvix warm", () => {
  test("start, status and stop, and each of them once more", () => {
    assert.deepEqual(warm.tvix("status"), { status: 1, out: "there is none: tvix warm start starts one\n", error: "" })
    const { out: pid } = warm.tvix("start")
    assert.match(pid, /^\d+\n$/)
    assert.equal(warm.tvix("start").out, pid)
    const { status, out } = warm.tvix("status")
    assert.equal(status, 0)
    assert.match(out, new RegExp(`^process ${pid.trim()}  waiting  0 evaluations  for \\d+ s  [\\d.]+ MiB\n$`))
    assert.deepEqual(warm.tvix("stop"), printed(""))
    assert.equal(warm.status().running, false)
    assert.deepEqual(warm.tvix("stop"), printed(""))
    assert.deepEqual(readdirSync(dirname(warm.status().socket)).length, 1)
  })

  test("what makes no sense is told", () => {
    assert.match(
      warm.tvix("start", "--idle", "long").error,
      /^tvix warm: --idle takes a time such as 90, 10m, 12h or 2d/,
    )
    assert.match(warm.tvix("start", "now").error, /^tvix warm: nothing to do with 'now'\n/)
    assert.match(warm.tvix("strat").error, /Did you mean start\?/)
  })

  test("a folder that others may enter is not used", () => {
    const { socket } = warm.status()
    mkdirSync(dirname(socket))
    chmodSync(dirname(socket), 0o755)
    assert.deepEqual(warm.tvix("start"), {
      status: 1,
      out: "",
      error: "error: cannot use /R/tvix: others may enter it\n",
    })
    chmodSync(dirname(socket), 0o700)
    warm.start()
    chmodSync(dirname(socket), 0o750)
    assert.deepEqual(evaluate("1 + 1"), printed("2\n"))
    chmodSync(dirname(socket), 0o700)
    assert.equal(warm.status().evaluations, 0)
  })

  test("a path that is too long for a socket is told", () => {
    const long = join(folder, "x".repeat(100))
    const { status, stderr } = spawnSync(launcher("tvix"), ["warm", "start"], {
      env: environment({ XDG_RUNTIME_DIR: long }),
      encoding: "utf8",
    })
    assert.equal(status, 1)
    assert.match(stderr, /^error: the path of the socket is too long, .*: give \$XDG_RUNTIME_DIR a shorter one\n$/)
    assert.deepEqual(run(["eval", "-E", "1"], { env: { XDG_RUNTIME_DIR: long } }), printed("1\n"))
  })

  test("it ends when nobody needs it", async () => {
    warm.start("--idle", "1")
    assert.equal(
      served(() => evaluate("1")),
      1,
    )
    await until("it ends", () => !warm.status().running)
    assert.ok(!existsSync(warm.status().socket))
  })

  test("it begins anew when it has grown", async () => {
    warm.start("--max-memory", "1M")
    for (let i = 0; i < 2; i++) {
      const { pid } = warm.status()
      assert.deepEqual(evaluate("1 + 1"), printed("2\n"))
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await until("another has begun", () => warm.status().running && warm.status().pid !== pid)
    }
  })

  test("it ends when its program is removed, as an old bundle is", async () => {
    const bundle = join(folder, "bundle")
    copyBundle(bundle)
    const words = [join(bundle, "main.cjs"), "warm", "start", "--foreground"]
    const child = spawn(process.execPath, words, { env: environment(), stdio: "ignore" })
    await until("it has begun", () => warm.status().running)
    assert.equal(
      served(() => evaluate("1")),
      1,
    )
    // As a new one takes its place.
    renameSync(bundle, join(folder, "old"))
    mkdirSync(bundle)
    writeFileSync(join(bundle, "main.cjs"), "")
    rmSync(join(folder, "old"), { recursive: true })
    assert.deepEqual(evaluate("1 + 1"), printed("2\n"))
    await until("it ends", () => child.exitCode === 0)
  })

  test("what dead ones left is removed", () => {
    warm.start()
    const { socket, pid } = warm.status()
    process.kill(pid, "SIGKILL")
    const other = join(dirname(socket), "warm-older")
    writeFileSync(other, "")
    writeFileSync(`${other}.log`, "")
    warm.start()
    assert.ok(!existsSync(other) && !existsSync(`${other}.log`))
    assert.notEqual(warm.status().pid, pid)
  })
})

describe("what it evaluates", () => {
  test("is what the client sees: its folder, its variables, its input, its umask", () => {
    warm.start()
    const inner = join(folder, "inner")
    mkdirSync(inner)
    writeFileSync(join(inner, "default.nix"), '{ word }: builtins.getEnv "WORD" + word')
    const count = served(() => {
      const words = ["eval", "./default.nix", "--argstr", "word", "\xff \u{1f333}"]
      assert.deepEqual(run(words, { cwd: inner, env: { WORD: "a" } }), printed('"a\xff \u{1f333}"\n'))
      assert.deepEqual(run(words, { cwd: inner }), printed('"\xff \u{1f333}"\n'))
      assert.deepEqual(run(["eval", "-"], { input: '"x"' }), printed('"x"\n'))
      const store = `local://${folder}/store`
      const script =
        'umask 077; exec "$0" instantiate --store "$1" -E \'derivation { name = "x"; system = "s"; builder = "b"; }\''
      spawnSync("sh", ["-c", script, launcher("tvix"), store], { cwd: folder, env: environment() })
      assert.equal(statSync(join(folder, "store")).mode & 0o777, 0o700)
    })
    assert.equal(count, 4)
  })

  test("is what is there now, and not what was there before", () => {
    warm.start()
    const file = join(folder, "changing.nix")
    const count = served(() => {
      for (const text of ["1", "2", "{ a = 1; }"]) {
        writeFileSync(file, text)
        assert.deepEqual(run(["eval", "--strict", file]), printed(`${text}\n`))
      }
    })
    assert.equal(count, 3)
  })

  test("keeps nothing of a client's environment", () => {
    warm.start()
    const { pid } = warm.status()
    assert.deepEqual(
      run(["eval", "-E", 'builtins.getEnv "SECRET"'], { env: { SECRET: "s3cr3t" } }),
      printed('"s3cr3t"\n'),
    )
    assert.deepEqual(evaluate('builtins.getEnv "SECRET"'), printed('""\n'))
    if (process.platform === "linux") {
      const environ = spawnSync("cat", [`/proc/${pid}/environ`, `/proc/${pid}/cmdline`], { encoding: "utf8" }).stdout
      assert.ok(!environ.includes("s3cr3t"))
    }
  })

  test("is not what has to be alone, or sees another world", { skip: process.getuid!() !== 0 }, () => {
    warm.start()
    const count = served(() => {
      assert.deepEqual(run(["eval", "--max-memory", "500M", "-E", "1"]), printed("1\n"))
      assert.match(run(["eval", "--display-ast", "-E", "1"]).error, /^=== syntax tree of /)
      assert.deepEqual(run(["eval", "-E", "1"], { env: { TVIX_WARM: "0" } }), printed("1\n"))
      const { status, stdout } = spawnSync("unshare", ["-m", launcher("tvix"), "eval", "-E", "1"], {
        env: environment(),
        encoding: "utf8",
      })
      assert.deepEqual({ status, stdout }, { status: 0, stdout: "1\n" })
    })
    assert.equal(count, 0)
  })
})

describe("a client", () => {
  test("does it alone while another is served", async () => {
    warm.start()
    const { child, ended } = await endless()
    assert.ok(warm.status().busy)
    assert.deepEqual(evaluate('"busy"'), printed('"busy"\n'))
    assert.equal(warm.status().evaluations, 0)
    child.kill("SIGINT")
    await ended
  })

  test("that leaves is not worked for", async () => {
    warm.start()
    for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
      const { child, ended } = await endless()
      child.kill(signal)
      await ended
      assert.equal(child.signalCode, signal)
      await until("it waits", () => !warm.status().busy)
    }
    assert.deepEqual(evaluate("1"), printed("1\n"))
    assert.equal(warm.status().evaluations, 4)
  })

  test("goes on alone when the process dies", async () => {
    warm.start()
    const { child, ended } = await endless(["eval", "--timeout", "3", "-E", ENDLESS])
    process.kill(warm.status().pid, "SIGKILL")
    const { status, error } = await ended
    assert.equal(status, 1)
    assert.match(error, /^trace: begun\ntrace: begun\nerror\[limit\]: .* time/)
    assert.equal(child.signalCode, null)
  })

  test("says so if it cannot", async () => {
    warm.start()
    const { pid, log } = warm.status()
    const { ended } = await endless(["eval", "-"])
    process.kill(pid, "SIGKILL")
    const error = `trace: begun\nerror: the process that 'tvix warm' started has ended; ${log} may say why\n`
    assert.deepEqual(await ended, { status: 1, out: "", error })
  })

  test("says that there is no room for what it prints", { skip: !existsSync("/dev/full") }, () => {
    warm.start()
    const words = [launcher("tvix"), "eval", "-E", "1"]
    const { status, stderr } = spawnSync("sh", ["-c", '"$@" > /dev/full', "sh", ...words], {
      env: environment(),
      encoding: "utf8",
    })
    assert.deepEqual({ status, stderr }, { status: 1, stderr: "error: cannot write: no space left on device\n" })
    assert.equal(warm.status().evaluations, 1)
  })

  test("that speaks otherwise, or not at all, is shown out", async () => {
    warm.start()
    const { socket: path } = warm.status()
    for (const words of ["GET / HTTP/1.1\r\n\r\n", "\x02\x02\0\0\0{}", "\x02\x01\0\0\0x", "\x07\0\0\0\0", ""]) {
      const socket = connect(path)
      socket.on("error", () => {})
      socket.resume().write(words)
      const closed = new Promise((resolve) => socket.on("close", resolve))
      await closed
    }
    assert.equal(
      served(() => assert.deepEqual(evaluate("1 + 1"), printed("2\n"))),
      1,
    )
  })
})
