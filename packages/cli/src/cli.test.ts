/** The commands as programs: what they print where, and how they end. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { launcher, WAYS } from "./testing/ways.ts"
import { VERSION } from "./version.ts"

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-"))
  writeFileSync(join(folder, "default.nix"), '"default"')
  writeFileSync(join(folder, "shop.nix"), '{ n ? 1 }: { items = [ { name = "a"; } { name = "b${toString n}"; } ]; }')
  writeFileSync(join(folder, "peek.nix"), "builtins.readFile /etc/hostname")
  writeFileSync(join(folder, "bytes.nix"), Buffer.from([0x22, 0xff, 0xe9, 0x22]))
})
after(() => rmSync(folder, { recursive: true }))

const ENV = { PATH: process.env["PATH"], HOME: "/homeless", NIX_CONF_DIR: "/nowhere", NIX_PATH: "" }
/** How commands are run just now. */
let way: Readonly<Record<string, string>> = {}

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
function run(command: "tvix" | "nix-instantiate", args: readonly string[], input = "", env: object = {}): Ran {
  const { status, stdout, stderr } = spawnSync(launcher(command), args, {
    cwd: folder,
    env: { ...ENV, ...way, ...env },
    input,
    encoding: "latin1",
  })
  return { status, out: stdout, error: stderr.replaceAll(folder, "/F") }
}

interface Case {
  readonly args: readonly string[]
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly status?: number
  readonly out?: string
  readonly error?: string | RegExp
}
function check(
  command: "tvix" | "nix-instantiate",
  { args, input, env, status = 0, out = "", error = "" }: Case,
): void {
  const ran = run(command, args, input, env)
  if (typeof error === "string") assert.equal(ran.error, error)
  else assert.match(ran.error, error)
  assert.deepEqual({ out: ran.out, status: ran.status }, { out, status })
}

// Standard output and error are C++ Nix 2.34.8's.
const INSTANTIATE: readonly Case[] = [
  { args: ["--eval", "-E", "1 + 1"], out: "2\n" },
  { args: ["--eval"], out: '"default"\n' },
  { args: ["--eval", "-E", "1", "2", "[ (1+1) ]"], out: "1\n2\n[ <CODE> ]\n" },
  { args: ["--eval", "-"], input: "{ a = 1; }", out: "{ a = 1; }\n" },
  { args: ["--eval", "bytes.nix"], out: '"\xff\xe9"\n' },
  { args: ["--eval", "--raw", "-E", '"a\\n${"b"}"'], out: "a\nb" },
  { args: ["--eval", "--json", "--strict", "-E", '{ a = [ 1 (1+1) ]; b = "x"; }'], out: '{"a":[1,2],"b":"x"}\n' },
  {
    args: ["--eval", "--xml", "--strict", "--no-location", "-E", "[ 1 ]"],
    out: "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <int value=\"1\" />\n  </list>\n</expr>\n",
  },
  { args: ["--eval", "shop.nix", "-A", "items.1.name"], out: '"b1"\n' },
  { args: ["--eval", "shop.nix", "-A", "items.1.name", "--arg", "n", "1 + 1"], out: '"b2"\n' },
  { args: ["--eval", "shop.nix", "-A", 'items."0".name', "--argstr", "n", "x"], out: '"a"\n' },
  { args: ["--eval", "-E", "{ a ? 1, ... }@args: args", "--arg", "b", "2", "--strict"], out: "{ b = 2; }\n" },
  { args: ["--eval", "-E", "{ __functor = self: { a ? 3 }: a; }", "--arg", "x", "1"], out: "3\n" },
  { args: ["--parse", "-E", "x: x + 1"], out: "(x: (x + 1))\n" },
  { args: ["--eval", "-I", "here=.", "-E", "import <here/default.nix>"], out: '"default"\n' },
  { args: ["--eval", "<here/default.nix>"], env: { NIX_PATH: "here=." }, out: '"default"\n' },
  { args: ["--find-file", "default.nix", "-I", "."], error: "", out: "FIND" },
  { args: ["--eval", "-E", "1 |> (x: x)", "--option", "experimental-features", "pipe-operators"], out: "1\n" },
  {
    args: ["--eval", "-E", "1 |> (x: x)"],
    env: { NIX_CONFIG: "extra-experimental-features = pipe-operators" },
    out: "1\n",
  },
  {
    args: ["--option", "no-such", "1", "--eval", "-E", "1"],
    out: "1\n",
    error: "warning: unknown setting 'no-such'\n",
  },
  {
    args: ["--option", "pure-eval", "maybe", "--option", "max-call-depth", "deep", "--eval", "-E", "1"],
    out: "1\n",
    error:
      "warning: Boolean setting 'pure-eval' has invalid value 'maybe'\nwarning: setting 'max-call-depth' has invalid value 'deep'\n",
  },
  { args: ["--eval", "-E", 'builtins.trace "t" 1'], out: "1\n", error: "trace: t\n" },
  {
    args: ["--eval", "-E", 'builtins.warn "w" 1', "--abort-on-warn"],
    status: 1,
    error: /^evaluation warning: w\nerror:\n/,
  },
  {
    args: ["--eval", "-E", "{ abc = 1; }", "-A", "abd"],
    status: 1,
    error: "error: attribute 'abd' in selection path 'abd' not found\n       Did you mean abc?\n",
  },
  {
    args: ["--eval", "-E", "{ a = [ 1 ]; }", "-A", "a.1"],
    status: 1,
    error: "error: list index 1 in selection path 'a.1' is out of range\n",
  },
  {
    args: ["--eval", "-E", "1", "-A", "a"],
    status: 1,
    error: "error: the expression selected by the selection path 'a' should be a set but is an integer\n",
  },
  {
    args: ["--eval", "-E", "1", "-A", 'a"b'],
    status: 1,
    error: "error: missing closing quote in selection path 'a\"b'\n",
  },
  { args: ["--eval", "missing.nix"], status: 1, error: "error: path '/F/missing.nix' does not exist\n" },
  {
    args: ["--eval", "<x>"],
    status: 1,
    error: "error: file 'x' was not found in the Nix search path (add it using $NIX_PATH or -I)\n",
  },
  {
    args: ["--eval", "-E", "{ x }: x", "--arg", "y", "1"],
    status: 1,
    error: /^error: cannot evaluate a function that has an argument without a value \('x'\)\n {7}Nix attempted/,
  },
  {
    args: ["--eval", "-"],
    status: 1,
    error: "error: syntax error, unexpected end of file\n       at \xc2\xabstdin\xc2\xbb:1:1:\n",
  },
  {
    args: ["--foo"],
    status: 1,
    error: "error: unrecognised flag '--foo'\nTry 'nix-instantiate --help' for more information.\n",
  },
  {
    args: ["--arg", "a"],
    status: 1,
    error:
      "error: flag '--arg' requires 2 argument(s), but only 1 were given\nTry 'nix-instantiate --help' for more information.\n",
  },
  {
    args: ["-A"],
    status: 1,
    error: "error: '-A' requires an argument\nTry 'nix-instantiate --help' for more information.\n",
  },
  {
    args: ["--eval", "--pure-eval", "-E", "builtins.readFile /etc/passwd"],
    status: 1,
    error: /error: access to absolute path '\/etc\/passwd' is forbidden in pure evaluation mode/,
  },
  {
    args: ["-E", "1"],
    status: 1,
    error: "error: expression does not evaluate to a derivation (or a set or list of those)\n",
  },
]

