/** `tvix eval-jobs` as a program: what it prints of which set, and what it makes of workers that die. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix", import.meta.url))

/** What the programs below are made of: `job NAME` is a derivation. */
const JOB = `job = name: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; };`

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "jobs-"))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function environment(): NodeJS.ProcessEnv {
  const cache = process.env["NODE_COMPILE_CACHE"]
  return {
    PATH: process.env["PATH"],
    HOME: join(folder, "home"),
    TVIX_STORE: `local://${folder}/store`,
    NIX_PATH: "",
    ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }),
  }
}

interface Line {
  readonly attr: string
  readonly attrPath: readonly string[]
  readonly error?: string
  readonly [member: string]: unknown
}
interface Ran {
  readonly status: number | null
  readonly lines: readonly Line[]
  readonly error: string
}

const linesOf = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line)

function run(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, ["eval-jobs", ...args], {
    cwd: folder,
    env: environment(),
    encoding: "utf8",
  })
  return { status, lines: linesOf(stdout), error: stderr }
}

/** The derivations of a set, in order, without writing anything. */
function jobs(set: string, ...args: string[]): Ran {
  return run("-E", `let ${JOB} in ${set}`, "--no-instantiate", "--ordered", "--workers", "2", ...args)
}
const attrs = ({ lines }: Ran): string[] => lines.map(({ attr }) => attr)

describe("which attributes are jobs", () => {
  const cases: readonly { name: string; set: string; args?: readonly string[]; attrs: readonly string[] }[] = [
    { name: "a derivation alone", set: 'job "a"', attrs: [""] },
    { name: "in the order of their bytes", set: '{ b = job "b"; B = job "B"; "a-b" = job "x"; a = job "a"; }', attrs: ["B", "a", "a-b", "b"] },
    { name: "none", set: "{ }", attrs: [] },
    { name: "what is no set is passed over", set: '{ a = [ (job "a") ]; b = "b"; c = x: x; d = null; e = job "e"; }', attrs: ["e"] },
    { name: "sets that ask for it", set: '{ a = { recurseForDerivations = true; b = job "b"; }; c = { d = job "d"; }; }', attrs: ["a.b"] },
    { name: "a root that does not", set: '{ recurseForDerivations = false; a = job "a"; }', attrs: [] },
    { name: "all sets", set: '{ a.b.c = job "c"; }', args: ["--force-recurse"], attrs: ["a.b.c"] },
    { name: "a set that contains itself", set: 'let s = { inherit s; a = job "a"; t = { inherit s; b = job "b"; }; }; in s', args: ["--force-recurse"], attrs: ["a", "t.b"] },
    { name: "no deeper than that", set: '{ a = job "a"; b.c = job "c"; b.d.e = job "e"; }', args: ["--force-recurse", "--max-depth", "2"], attrs: ["a", "b.c"] },
    { name: "functions on the way are called", set: '{ n ? "n" }: { "a" = { m ? "m" }: job "${n}${m}"; }', args: ["--argstr", "m", "x"], attrs: ["a"] },
    { name: "names with dots, digits and quotes", set: '{ "a.b" = job "a"; "0" = job "b"; "q\\"q" = job "c"; "" = job "d"; }', attrs: ["", "0", '"a.b"', 'q"q'] },
    { name: "selected", set: '[ { a = job "a"; } ]', args: ["--select", "list: builtins.head list"], attrs: ["a"] },
  ] // prettier-ignore
  for (const { name, set, args = [], attrs: expected } of cases) {
    test(name, () => {
      const ran = jobs(set, ...args)
      assert.deepEqual(
        { attrs: attrs(ran), status: ran.status, error: ran.error },
        { attrs: expected, status: 0, error: "" },
      )
    })
  }
})

