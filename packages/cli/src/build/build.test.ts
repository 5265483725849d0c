/** `tvix build`, `tvix log` and `nix-build` as programs: what they build, print, link and leave behind. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { createHash } from "node:crypto"

const PROGRAMS = `
let
  sh = name: script: more: derivation ({
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
  } // more);
in rec {
  a = sh "a" "echo data > $out" { };
  b = sh "b" "echo building b; read x < \${a}; /bin/busybox mkdir $out 2>/dev/null; echo $x \${a} > $out" { };
  two = sh "two" "echo $dev > $out; echo dev > $dev" { outputs = [ "out" "dev" ]; };
  fails = sh "fails" "echo one; echo two >&2; exit 3" { };
  talks = sh "talks" "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; done; exit 1" { };
  messes = sh "messes" "echo done > half; exit 1" { };
  needs = sh "needs" "echo \${fails} > $out" { };
  phases = sh "phases" ''
    echo '@nix { "action": "setPhase", "phase": "someUnpacking" }' >&$NIX_LOG_FD
    echo begun
    echo '@nix { "action": "msg", "level": 0, "msg": "to people" }'
    exit 1
  '' { };
  nothing = sh "nothing" "true" { };
  killed = sh "killed" "kill -9 $$" { };
  loops = sh "loops" "while true; do :; done" { };
  wrong = sh "wrong" "echo other > $out" {
    outputHash = builtins.hashString "sha256" "said";
    outputHashAlgo = "sha256";
  };
  failsToFetch = sh "failsToFetch" "exit 1" { outputHash = builtins.hashString "sha256" ""; outputHashAlgo = "sha256"; };
  file = import <nix/fetchurl.nix> { url = "file://\${toString ./seed}"; sha256 = builtins.hashFile "sha256" ./seed; name = "seed"; };
  generated = sh "generated" "echo '{ x = 42; }' > $out" { };
  imports = sh "imports-\${toString (import generated).x}" "echo \${builtins.substring 0 1 (builtins.readFile a)} > $out" { };
  importsFails = import fails;
  random = sh "random" "/bin/busybox mkdir $out 2>/dev/null || mkdir $out; echo same > $out/same; cat /proc/sys/kernel/random/uuid > $out/id" { PATH = "/bin"; };
  sparc = sh "sparc" "true" { system = "sparc-solaris"; };
  i686 = sh "i686" "echo > $out" { system = "i686-linux"; };
  shown = sh "shown" "read x </shown && echo $x > $out" { };
}`

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "build-"))
  writeFileSync(join(folder, "default.nix"), PROGRAMS)
  writeFileSync(join(folder, "seed"), "carrots\n")
})
after(() => rmSync(folder, { recursive: true, force: true }))

type Command = "tvix" | "nix-build" | "tvix-store"
const launcher = (command: Command): string => fileURLToPath(new URL(`../../../../bin/${command}`, import.meta.url))
const environment = (store: string): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: join(folder, "home"),
  NIX_CONF_DIR: "/nowhere",
  NIX_PATH: "",
  TVIX_STORE: store,
})

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
/** @param words the first is the command, or one of `tvix` */
function run(words: string, store: string): Ran {
  const all = words.split(" ")
  const [command, args] = (
    all[0] === "nix-build" || all[0] === "tvix-store" ? [all[0], all.slice(1)] : ["tvix", all]
  ) as [Command, string[]]
  const options = { cwd: folder, env: environment(store), encoding: "latin1", timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(launcher(command), args, options)
  return { status, out: stdout, error: stderr }
}
let stores = 0
const newStore = (): string => join(folder, `store-${stores++}`)
const DRV = "'/nix/store/[0-9a-z]{32}-NAME\\.drv'"
const matching = (text: string): RegExp =>
  new RegExp(`^${text.replaceAll(/DRV\((\w+)\)/g, (_, name: string) => DRV.replace("NAME", name))}$`)

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(join(dir, program)))
const isReady = process.platform === "linux" && process.arch === "x64" && onPath("bwrap") && onPath("busybox")
if (process.env["CI"] !== undefined) assert.ok(isReady, "bubblewrap and busybox-static have to be installed")

