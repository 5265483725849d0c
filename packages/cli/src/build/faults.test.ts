/** What goes wrong while building: what is said, that nothing is registered that is not whole, and that the next run goes on. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"

/** A number that is in no other command line. */
const MARK = `${9_000_000 + Math.floor(Math.random() * 1_000_000)}`

const PROGRAMS = `
let
  sh = name: script: more: derivation ({
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
  } // more);
  # What it builds is a program, which looks into what another one builds.
  outer = sh "outer" "echo '{ inner }: (import (inner 40)).x + 2' > $out" { };
  inner = number: sh "inner-\${toString number}" "echo '{ x = \${toString number}; }' > $out" { };
  fails = sh "fails" "echo why; exit 3" { };
  looks = sh "looks-\${toString (import fails)}" "echo > $out" { };
in rec {
  a = sh "a" "echo a > $out" { };
  answer = sh "answer-\${toString (import outer { inherit inner; })}" "read x < \${a}; echo $x > $out" { };
  inherit looks;
  needsLooks = sh "needs" "read x < \${looks}" { };
  cycle = sh "cycle" "echo $two > $one; echo $one > $two" { outputs = [ "one" "two" ]; };
  self = sh "self" "echo $out > $out" { };
  sleeps = map (i: sh "sleeps-\${toString i}" "echo partly > $out; echo asleep; sleep ${MARK}" { }) [ 1 2 ];
  fillsBuild = sh "fills" "i=0; while echo 0123456789abcdef0123456789abcdef; do :; done > /build/zeros; exit 1" { };
  # Of bytes that nothing makes smaller. It fits once, but not twice.
  fillsStore = sh "large" "head -c 20000000 /dev/urandom > $out" { };
  after = sh "after" "read x < \${a}; head -c 20000000 /dev/urandom > $out" { };
}`

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(join(dir, program)))
const isReady = process.platform === "linux" && process.arch === "x64" && onPath("bwrap") && onPath("busybox")
if (process.env["CI"] !== undefined) assert.ok(isReady, "bubblewrap and busybox-static have to be installed")