describe("what is printed of a derivation", () => {
  test("its members", () => {
    const { lines } = jobs('{ a = job "a" // { meta.license = "free"; }; }')
    const [line] = lines
    // C++ Nix's paths.
    assert.deepEqual(line, {
      attr: "a",
      attrPath: ["a"],
      drvPath: "/nix/store/7g5giqf764p3y3zv7a8rqsy9sqqq5kw4-a.drv",
      name: "a",
      outputs: { out: "/nix/store/f37kxm5wf98b2s839zaiybv38zil0s40-a" },
      requiredSystemFeatures: [],
      system: "x86_64-linux",
    })
    assert.deepEqual(Object.keys(line), Object.keys(line).toSorted())
  })
  test("--meta: what is plain data", () => {
    const meta = '{ description = "d"; n = [ 1 2.5 true ]; fn = x: x; drv = job "b"; inner.list = [ null ]; }'
    const { lines } = jobs(`{ a = job "a" // { meta = ${meta}; }; b = job "b"; }`, "--meta")
    assert.deepEqual(lines.map(({ meta }) => meta), [{ description: "d", n: [1, 2.5, true] }, null]) // prettier-ignore
  })
  test("--show-input-drvs, required features, and outputs", () => {
    const set = `{ a = derivation {
      name = "a"; system = "s"; builder = "\${job "b"}/b"; outputs = [ "out" "dev" ]; requiredSystemFeatures = "kvm big";
    }; }`
    const [line] = jobs(set, "--show-input-drvs").lines
    assert.deepEqual(Object.values(line!["inputDrvs"] as object), [["out"]])
    assert.deepEqual(line!["requiredSystemFeatures"], ["big", "kvm"])
    assert.deepEqual(Object.keys(line!["outputs"] as object), ["dev", "out"])
    assert.equal(line!["system"], "s")
  })
  test("--apply", () => {
    const [line] = jobs('{ a = job "a"; }', "--apply", "drv: { n = drv.name; }").lines
    assert.deepEqual(line!["extraValue"], { n: "a" })
  })
  test("--arg, and no names that others had", () => {
    const { lines } = jobs('{ n }: { a = job "a${toString n}"; }', "--arg", "n", "1 + 1")
    assert.equal(lines[0]!["name"], "a2")
  })
})

describe("attributes that fail", () => {
  const cases: readonly { name: string; bad: string; error: RegExp; args?: readonly string[] }[] = [
    { name: "throw", bad: 'throw "no"', error: /^error:\n[^]* error: no$/ },
    { name: "abort", bad: 'abort "stop"', error: /evaluation aborted with the following error message: 'stop'/ },
    { name: "a failing assertion in what it needs", bad: 'job "${assert 1 > 2; "x"}"', error: /assertion '\(__lessThan 2 1\)' failed/ },
    { name: "infinite recursion", bad: "let x = x; in x", error: /infinite recursion encountered/ },
    { name: "too many nested calls", bad: "let f = x: 1 + f x; in f 1", args: ["--max-call-depth", "1000"], error: /stack overflow/ },
    { name: "no name", bad: 'job "a" // { name = 1; }', error: /expected a string but found an integer/ },
    { name: "no path", bad: '{ type = "derivation"; name = "x"; outPath = job "a"; }', error: /derivation does not contain a 'drvPath' attribute/ },
    { name: "recurseForDerivations is no Boolean", bad: "{ recurseForDerivations = 1; }", error: /expected a Boolean but found an integer/ },
    { name: "a function that lacks an argument", bad: '{ y }: job "x"', error: /argument without a value \('y'\)/ },
    { name: "sets without end", bad: "let s = n: { recurseForDerivations = true; inner = s (n + 1); }; in s 0", error: /nested more than 100 deep/ },
    { name: "a time limit", bad: "let f = x: f (x + 1); in f 1", args: ["--timeout", "0.3"], error: /time/ },
    { name: "a memory limit", bad: "let f = l: f [ l l ]; in f 1", args: ["--max-memory-size", "256"], error: /memory/ },
    { name: "all memory at once", bad: "builtins.deepSeq (builtins.genList (x: { }) 10000000) 1", args: ["--max-memory-size", "256"], error: /memory/ },
  ] // prettier-ignore
  for (const { name, bad, error, args = [] } of cases) {
    test(name, () => {
      const ran = jobs(`{ a = job "a"; bad = ${bad}; z = job "z"; }`, ...args)
      assert.deepEqual({ status: ran.status, error: ran.error }, { status: 0, error: "" })
      const failed = ran.lines.filter((line) => line.error !== undefined)
      assert.deepEqual(ran.lines.filter((line) => line.error === undefined).map(({ attr }) => attr), ["a", "z"]) // prettier-ignore
      assert.match(failed[0]!.error!, error)
    })
  }
})