describe("building", { skip: isReady ? false : "needs Linux, bubblewrap and busybox-static" }, () => {
  test("what is needed comes first, is built once, and is linked", () => {
    const store = newStore()
    const first = run("build -A b", store)
    assert.match(first.error, matching("building DRV(a)\nbuilding DRV(b)\n"))
    assert.deepEqual([first.status, first.out], [0, ""])
    const link = join(folder, "result")
    const target = readlinkSync(link)
    assert.ok(target.startsWith(`${store}/root/nix/store/`), target)
    assert.match(readFileSync(link, "latin1"), /^data \/nix\/store\/[0-9a-z]{32}-a\n$/)
    assert.deepEqual(run("build -A b", store), { status: 0, out: "", error: "" }, "it is there already")
    assert.equal(run("log ./result", store).out, "building b\n")
    rmSync(link)
  })

  test("a store that can only be read gives what it has, and says why it cannot have more", () => {
    const store = newStore()
    assert.equal(run("build -A a --no-link", store).status, 0)
    const readOnly = (...words: string[]): Ran => {
      const sandbox = ["--dev-bind", "/", "/", "--ro-bind", store, store]
      const options = { cwd: folder, env: environment(store), encoding: "latin1", timeout: 60_000 } as const
      const { status, stdout, stderr } = spawnSync("bwrap", [...sandbox, launcher("tvix"), ...words], options)
      return { status, out: stdout, error: stderr }
    }
    const { status, out, error } = readOnly("build", "-A", "a", "--no-link", "--print-out-paths")
    assert.deepEqual([status, error], [0, ""])
    assert.match(out, /-a\n$/)
    const more = readOnly("build", "-A", "two", "--no-link")
    assert.deepEqual([more.status, more.out], [1, ""])
    assert.match(more.error, /^error\[io\]: .*: the system does not let us write there\n$/)
  })

  test("a link keeps what was built, and all it refers to", () => {
    const store = newStore()
    assert.equal(run("build -A b -o kept", store).status, 0)
    const path = readlinkSync(join(folder, "kept")).slice(`${store}/root`.length)
    assert.equal(run("tvix-store gc --grace 0 --all", store).status, 0)
    assert.equal(run(`tvix-store info ${path}`, store).status, 0)
    assert.ok(existsSync(join(store, "root", path)))
    rmSync(join(folder, "kept"))
    assert.equal(run("tvix-store gc --grace 0 --all", store).status, 0)
    assert.equal(run(`tvix-store info ${path}`, store).status, 1)
    assert.deepEqual([readdirSync(join(store, "trees")), readdirSync(join(store, "root", "nix", "store"))], [[], []])
  })

  test("nix-build prints paths, and numbers its links", () => {
    const ran = run("nix-build -A a -A two.dev -A two -o r -j2 -Q", newStore())
    assert.match(ran.out, /^\/nix\/store\/.*-a\n\/nix\/store\/.*-two-dev\n\/nix\/store\/.*-two\n$/)
    assert.equal(ran.status, 0)
    for (const name of ["r", "r-2-dev", "r-3"]) {
      assert.ok(lstatSync(join(folder, name)).isSymbolicLink(), name)
      rmSync(join(folder, name))
    }
  })

  test("a derivation may be named by its path, or by a link to it", () => {
    const store = newStore()
    const expected = run("build -A two --no-link --print-out-paths -q", store).out
    const path = run("instantiate -A two", store).out.trim()
    symlinkSync(path, join(folder, "two.drv"))
    for (const words of ["build --print-out-paths --no-link", "nix-build --no-out-link"]) {
      for (const word of [path, "./two.drv"]) assert.equal(run(`${words} ${word}`, store).out, expected)
    }
    assert.match(run(`nix-build --no-out-link ${path} -A dev`, store).out, /-two-dev\n$/)
  })

  test("--json says where things are", () => {
    const store = newStore()
    const [record] = JSON.parse(run("build -A two.dev --no-link --json", store).out) as Record<string, unknown>[]
    assert.deepEqual([record!["name"], record!["output"], record!["attrPath"]], ["two", "dev", ["two", "dev"]])
    assert.equal(readFileSync(String(record!["files"]), "latin1"), "dev\n")
    assert.equal(record!["files"], `${store}/root${String(record!["path"])}`)
  })

  test("--dry-run says what would be built, and what another store has", () => {
    const near = newStore()
    const far = newStore()
    const planned = run("build -A b --dry-run", near)
    assert.match(planned.out, /^2 derivations would be built:\n {2}.*-a\.drv\n {2}.*-b\.drv\n$/)
    assert.equal(planned.error, "")
    assert.equal(run("build -A a --no-link", far).status, 0)
    const plan = JSON.parse(run(`build -A b --dry-run --json --substituter ${far}`, near).out) as {
      build: string[]
      fetch: { path: string; narSize: number }[]
    }
    assert.deepEqual([plan.build.length, plan.fetch.length, plan.fetch[0]!.narSize], [1, 1, 120])
    const built = run(`build -A b --no-link --substituter ${far}`, near)
    assert.match(built.error, /^fetching '\/nix\/store\/.*-a' \(120 B\)\nbuilding .*-b\.drv'\n$/)

    // With what it refers to.
    const fetched = run(`build -A b --no-link -j0 --substituter ${near}`, newStore())
    assert.match(fetched.error, /^fetching '.*-a' \(120 B\)\nfetching '.*-b' \([0-9]+ B\)\n$/)
    const refused = run("nix-build -A b --no-out-link -j0", newStore())
    assert.equal(refused.status, 100)
    assert.match(refused.error, /^error: cannot build '.*-b\.drv': no builds may be started; .*\n$/)
  })

  test("what is built is signed with the keys that are given, or configured", () => {
    run("tvix-store key generate own-1", newStore())
    const signatures = (store: string): string[] => {
      const infos = Object.values(JSON.parse(run("tvix-store info --all --json", store).out) as object)
      return infos.flatMap(({ signatures: all }: { signatures: string[] }) => all.map((one) => one.split(":")[0]!))
    }
    const given = newStore()
    assert.equal(run("build -A a --no-link --sign-with own-1.secret", given).status, 0)
    assert.deepEqual(signatures(given), ["own-1"])
    const configured = newStore()
    assert.equal(run("nix-build -A a --no-out-link --option secret-key-files own-1.secret", configured).status, 0)
    assert.deepEqual(signatures(configured), ["own-1"])

    const absent = run("build -A a --no-link --sign-with absent.secret", newStore())
    assert.equal(absent.status, 1)
    assert.match(absent.error, /^error\[io\]: .*absent\.secret/)
    const damaged = run("build -A a --no-link --sign-with seed", newStore())
    assert.equal(damaged.error, "error[io]: seed: secret key is corrupt: it is not a name, a colon, and Base64\n")
  })

  test("what a builder says to Nix is not shown, but kept, and the phases that it tells of are events", () => {
    const store = newStore()
    const { error } = run("build -A phases --no-link -L", store)
    assert.match(
      error,
      /^building .*\nphases> begun\nphases> to people\nerror: .*\nlast 2 log lines:\n> begun\n> to people\n$/,
    )
    const events = run("build -A phases --no-link --log-format json", store).error.split("\n")
    assert.equal(events.filter((line) => line.includes('"build-phase"') && line.includes('"someUnpacking"')).length, 1)
    const [derivation = ""] = /\/nix\/store\/\S+-phases\.drv/.exec(error)!
    assert.match(run(`log ${derivation}`, store).out, /^@nix .*\nbegun\n@nix .*\n$/)
  })

  test("of a long log the end is shown, and where the rest is", () => {
    const store = newStore()
    const { error } = run("build -A talks --no-link --quiet", store)
    assert.match(error, /\nlast 25 of 30 log lines:\n> 6\n(?:> \d+\n){24}for all of them: tvix log \S+-talks\.drv\n$/)
    const [, derivation = ""] = /tvix log (.*)\n/.exec(error)!
    assert.equal(run(`log ${derivation}`, store).out.split("\n").length, 31)
  })

  test("the folder of a build that fails is kept if that is asked for", () => {
    const store = newStore()
    const { error } = run("nix-build -A messes --no-out-link -K", store)
    const [, kept = ""] = /^the folder of '.*-messes\.drv' is (.*)$/m.exec(error) ?? assert.fail(error)
    assert.equal(readFileSync(join(kept, "half"), "utf8"), "done\n")
    assert.match(run("build -A messes --no-link --log-format json -K", store).error, /"event":"build-kept"/)
    assert.equal(readdirSync(join(store, "failed")).length, 2)
    run("build -A messes --no-link", store)
    assert.equal(readdirSync(join(store, "failed")).length, 2)
  })

  test("what is there is built again to see whether the same comes out", () => {
    const store = newStore()
    assert.equal(run("build -A a --no-link --check", store).status, 1, "it is not there")
    assert.equal(run("build -A a -A random --no-link", store).status, 0)
    assert.match(run("build -A a --no-link --check", store).error, /^building '.*-a\.drv'\n$/)
    const checked = run("nix-build -A random --no-out-link --check --quiet", store)
    assert.equal(checked.status, 104)
    assert.match(
      checked.error,
      /^error: derivation '.*-random\.drv' may not be deterministic: output '.*-random' differs\n {2}not the same: id\n$/,
    )
  })

  test("downloads are checked against what was promised", () => {
    const store = newStore()
    const { out } = run("build -A file --no-link --print-out-paths", store)
    assert.equal(run(`tvix-store cat ${out.trim()}`, store).out, "carrots\n")
  })

  test("machines of 64 bits build for those of 32, as their nix.conf lets them", () => {
    const store = newStore()
    assert.equal(run("nix-build -A i686 --no-out-link --option extra-platforms x", store).status, 100)
    assert.equal(run("nix-build -A i686 --no-out-link", store).status, 0)
  })

  test("builds see of the machine what an option, or nix.conf, says", () => {
    const shown = `/shown=${folder}/seed`
    for (const words of [
      `build --no-link --print-out-paths --sandbox-path ${shown}`,
      `nix-build --no-out-link --option extra-sandbox-paths ${shown}`,
    ]) {
      const store = newStore()
      const ran = run(`${words} -A shown`, store)
      assert.equal(ran.status, 0, ran.error)
      assert.equal(run(`tvix-store cat ${ran.out.trim()}`, store).out, "carrots\n")
    }
    const wrong = run("build -A a --no-link --sandbox-path seed", newStore())
    assert.equal(wrong.status, 1)
    assert.match(wrong.error, /sandbox path 'seed': one looks like \/path, \/path=\/source or \/path=\/source\?\n$/)
  })

  test("what a program imports is built first", () => {
    const ran = run("build -A imports --no-link --print-out-paths", newStore())
    assert.match(ran.error, matching("building DRV(generated)\nbuilding DRV(a)\nbuilding '.*-imports-42\\.drv'\n"))
    assert.match(ran.out, /-imports-42\n$/)
  })

  const FAILURES: readonly (readonly [words: string, status: number, error: string])[] = [
    [
      "build -A needs --no-link",
      1,
      "building DRV(fails)\nerror: build of DRV(fails) failed: builder failed with exit code 3\nlast 2 log lines:\n> one\n> two\n",
    ],
    [
      "build -A nothing --no-link -q",
      1,
      "error: build of DRV(nothing) failed: builder failed to produce output path '/nix/store/.*-nothing'\n",
    ],
    ["build -A killed --no-link -q", 1, "error: build of DRV(killed) failed: builder failed due to signal SIGKILL\n"],
    [
      "build -A loops --no-link -q --build-timeout 1",
      1,
      "error: build of DRV(loops) failed: timed out after 1 seconds\n",
    ],
    [
      "nix-build -A loops --no-out-link --quiet --timeout 1",
      101,
      "error: build of DRV(loops) failed: timed out after 1 seconds\n",
    ],
    [
      "nix-build -A wrong --no-out-link --quiet",
      102,
      `error: hash mismatch in fixed-output derivation DRV(wrong):\n {2}specified: sha256-.*=\n {5}got: {4}sha256-${createHash("sha256").update("other\n").digest("base64").replaceAll("+", "\\+")}\n`,
    ],
    [
      "nix-build -A fails --no-out-link --quiet",
      100,
      "error: build of DRV(fails) failed: builder failed with exit code 3\n[^]*",
    ],
    [
      "nix-build -A nothing --no-out-link --quiet",
      1,
      "error: build of DRV(nothing) failed: builder failed to produce output path '/nix/store/.*-nothing'\n",
    ],
    [
      "nix-build -A failsToFetch --no-out-link --quiet",
      1,
      "error: build of DRV(failsToFetch) failed: builder failed with exit code 1\n",
    ],
    ["nix-build -A sparc --no-out-link --quiet", 100, "error: a 'sparc-solaris' is required to build DRV(sparc), .*\n"],
    [
      "build -A sparc --no-link",
      1,
      "error: a 'sparc-solaris' is required to build DRV(sparc), but this is a 'x86_64-linux', 'i686-linux' with features .*\n",
    ],
    [
      "build -A absent --no-link",
      1,
      "error\\[selection-missing\\]: attribute 'absent' in selection path 'absent' not found\n",
    ],
  ]
  for (const [words, status, error] of FAILURES) {
    test(`fails: ${words}`, () => {
      const ran = run(words, newStore())
      assert.match(ran.error, matching(error))
      assert.deepEqual([ran.status, ran.out], [status, ""])
    })
  }

  test("problems are told as JSON if that is asked for, each in a line", () => {
    const ran = run("build -A fails -A nothing --keep-going --no-link -q --error-format json", newStore())
    const records = ran.error
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { code: string; message: string })
    assert.deepEqual(
      records.map(({ code }) => code),
      ["io", "io"],
    )
    assert.match(records[0]!.message, /failed: builder failed with exit code 3\nlast 2 log lines:\n> one\n> two$/)
    assert.equal(ran.status, 1)
  })

  test("a shell without a command is one, and sees a store that it cannot write", () => {
    const store = newStore()
    const options = { cwd: folder, env: { ...environment(store), SHELL: "/bin/sh" }, encoding: "latin1" } as const
    const input =
      "read x < $FILE; echo got $x; echo y > /nix/store/y || echo refused; echo y > $FOLDER/y && echo done\n"
    const file = run("build -A a --no-link --print-out-paths -q", store).out.trim()
    const env = { ...options.env, FILE: file, FOLDER: folder }
    const ran = spawnSync(launcher("tvix"), ["shell", "-A", "a", "-q", "--"], { ...options, env, input })
    assert.equal(ran.stdout, "got data\nrefused\ndone\n", ran.stderr)
    assert.equal(readFileSync(join(folder, "y"), "latin1"), "y\n")
  })

  test("which program to run is asked before anything is built", () => {
    const ran = run("run -A a -A fails", newStore())
    assert.equal(ran.error, "error[invalid-argument]: there are 2 derivations: say which to run with -A\n")
    assert.equal(ran.status, 1)
  })

  test("a substituter in a folder that is not there is a mistake, and is not made", () => {
    const ran = run("build -A a --no-link --substituter ./absent", newStore())
    assert.equal(ran.error, "error[io]: substituter './absent': there is no such folder\n")
    assert.deepEqual([ran.status, existsSync(join(folder, "absent"))], [1, false])
  })

  test("where a link cannot be made, it is the link that is told of", () => {
    const ran = run("build -A a -q -o /proc/result", newStore())
    assert.match(ran.error, /^error\[io\]: cannot symlink '\/proc\/result[^']*': no such file or directory\n$/)
  })

  test("--keep-going builds what can be built, and tells of the rest", () => {
    const store = newStore()
    const ran = run("build -A needs -A nothing -A b --keep-going --no-link --print-out-paths -q -j 1", store)
    assert.match(ran.out, /^\/nix\/store\/.*-b\n$/)
    assert.equal(ran.error.match(/^error: build of/gm)?.length, 2)
    assert.equal(ran.status, 1)
  })

  test("Ctrl-C ends builds, leaves nothing behind, and what was done is kept", async () => {
    const store = newStore()
    const child = spawn(launcher("tvix"), ["build", "-A", "a", "-A", "loops", "--no-link", "-j", "1"], {
      cwd: folder,
      env: environment(store),
    })
    let error = ""
    child.stderr.on("data", (bytes: Buffer) => {
      error += bytes.toString()
      if (error.includes("-loops.drv")) child.kill("SIGINT")
    })
    const status = await new Promise((resolve) => child.on("exit", resolve))
    assert.equal(status, 130)
    assert.match(error, matching("building DRV(a)\nbuilding DRV(loops)\n"))
    assert.match(run("build -A a --dry-run", store).out, /^$/)
    assert.match(run("tvix-store verify", store).error, /^$|ok|no problem/i)
  })

  test("another machine builds, from what it is sent", async () => {
    const far = newStore()
    const near = newStore()
    const shown = ["--sandbox-path", `/shown=${folder}/seed`]
    const daemon = spawn(launcher("tvix-store"), ["daemon", "--build", ...shown, "-l", "127.0.0.1:0"], {
      cwd: folder,
      env: environment(far),
      stdio: ["ignore", "pipe", "inherit"],
    })
    try {
      const address = await new Promise<string>((resolve) => {
        daemon.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()))
      })
      const built = run(`build -A b --no-link --print-out-paths -L --builder ${address}`, near)
      assert.match(built.error, matching("building DRV(a)\nbuilding DRV(b)\nb> building b\n"))
      assert.match(run(`tvix-store cat ${built.out.trim()}`, near).out, /^data \/nix\/store/)
      assert.equal(run(`build -A shown --no-link -q --builder ${address}`, near).status, 0)
      const failed = run(`build -A fails --no-link -q --builder ${address}`, near)
      assert.match(failed.error, /failed: builder failed with exit code 3\nlast 2 log lines:\n> one\n> two\n$/)
      assert.equal(failed.status, 1)
    } finally {
      daemon.kill()
      await new Promise((resolve) => daemon.on("exit", resolve))
    }
  })

  test("two at once build a thing once", async () => {
    const store = newStore()
    const slow = `derivation { name = "slow"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done > $out" ]; }`
    const outputs = await Promise.all(
      [0, 1].map(async () => {
        const child = spawn(launcher("tvix"), ["build", "--no-link", "-E", slow], {
          cwd: folder,
          env: environment(store),
        })
        let error = ""
        child.stderr.on("data", (bytes: Buffer) => (error += bytes.toString()))
        // Not when it exits: what it said may come later.
        const status = await new Promise((resolve) => child.on("close", resolve))
        return { status, error }
      }),
    )
    assert.deepEqual(
      outputs.map(({ status }) => status),
      [0, 0],
    )
    const said = outputs.map(({ error }) => error)
    const building = said.filter((error) => error.startsWith("building"))
    assert.equal(building.length, 1)
    assert.match(building[0]!, matching("building DRV(slow)\n"))
    // The other one may come when it is done.
    const other = said.find((error) => error !== building[0])
    assert.match(other!, matching("(waiting for another process to build DRV(slow)\n)?"))
  })
})