describe("builds that go wrong", { skip: isReady ? false : "needs Linux, bubblewrap and busybox-static" }, () => {
  let folder = ""
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "build-faults-"))
    writeFileSync(join(folder, "default.nix"), PROGRAMS)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const launcher = (command: string): string => fileURLToPath(new URL(`../../../../bin/${command}`, import.meta.url))
  const environment = (store: string): NodeJS.ProcessEnv => ({
    PATH: process.env["PATH"],
    HOME: join(folder, "home"),
    NIX_CONF_DIR: "/nowhere",
    NIX_PATH: "",
    TVIX_STORE: store,
  })
  const run = (
    words: string,
    store: string,
    more: NodeJS.ProcessEnv = {},
  ): { status: number | null; out: string; error: string } => {
    const [command, ...args] = words.split(" ")
    const env = { ...environment(store), ...more }
    const options = { cwd: folder, env, encoding: "latin1", timeout: 120_000 } as const
    const { status, stdout, stderr } = spawnSync(launcher(command!), args, options)
    return { status, out: stdout, error: stderr }
  }
  let stores = 0
  const newStore = (): string => join(folder, `store-${stores++}`)

  /** Nothing is damaged, nothing is half done, and what is asked for next is built. */
  const goesOn = (store: string, { absent }: { readonly absent: RegExp }): void => {
    assert.deepEqual(readdirSync(join(store, "builds")), [])
    const verified = run("tvix-store verify", store)
    assert.equal(verified.status, 0, verified.error)
    assert.doesNotMatch(run("tvix-store info --json --all", store).out, absent)
    const next = run("nix-build -A answer --no-out-link --quiet", store)
    assert.match(next.out, /^\/nix\/store\/\w{32}-answer-42\n$/, next.error)
  }

  describe("import from derivation", () => {
    for (const words of ["nix-build -A answer --no-out-link", "tvix build -A answer --no-link --print-out-paths"]) {
      test(`in two levels: ${words}`, () => {
        const ran = run(words, newStore())
        assert.match(ran.out, /^\/nix\/store\/\w{32}-answer-42\n$/)
        const built = [...ran.error.matchAll(/^building '\/nix\/store\/\w{32}-(.*)\.drv'$/gm)].map(([, name]) => name)
        assert.deepEqual(built, ["outer", "inner-40", "a", "answer-42"])
      })
    }
    for (const command of ["nix-instantiate", "tvix instantiate"]) {
      test(`in two levels: ${command}`, () => {
        const ran = run(`${command} -A answer`, newStore())
        assert.match(ran.out, /^\/nix\/store\/\w{32}-answer-42\.drv/m, ran.error)
      })
    }

    const FAILED = /build of '\/nix\/store\/\w{32}-fails\.drv' failed: builder failed with exit code 3/
    for (const words of [
      "nix-build -A needsLooks --no-out-link",
      "tvix build -A needsLooks --no-link",
      "nix-instantiate -A needsLooks",
      "tvix instantiate -A needsLooks",
    ]) {
      test(`of what cannot be built: ${words}`, () => {
        const store = newStore()
        const ran = run(words, store)
        assert.match(ran.error, FAILED)
        assert.match(ran.error, /^ *> why$/m)
        assert.match(ran.error, /default\.nix:\d+:/)
        assert.deepEqual([ran.status, ran.out], [1, ""])
        goesOn(store, { absent: /-(fails|looks)"/ })
      })
    }

    const FORBIDDEN =
      /cannot build '\/nix\/store\/\w{32}-outer\.drv\^out' during evaluation because the option 'allow-import-from-derivation' is disabled/
    for (const words of [
      "nix-build --no-out-link -A answer",
      "nix-instantiate -A answer",
      "nix-instantiate --eval -A answer.name",
      "tvix build --no-link -A answer",
      "tvix instantiate -A answer",
      "tvix eval default.nix -A answer.name",
    ]) {
      test(`forbidden: ${words}`, () => {
        const store = newStore()
        for (let turn = 0; turn < 2; turn++) {
          const ran = run(words, store, { NIX_CONFIG: "allow-import-from-derivation = false" })
          assert.match(ran.error, FORBIDDEN)
          assert.doesNotMatch(ran.error, /^building/m)
          assert.deepEqual([ran.status, ran.out], [1, ""])
          // What is there need not be built, but is forbidden all the same.
          assert.equal(run("nix-build -A answer --no-out-link --quiet", store).status, 0)
        }
      })
    }

    test("each attribute of a set has its own: tvix eval-jobs", () => {
      const store = newStore()
      const jobs = (options: string): Map<string, { drvPath?: string; error?: string }> => {
        const lines = run(`tvix eval-jobs default.nix --workers 2${options}`, store).out.trim().split("\n")
        const parsed = lines.map((line) => JSON.parse(line) as { attr: string; drvPath?: string; error?: string })
        return new Map(parsed.map((job) => [job.attr, job]))
      }
      const allowed = jobs("")
      assert.match(allowed.get("answer")?.drvPath ?? "", /-answer-42\.drv$/)
      assert.match(allowed.get("looks")?.error ?? "", FAILED)
      assert.match(allowed.get("a")?.drvPath ?? "", /-a\.drv$/)
      const forbidden = jobs(" --option allow-import-from-derivation false")
      assert.match(forbidden.get("answer")?.error ?? "", FORBIDDEN)
      assert.equal(forbidden.get("a")?.drvPath, allowed.get("a")!.drvPath)
    })
  })

  test("outputs that refer to each other are refused, one that refers to itself is not", () => {
    const store = newStore()
    const ran = run("nix-build -A cycle --no-out-link --quiet", store)
    assert.match(
      ran.error,
      /^error: cycle detected in build of '\/nix\/store\/\w{32}-cycle\.drv' in the references of output '(one|two)' from output '(one|two)'\n$/,
    )
    assert.deepEqual([ran.status, ran.out], [1, ""])
    goesOn(store, { absent: /-cycle-\w+"/ })
    assert.equal(run("nix-build -A self --no-out-link --quiet", store).status, 0)
  })

  for (const command of ["tvix build --no-link", "nix-build --no-out-link"]) {
    test(`Ctrl-C while two are built: ${command}`, async () => {
      const store = newStore()
      const [program, ...words] = command.split(" ")
      const child = spawn(launcher(program!), [...words, "-A", "a", "-A", "sleeps", "-j", "3"], {
        cwd: folder,
        env: environment(store),
        detached: true,
        stdio: "ignore",
      })
      const ended = once(child, "exit")
      while (asleep().length < 2 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
      // A terminal tells all processes of the group.
      process.kill(-child.pid!, "SIGINT")
      assert.deepEqual(await ended, [130, null])
      assert.deepEqual(asleep(), [])
      goesOn(store, { absent: /-sleeps-\d"/ })
    })
  }

  describe("on a disk that is full", () => {
    const small = mkdtempSync(join(tmpdir(), "build-small-"))
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=30m", "build-faults", small]).status === 0
    after(() => {
      if (mounted) spawnSync("umount", ["--lazy", small])
      rmSync(small, { recursive: true, force: true })
    })
    const options = { skip: !mounted && "only root can make a small disk" }
    const resize = (size: string): void => {
      assert.equal(spawnSync("mount", ["-o", `remount,size=${size}`, small]).status, 0)
    }

    for (const [what, attribute, absent] of [
      ["what a builder writes beside", "fillsBuild", /-fills"/],
      ["what it builds", "fillsStore", /-large"/],
    ] as const) {
      for (const command of ["tvix build --no-link -q", "nix-build --no-out-link --quiet"]) {
        test(`there is no room for ${what}: ${command}`, options, () => {
          const store = join(small, `store-${stores++}`)
          mkdirSync(store)
          const ran = run(`${command} -A ${attribute}`, store)
          assert.match(ran.error, /^error: .*(no room|no space|disk is full)/im)
          assert.deepEqual([ran.status, ran.out], [1, ""])
          goesOn(store, { absent })
          rmSync(store, { recursive: true })
        })
      }
    }
    test("what did not fit is built when there is room", options, () => {
      const store = join(small, "store")
      assert.equal(run("nix-build -A after --no-out-link --quiet", store).status, 1)
      resize("100m")
      const ran = run("nix-build -A after --no-out-link", store)
      assert.equal(ran.status, 0, ran.error)
      // What was built before it was kept.
      assert.doesNotMatch(ran.error, /-a\.drv/)
      resize("30m")
      goesOn(store, { absent: /-large"/ })
    })
  })

  /** Builders that sleep. */
  function asleep(): string[] {
    return readdirSync("/proc").filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(MARK)
      } catch {
        return false
      }
    })
  }
})