describe("programs that fail", () => {
  const cases: readonly { args: readonly string[]; status: number; error: RegExp }[] = [
    { args: ["-E", 'throw "no"'], status: 1, error: /error: no\n/ },
    { args: ["-E", "{"], status: 1, error: /syntax error/ },
    { args: ["-E", "[ 1 ]"], status: 1, error: /is a list; lists are not gone into, but --select/ },
    { args: ["-E", "{ x }: x"], status: 1, error: /argument without a value \('x'\)/ },
    { args: ["missing.nix"], status: 1, error: /missing\.nix' does not exist/ },
    { args: [], status: 2, error: /nothing to evaluate/ },
    { args: ["-"], status: 2, error: /standard input/ },
    { args: ["a.nix", "b.nix"], status: 2, error: /one program at a time/ },
    { args: ["--flake", "x"], status: 2, error: /--flake: flakes are not there yet/ },
    { args: ["-A", "a.b", "-E", "{ }"], status: 2, error: /--attr: say what to look at with a function: --select 'set: set\.PATH'/ },
    { args: ["--workers", "0", "-E", "{ }"], status: 2, error: /--workers takes a whole number, at least 1/ },
    { args: ["--max-memory-size", "10", "-E", "{ }"], status: 2, error: /at least 256/ },
    { args: ["--gc-roots-dir", "roots", "--store", "memory:", "-E", "{ }"], status: 1, error: /only a local store can keep roots/ },
    { args: ["--gc-roots-dir", "/dev/null/roots", "-E", "{ }"], status: 1, error: /^error: cannot mkdir '\/dev\/null\/roots': not a directory\n$/ },
    { args: ["--store", "nonsense:", "-E", '{ a = derivation { name = "a"; system = "s"; builder = "b"; }; }'], status: 1, error: /^error: store address 'nonsense:': / },
  ] // prettier-ignore
  for (const { args, status, error } of cases) {
    test(args.join(" "), () => {
      const ran = run(...args)
      assert.match(ran.error, error)
      assert.deepEqual({ status: ran.status, lines: ran.lines }, { status, lines: [] })
    })
  }
})

describe("many derivations", () => {
  // Some need others, some fail, some are in sets of their own.
  const COUNT = 300
  const program = `let
    ${JOB}
    names = builtins.genList toString ${COUNT};
    package = i: derivation {
      name = "p\${i}"; system = "x86_64-linux"; builder = "/bin/sh";
      dep = if i == "0" then "" else packages."p\${toString (builtins.div (builtins.fromJSON i) 2)}";
      bad = if builtins.match ".*77" i == null then "" else throw "bad \${i}";
    };
    packages = builtins.listToAttrs (map (i: { name = "p\${i}"; value = package i; }) names);
  in packages // { inner = packages // { recurseForDerivations = true; }; }`

  test("the same in the same order, whatever the number of workers", () => {
    writeFileSync(join(folder, "many.nix"), program)
    const [one, three] = [1, 3].map((workers) => {
      return run("many.nix", "--no-instantiate", "--ordered", "--workers", String(workers))
    }) as [Ran, Ran]
    assert.equal(one.lines.length, 2 * COUNT)
    const failed = one.lines.filter(({ error }) => error !== undefined).map(({ attr }) => attr)
    assert.deepEqual(failed.slice(-5), ["p154", "p155", "p177", "p277", "p77"])
    assert.deepEqual(three.lines, one.lines)
    assert.deepEqual(
      attrs(one).filter((attr) => !attr.startsWith("inner.")),
      Array.from({ length: COUNT }, (_, i) => `p${i}`).toSorted(),
    )
  })

  test("what is the same value as something else is evaluated once, whoever finds it", () => {
    const traced = `let
      ${JOB}
      names = builtins.genList toString 200;
      set = builtins.listToAttrs (map (name: { inherit name; value = builtins.trace name (job name); }) names);
      inside = set // { recurseForDerivations = true; };
    in set // { inherit inside; "0first" = inside // { inherit inside; }; }`
    const { lines, error } = run("-E", traced, "--no-instantiate", "--workers", "3")
    assert.equal(lines.length, 4 * 200)
    assert.deepEqual(
      error.trimEnd().split("\n").toSorted(),
      Array.from({ length: 200 }, (_, i) => `trace: ${i}`).toSorted(),
    )
  })

  test("what was printed is in the store, and kept", () => {
    writeFileSync(join(folder, "many.nix"), program)
    const { lines, status } = run("many.nix", "--workers", "2", "--gc-roots-dir", "roots")
    assert.equal(status, 0)
    assert.equal(lines.length, 2 * COUNT)
    const paths = new Set(lines.flatMap(({ drvPath }) => (drvPath === undefined ? [] : [drvPath as string])))
    const links = readdirSync(join(folder, "roots")).map((name) => readlinkSync(join(folder, "roots", name)))
    assert.deepEqual(links.toSorted(), [...paths].toSorted())
    const store = (...args: string[]): string =>
      spawnSync(LAUNCHER.replace(/tvix$/, "tvix-store"), args, { env: environment(), encoding: "utf8" }).stdout
    store("gc")
    for (const path of [...paths].slice(0, 5)) assert.match(store("cat", path), /^Derive\(/)
  })
})

/** A run that is not over: its standard error, and its workers, as far as the system tells. */
function start(set: string, ...args: string[]) {
  const child = spawn(
    LAUNCHER,
    ["eval-jobs", "-E", `let ${JOB} in ${set}`, "--no-instantiate", "--ordered", "--workers", "1", ...args],
    { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] },
  )
  let out = ""
  let error = ""
  let changed = (): void => {}
  child.stdout.on("data", (bytes: Buffer) => void (out += bytes.toString()))
  child.stderr.on("data", (bytes: Buffer) => {
    error += bytes.toString()
    changed()
  })
  const closed = new Promise<{ code: number | null; lines: Line[] }>((resolve) => {
    child.on("close", (code) => resolve({ code, lines: linesOf(out) }))
  })
  return {
    child,
    closed,
    /** Resolves when `trace: text` was written so many times. */
    async traced(text: string, times: number): Promise<false> {
      while (error.split(`trace: ${text}\n`).length <= times) {
        await new Promise<void>((resolve) => void (changed = resolve))
      }
      return false
    },
    workers(): number[] {
      const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")
      return text.split(" ").filter((word) => word !== "").map(Number) // prettier-ignore
    },
  }
}

function isGone(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true
  return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
}

describe(
  "workers that die",
  { skip: existsSync("/proc/self/task") ? false : "the system does not tell children" },
  () => {
    const LOOP = "let f = x: f (x + 1); in f 1"

    test("killed once: its attributes are evaluated by another", async () => {
      // The second sees the file.
      const once = `builtins.trace "begun" (if builtins.pathExists ./go then job "slow" else ${LOOP})`
      const run = start(`{ a = job "a"; slow = ${once}; z = job "z"; }`)
      await run.traced("begun", 1)
      writeFileSync(join(folder, "go"), "")
      process.kill(run.workers()[0]!, "SIGKILL")
      const { code, lines } = await run.closed
      assert.deepEqual(lines.map(({ attr, error }) => [attr, error]), [["a", undefined], ["slow", undefined], ["z", undefined]]) // prettier-ignore
      assert.equal(code, 0)
    })

    test("killed each time: the attribute fails, wherever it is, and no other", async () => {
      const set = `{ a = job "a"; slow = builtins.trace "begun" (${LOOP}); z = job "z"; }`
      const run = start(`let s = ${set}; in s // { b = s // { recurseForDerivations = true; }; }`)
      const closed = run.closed.then(() => true)
      for (let times = 1; ; times++) {
        if (await Promise.race([run.traced("begun", times), closed])) break
        for (const pid of run.workers()) process.kill(pid, "SIGKILL")
      }
      const { code, lines } = await run.closed
      assert.deepEqual(lines.map(({ attr }) => attr), ["a", "b.a", "b.slow", "b.z", "slow", "z"]) // prettier-ignore
      const failed = lines.filter(({ error }) => error !== undefined)
      assert.deepEqual(failed.map(({ attr }) => attr), ["b.slow", "slow"]) // prettier-ignore
      for (const { error } of failed) {
        assert.match(error!, /^error: the process that evaluated this attribute was killed by SIGKILL, twice/)
      }
      assert.equal(code, 0)
    })

    for (const [signal, status] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGKILL", null],
    ] as const) {
      // prettier-ignore
      test(`${signal} ends the workers, too`, async () => {
      const run = start(`{ a = builtins.trace "begun" (${LOOP}); }`)
      await run.traced("begun", 1)
      const workers = run.workers()
      assert.equal(workers.length, 1)
      run.child.kill(signal)
      const { code } = await run.closed
      assert.equal(code, status)
      while (!workers.every(isGone)) await setImmediate()
    })
    }
  },
)

test("what the program says is passed on", () => {
  const { error, lines } = jobs('{ a = builtins.trace "hello" (job "a"); }', "--workers", "1")
  assert.equal(error, "trace: hello\n")
  assert.equal(lines.length, 1)
})