const TVIX: readonly Case[] = [
  { args: ["eval", "-E", "1 + 1"], out: "2\n" },
  { args: ["eval", "-E", "1", "-E", "2", "default.nix", "-"], input: "3", out: '1\n2\n"default"\n3\n' },
  {
    args: ["eval", "--strict", "shop.nix", "--argstr", "n", "!"],
    out: '{ items = [ { name = "a"; } { name = "b!"; } ]; }\n',
  },
  { args: ["eval", "--pure", "-E", "builtins ? currentTime"], out: "false\n" },
  { args: ["eval", "--pure", "default.nix"], out: '"default"\n' },
  { args: ["eval", "--pure", "peek.nix"], status: 1, error: /^error\[access-forbidden\]: / },
  {
    args: ["eval", "--max-steps", "100000", "-E", "let f = x: f (x + 1); in f 1"],
    status: 1,
    error: /^error\[limit\]: .* steps/,
  },
  {
    args: ["eval", "--timeout", "0.2", "-E", "let f = x: f (x + 1); in f 1"],
    status: 1,
    error: /^error\[limit\]: .* time/,
  },
  {
    args: ["eval", "--max-call-depth", "50", "-E", "let f = x: 1 + f x; in f 1"],
    status: 1,
    error: /^error\[stack-overflow\]: /,
  },
  {
    args: ["eval", "-E", "{ abc = 1; }.abd"],
    status: 1,
    error:
      "error[attribute-missing]: attribute 'abd' missing\n--> \xc2\xabstring\xc2\xbb:1:1\n   |\n 1 | { abc = 1; }.abd\n   | ^\n" +
      "   = hint: Did you mean abc?\n",
  },
  {
    args: ["eval", "--error-format", "json", "-E", "{ abc = 1; }.abd"],
    status: 1,
    error:
      '{"code":"attribute-missing","message":"attribute \'abd\' missing","place":{"file":"\xc2\xabstring\xc2\xbb","line":1,' +
      '"column":1,"offset":0},"related":[],"traces":[],"hints":["Did you mean abc?"]}\n',
  },
  { args: ["--version"], out: `tvix ${VERSION}, the language of Nix 2.34.8\n` },
  { args: ["evil"], status: 2, error: "tvix: unknown command 'evil'\nDid you mean eval?\nTry 'tvix --help'.\n" },
  {
    args: ["eval", "--strct"],
    status: 2,
    error: "tvix: unknown option '--strct'\nDid you mean --strict?\nTry 'tvix eval --help'.\n",
  },
  { args: ["eval", "--arg", "x"], status: 2, error: "tvix: --arg needs EXPR\nTry 'tvix eval --help'.\n" },
  {
    args: ["eval", "--max-memory", "much"],
    status: 2,
    error: /^tvix: --max-memory takes a size such as 512M, not 'much'\n/,
  },
  { args: ["eval", "--error-format", "xml"], status: 2, error: /^tvix: --error-format is text or json, not 'xml'\n/ },
  { args: ["eval"], status: 2, error: /^tvix: nothing to evaluate/ },
  { args: ["completion", "tcsh"], status: 2, error: /^tvix: name one shell: bash, zsh, fish\n/ },
]

