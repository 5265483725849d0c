/** `tvix instantiate` and `nix-instantiate` as programs, on stores of their own: what they print, write and leave behind. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { launcher, WAYS } from "./testing/ways.ts"

const GARDEN = `
let
  plant = name: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ "out" "dev" ]; };
in {
  bb = plant "bb";
  aa = plant "aa";
  again = plant "bb";
  bed = { x = plant "cx"; recurseForDerivations = true; };
  hidden = { y = plant "no"; };
  "not a name" = plant "bad";
  dev = (plant "bb").dev;
  rows = [ (plant "l1") { z = plant "lz"; } ];
  named = { q ? "q" }: plant q;
  seeded = derivation { name = "seeded"; system = "s"; builder = "b"; seed = ./seed; };
}`
const PLANT = 'derivation { name = "x"; system = "s"; builder = "b"; }'

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "instantiate-"))
  writeFileSync(join(folder, "default.nix"), GARDEN)
  writeFileSync(join(folder, "seed"), "carrots\n")
})
after(() => rmSync(folder, { recursive: true, force: true }))

// What C++ Nix 2.34.8 prints.
const AA = "/nix/store/r9mc9w7chri314d7c3qmnsjz2x1d4skb-aa.drv"
const BB = "/nix/store/rampp7klapb26kwgyvz6gv4mfsjq8i6d-bb.drv"
const CX = "/nix/store/jg838z2nvjz5ql7njg06wh3prpzjvb7n-cx.drv"
const L1 = "/nix/store/dbasiwybpky4q5s50n8143bvhspx9k6c-l1.drv"
const LZ = "/nix/store/0ma41blisz4l25nyjryv9dc0lfdw725x-lz.drv"
const X = "/nix/store/5wq5jx7219pmi3xklyhl77fjbqvy6qaj-x.drv"
const WARNING = "warning: you did not specify '--add-root'; the result might be removed by the garbage collector\n"

type Command = "tvix" | "nix-instantiate" | "tvix-store"
/** How commands are run just now. */
let way: Readonly<Record<string, string>> = {}

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

function environment(store: string): NodeJS.ProcessEnv {
  const { PATH } = process.env
  return { PATH, HOME: join(folder, "home"), NIX_CONF_DIR: "/nowhere", NIX_PATH: "", TVIX_STORE: store, ...way }
}
/** An address of its own for every test. */
let stores = 0
const newStore = (): string => `local://${folder}/store-${stores++}`

function run(command: Command, args: readonly string[], store: string): Ran {
  const { status, stdout, stderr } = spawnSync(launcher(command), args, {
    cwd: folder,
    env: environment(store),
    input: "",
    encoding: "latin1",
    timeout: 60_000,
  })
  return { status, out: stdout.replaceAll(folder, "/F"), error: stderr.replaceAll(folder, "/F") }
}

interface Case {
  readonly args: readonly string[]
  readonly status?: number
  readonly out?: string
  readonly error?: string | RegExp
}
function check(command: Command, { args, status = 0, out = "", error = "" }: Case): void {
  const ran = run(command, args, newStore())
  if (typeof error === "string") assert.equal(ran.error, error)
  else assert.match(ran.error, error)
  assert.deepEqual({ out: ran.out, status: ran.status }, { out, status })
}
const lines = (...each: readonly string[]): string => each.map((line) => `${line}\n`).join("")

// Standard output and error are C++ Nix 2.34.8's.
const NIX: readonly Case[] = [
  { args: ["-A", "aa"], out: lines(AA), error: WARNING },
  { args: ["-A", "aa", "-A", "bb.dev", "--no-gc-warning"], out: lines(AA, `${BB}!dev`) },
  { args: ["-A", "rows", "-A", "rows.0"], out: lines(L1, LZ, L1), error: WARNING },
  { args: ["--dry-run", "default.nix", "-A", "bed"], out: lines(CX), error: WARNING },
  { args: ["--readonly-mode", "--store", "dummy://", "-E", PLANT], out: lines(X), error: WARNING },
  { args: ["--store", "dummy://", "-E", PLANT, PLANT], out: lines(X, X), error: WARNING },
  { args: ["--json", "--strict", "-E", PLANT], out: lines(X), error: WARNING },
  { args: ["-E", "{}"] },
  { args: ["-E", "{ a = [ (throw ''no'') ]; b = { c = throw ''no''; }; }"] },
  { args: ["-E", `rec { a = ${PLANT}; b = a; c = a // { }; d = { } // a; }`], out: lines(X), error: WARNING },
  { args: ["-E", `rec { a = ${PLANT}; b = a // { q = 1; }; }`], out: lines(X, X), error: WARNING },
  {
    args: ["-E", `{ _combineChannels = { }; a = { x = ${PLANT}; y = [ (${PLANT}) ]; }; }`],
    out: lines(X),
    error: WARNING,
  },
  { args: ["-E", `{ __functor = self: { a ? 1 }: ${PLANT}; }`], out: lines(X), error: WARNING },
  { args: ["-E", `{ name }: ${PLANT}`, "--argstr", "name", "q"], out: lines(X), error: WARNING },
  { args: ["--eval", "-E", PLANT, "-A", "drvPath"], out: `"${X}"\n` },
  {
    args: [
      "-E",
      `{ a = ${PLANT}; b = { type = "derivation"; name = "y"; drvPath = throw "no"; outputName = "out"; }; }`,
    ],
    status: 1,
    out: lines(X),
    error: /^warning: .*\nerror:\n {7}… while calling the 'throw' builtin\n[^]* {7}error: no\n$/,
  },
  {
    args: ["-E", "{ name }: name"],
    status: 1,
    error: /^error: cannot evaluate a function that has an argument without a value \('name'\)\n/,
  },
  {
    args: ["-E", "1"],
    status: 1,
    error: "error: expression does not evaluate to a derivation (or a set or list of those)\n",
  },
  { args: ["-E", '{ type = "derivation"; }'], status: 1, error: "error: derivation name missing\n" },
  {
    args: ["-E", '{ type = "derivation"; name = "x"; }'],
    status: 1,
    error: "error: derivation does not contain a 'drvPath' attribute\n",
  },
  {
    args: ["-E", `{ type = "derivation"; name = "x"; drvPath = "${X}"; }`],
    status: 1,
    error: `error: derivation '${X}' lacks an 'outputName' attribute\n`,
  },
  {
    args: ["-E", '{ type = "derivation"; name = "x"; drvPath = "/x"; }'],
    status: 1,
    error:
      /^error:\n {7}… while evaluating the 'drvPath' attribute of a derivation\n {9}at «string»:1:36:[^]*error: path '\/x' is not in the Nix store\n$/,
  },
  {
    args: ["-E", '{ type = "derivation"; name = "x"; drvPath = { }; }'],
    status: 1,
    error: /at «string»:1:36:[^]*error: cannot coerce a set to a string: \{ \}\n$/,
  },
  {
    args: ["-E", "{ w = { recurseForDerivations = 1; }; }"],
    status: 1,
    error:
      /… while evaluating the attribute 'w'[^]*… while evaluating the attribute `recurseForDerivations`[^]*expected a Boolean but found an integer: 1\n/,
  },
  {
    args: ["-A", "aa.zzzzzzzz"],
    status: 1,
    error: "error: attribute 'zzzzzzzz' in selection path 'aa.zzzzzzzz' not found\n",
  },
  {
    args: ["--add-root"],
    status: 1,
    error: "error: '--add-root' requires an argument\nTry 'nix-instantiate --help' for more information.\n",
  },
  {
    args: ["-E", PLANT, "--add-root", "/nix/store/x"],
    status: 1,
    error:
      'error: creating a garbage collector root ("/nix/store/x") in the Nix store is forbidden (are you running nix-build inside the store?)\n',
  },
  {
    args: ["-E", PLANT, "--add-root", "seed"],
    status: 1,
    error: 'error: cannot create symlink "/F/seed"; already exists\n',
  },
]

const name = ({ args }: Case): string => args.join(" ")