for (const each of WAYS)
  describe(each.name, () => {
    before(() => {
      each.begin()
      way = each.env
    })
    after(() => each.end())

    describe("nix-instantiate", () => {
      for (const one of INSTANTIATE) {
        const named = Object.entries(one.env ?? {}).map(([name, value]) => `${name}='${value}'`)
        test([...named, ...one.args].join(" "), () => {
          check("nix-instantiate", one.out === "FIND" ? { ...one, out: `${folder}/default.nix\n` } : one)
        })
      }
    })

    describe("tvix", () => {
      for (const one of TVIX) test(one.args.join(" "), () => check("tvix", one))

      test("help shows every option and an example", () => {
        const { out, status } = run("tvix", ["eval", "--help"])
        assert.equal(status, 0)
        for (const word of ["--strict", "--argstr NAME STRING", "--error-format FORMAT", "tvix eval -E '1 + 1'"]) {
          assert.ok(out.includes(word), word)
        }
        assert.equal(run("tvix", ["help", "eval"]).out, out)
      })

      test("a reader that leaves early is no problem", async () => {
        const program = 'builtins.concatStringsSep "\\n" (builtins.genList toString 200000)'
        const child = spawn(launcher("tvix"), ["eval", "--raw", "-E", program], {
          cwd: folder,
          env: { ...ENV, ...way },
        })
        let error = ""
        child.stderr.on("data", (chunk) => (error += String(chunk)))
        child.stdout.once("data", () => child.stdout.destroy())
        const status = await new Promise((resolve) => child.on("close", resolve))
        assert.deepEqual({ status, error }, { status: 141, error: "" })
      })

      for (const [command, args] of [
        ["tvix", ["eval", "-E"]],
        ["nix-instantiate", ["--eval", "-E"]],
      ] as const) {
        test(`Ctrl-C ends ${command} at once, without a word`, async () => {
          const program = 'builtins.seq (builtins.trace "begun" 1) (let f = n: f (n + 1); in f 0)'
          const child = spawn(launcher(command), [...args, program], { cwd: folder, env: { ...ENV, ...way } })
          let error = ""
          child.stderr.on("data", (chunk) => {
            if (error === "") child.kill("SIGINT")
            error += String(chunk)
          })
          const signal = await new Promise((resolve) => child.on("close", (_, by) => resolve(by)))
          // A shell calls that 130.
          assert.deepEqual({ signal, error }, { signal: "SIGINT", error: "trace: begun\n" })
        })
      }

      test("bash completes commands and options", () => {
        const { out } = run("tvix", ["completion", "bash"])
        const complete = (...line: string[]): string[] => {
          const script = `${out}\nCOMP_WORDS=(${line.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${line.length - 1}; _tvix; echo "\${COMPREPLY[@]}"`
          return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim().split(" ")
        }
        assert.deepEqual(complete("tvix", "inst"), ["instantiate"])
        assert.deepEqual(complete("tvix", "eval", "--stri"), ["--strict"])
        assert.deepEqual(complete("tvix", "completion", "z"), ["zsh"])
        assert.deepEqual(complete("tvix", "derivation", ""), ["show", "diff"])
        assert.deepEqual(complete("tvix", "derivation", "show", "--rec"), ["--recursive"])
        assert.deepEqual(complete("tvix", "derivation", "diff", "x.drv", "--fu"), ["--full"])
        // Nothing of ours, so that bash completes files.
        assert.deepEqual(complete("tvix", "derivation", "show", ""), [""])
      })
    })
  })

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
  assert.equal(VERSION, manifest.version)
})