const TVIX: readonly Case[] = [
  { args: ["-A", "aa"], out: lines(AA) },
  { args: ["-E", PLANT, "-E", PLANT, "-A", ""], out: lines(X, X) },
  { args: ["--dry-run", "-A", "bed", "-A", "rows"], out: lines(CX, L1, LZ) },
  { args: ["--timeout", "30", "-A", "aa"], out: lines(AA) },
  {
    args: ["-E", PLANT, "-A", "dev"],
    status: 1,
    error: /^error\[selection-missing\]: [^]*hint: This is a derivation, and it has no output 'dev'\.\n/,
  },
  {
    args: ["-E", 'derivation { name = "x"; system = "s"; builder = "b"; outputHash = "sha256-foo"; }'],
    status: 1,
    error: /^error\[invalid-argument\]: invalid SRI hash 'foo'[^\n]*\n--> «string»:1:14\n/,
  },
  {
    args: ["-E", 'derivation { name = "x y"; system = "s"; builder = "b"; }'],
    status: 1,
    error: /contains illegal character ' '[^\n]*\n--> «string»:1:14\n/,
  },
  {
    args: ["-E", '{ name }: derivation { inherit name; system = "s"; builder = "b"; }'],
    status: 1,
    error: /without a value \('name'\)[^]*\n--> «string»:1:3\n/,
  },
  {
    args: ["--pure", "-E", 'derivation { name = "x"; system = "s"; builder = /etc/passwd; }'],
    status: 1,
    error: /^error\[access-forbidden\]: access to absolute path '\/etc\/passwd' [^]*\n--> «string»:1:40\n/,
  },
  {
    args: ["-E", 'let x = derivation { name = "x"; system = "s"; builder = "b"; y = x; }; in x'],
    status: 1,
    error: /^error\[infinite-recursion\]: [^\n]*\n--> «string»:1:\d+\n/,
  },
  {
    args: ["--store", "memory:", "-A", "aa", "--add-root", "r"],
    status: 1,
    error: "error[invalid-argument]: only a local store can keep roots, one at local:///DIR\n",
  },
  { args: ["--store", "bogus:x", "-A", "aa"], status: 1, error: /^error\[io\]: store address 'bogus:x'/ },
  { args: ["--store", "default.nix/x", "-A", "aa"], status: 1, error: /^error\[io\]: / },
  { args: ["none.nix"], status: 1, error: "error[file-not-found]: path '/F/none.nix' does not exist\n" },
  { args: ["--jsn"], status: 2, error: /Did you mean --json\?/ },
]

/** Writes derivations without end, each needing the one before, and says so when it has begun. */
const ENDLESS = `
  let
    grow = n: last: builtins.seq last.drvPath (grow (n + 1)
      (derivation { name = "n\${toString n}"; system = "s"; builder = "b"; inherit last; }));
  in grow 0 (builtins.trace "begun" (derivation { name = "first"; system = "s"; builder = "b"; }))`

/** Runs it until a store is there and something is in it, then sends `signal`. */
async function interrupted(
  store: string,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(launcher("tvix"), ["instantiate", "-E", ENDLESS], { cwd: folder, env: environment(store) })
  let out = ""
  let error = ""
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  const begun = new Promise<void>((resolve) => {
    child.stderr.on("data", (chunk) => {
      error += String(chunk)
      resolve()
    })
  })
  await begun
  const packs = join(store.slice("local://".length), "store.sqlite")
  while (!existsSync(packs) && child.exitCode === null) await new Promise((resolve) => setImmediate(resolve))
  child.kill(signal)
  const code = await new Promise<number | null>((resolve) => {
    // Whoever dies of a signal ends with this, says a shell.
    child.on("close", (code, by) => resolve(by === null ? code : 128 + constants.signals[by]))
  })
  return { code, out, error }
}

/** Programs' output is compared as bytes; the table above is text. */
function withUtf8(one: Case): Case {
  const { error } = one
  if (!(error instanceof RegExp)) return one
  return { ...one, error: new RegExp(Buffer.from(error.source, "utf8").toString("latin1"), error.flags) }
}

for (const each of WAYS)
  describe(each.name, () => {
    before(() => {
      each.begin()
      way = each.env
    })
    after(() => each.end())

    describe("nix-instantiate", () => {
      for (const one of NIX) test(name(one), () => check("nix-instantiate", withUtf8(one)))
    })

    describe("tvix instantiate", () => {
      for (const one of TVIX)
        test(name(one), () => check("tvix", withUtf8({ ...one, args: ["instantiate", ...one.args] })))

      test("--json tells what there is to know", () => {
        const { out, error } = run("tvix", ["instantiate", "--json", "--dry-run", "-A", "bed", "-A", "dev"], newStore())
        assert.equal(error, "")
        assert.deepEqual(JSON.parse(out), [
          {
            attrPath: ["bed", "x"],
            name: "cx",
            system: "x86_64-linux",
            drvPath: CX,
            output: "out",
            outputs: {
              dev: "/nix/store/s5w74cg6a69icjs4vkjbm0simyd94z5q-cx-dev",
              out: "/nix/store/c9qlyp8fg7mb9m9nza24jhnfrz3nrdql-cx",
            },
          },
          {
            attrPath: ["dev"],
            name: "bb",
            system: "x86_64-linux",
            drvPath: BB,
            output: "dev",
            outputs: {
              dev: "/nix/store/vhabjh48x2v17vbxjba673gmmyjb8nqm-bb-dev",
              out: "/nix/store/5l4gim49g94bsawy6qf8rb4m01sqba5y-bb",
            },
          },
        ])
      })
    })

    describe("what is written", () => {
      test("is the file that the path is the hash of, and what it refers to", () => {
        const store = newStore()
        const path = run("tvix", ["instantiate", "-A", "seeded"], store).out.trim()
        const bytes = run("tvix-store", ["cat", path], store).out
        const seed = /\/nix\/store\/[^"]*-seed(?=")/.exec(bytes)?.[0]
        assert.equal(run("tvix-store", ["cat", seed ?? ""], store).out, "carrots\n")
        assert.equal(run("nix-instantiate", ["--eval", "--raw", "-A", "seeded.drvPath"], store).out, path)
        const info = JSON.parse(run("tvix-store", ["info", "--json", path], store).out) as Record<string, object>
        assert.partialDeepStrictEqual(info[path], { references: [seed] })
        assert.equal(run("tvix-store", ["verify"], store).status, 0)
      })

      test("nothing is written by a dry run, an evaluation, or one that finds nothing", () => {
        for (const args of [
          ["instantiate", "--dry-run", "-A", "seeded"],
          ["eval", "--raw", "-A", "seeded.drvPath", "default.nix"],
          ["instantiate", "-E", "{}"],
        ]) {
          const store = newStore()
          assert.equal(run("tvix", args, store).status, 0)
          assert.ok(!existsSync(store.slice("local://".length)), args.join(" "))
        }
      })

      test("nix-instantiate --eval --read-write-mode writes what is evaluated", () => {
        const store = newStore()
        run("nix-instantiate", ["--eval", "--read-write-mode", "-A", "aa.drvPath"], store)
        assert.equal(run("tvix-store", ["ls"], store).out, lines(AA))
      })

      test("what comes before a problem is there", () => {
        const store = newStore()
        const program = `[ (${PLANT}) { type = "derivation"; name = "y"; drvPath = throw "no"; outputName = "out"; } ]`
        const { status, out } = run("tvix", ["instantiate", "-E", program], store)
        assert.deepEqual({ status, out }, { status: 1, out: lines(X) })
        assert.equal(run("tvix-store", ["ls"], store).out, lines(X))
      })
    })

    describe("--add-root", () => {
      test("links are printed, and keep what they lead to until they are removed", () => {
        const store = newStore()
        const link = join(folder, "new", "root")
        assert.equal(
          run("nix-instantiate", ["-A", "aa", "-A", "bb.dev", "--add-root", "new/root", "--indirect"], store).out,
          "/F/new/root\n/F/new/root-2!dev\n",
        )
        assert.deepEqual([readlinkSync(link), readlinkSync(`${link}-2`)], [AA, BB])
        run("tvix", ["instantiate", "-E", PLANT], store)
        run("tvix-store", ["gc", "--grace", "0"], store)
        assert.equal(run("tvix-store", ["ls"], store).out, lines(AA, BB))

        unlinkSync(link)
        // Leads elsewhere from now on.
        unlinkSync(`${link}-2`)
        symlinkSync(AA, `${link}-2`)
        run("tvix-store", ["gc", "--grace", "0", "--all"], store)
        assert.equal(run("tvix-store", ["ls"], store).out, "")
        assert.equal(run("tvix-store", ["root", "list"], store).out, "")
      })

      test("a link of ours is replaced; in a dry run it keeps nothing", () => {
        const store = newStore()
        run("tvix", ["instantiate", "-A", "aa", "--add-root", "mine"], store)
        const { out } = run("tvix", ["instantiate", "--dry-run", "-A", "bb", "--add-root", "mine", "--json"], store)
        assert.partialDeepStrictEqual(JSON.parse(out), [{ drvPath: BB, root: "/F/mine" }])
        assert.equal(readlinkSync(join(folder, "mine")), BB)
        assert.ok(lstatSync(join(folder, "mine")).isSymbolicLink())
        assert.equal(run("tvix-store", ["ls"], store).out, lines(AA))
      })
    })

    describe("whoever stops it leaves nothing half-written", () => {
      for (const [signal, code] of [
        ["SIGINT", 130],
        ["SIGTERM", 143],
        ["SIGKILL", 137],
      ] as const) {
        test(signal, async () => {
          const store = newStore()
          assert.deepEqual(await interrupted(store, signal), { code, out: "", error: "trace: begun\n" })
          const verified = run("tvix-store", ["verify"], store)
          assert.deepEqual({ status: verified.status, error: verified.error }, { status: 0, error: "" })
          assert.match(verified.out, /nothing is damaged/)
        })
      }
    })
  })
