import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { after, describe, test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { Evaluation, makeGlobals, plainValues } from "@tvix-ts/eval"
import { complete } from "./complete.ts"
import { Repl } from "./repl.ts"

const TVIX = [new URL("../../../../bin/tvix", import.meta.url).pathname, "repl"]
const home = mkdtempSync(join(tmpdir(), "tvix-repl-"))
after(() => rmSync(home, { recursive: true }))
const env = {
  ...process.env,
  HOME: home,
  XDG_STATE_HOME: join(home, "state"),
  TERM: "xterm",
  NO_COLOR: "1",
  NIX_PATH: "",
}

function repl(): { readonly repl: Repl; readonly output: () => string } {
  let text = ""
  const evaluation = new Evaluation({}, makeGlobals)
  const made = new Repl({
    evaluation,
    directory: "/",
    palette: plainValues,
    args: new Map(),
    print: (piece) => (text += piece),
    report: ({ problem }) => (text += `problem: ${problem.code}\n`),
    edit: () => undefined,
  })
  return {
    repl: made,
    output() {
      const said = text
      text = ""
      return said
    },
  }
}

describe("what is typed, and what comes of it", () => {
  const cases: readonly (readonly [lines: readonly string[], output: string])[] = [
    [["1 + 1"], "2\n"],
    [["x = 1", "y = x + 1; z = 3", "y + z"], "5\n"],
    [["x = 1", "x = x + 1", "x"], "2\n"],
    [["x = 1; y = x"], "problem: undefined-variable\n"],
    [["inherit (builtins) add", "add 1 2"], "3\n"],
    [["a.b = 1", "a"], "{ b = 1; }\n"],
    [["{ a = 1; b = { c = 2; }; l = [ 1 ]; }"], "{\n  a = 1;\n  b = { ... };\n  l = [ ... ];\n}\n"],
    [[":p { a = { b = [ ]; }; }"], "{\n  a = {\n    b = [ ];\n  };\n}\n"],
    [['{ a = throw "x"; }'], "{ a = \xc2\xaberror: x\xc2\xbb; }\n"],
    [['throw "x"'], "problem: throw\n"],
    [['{ type = "derivation"; drvPath = "/d"; }'], "\xc2\xabderivation /d\xc2\xbb\n"],
    [[':p "a\\nb"'], "a\nb\n"],
    [[":t 1.0"], "a float\n"],
    [[":t"], "error: :t needs an expression\n"],
    [[":nope"], "error: unknown command ':nope'; :? lists them\n"],
    [[":a { q = 1; }", ":env", ":ll", "q"], "Added 1 variable.\nq\nq\nq\n1\n"],
    [[":a 1"], "error: only the attributes of a set can be added\n"],
    [["", "   "], ""],
    [["x == 1"], "problem: undefined-variable\n"],
    [[")"], "problem: syntax\n"],
  ]
  for (const [lines, expected] of cases) {
    test(lines.join(" | "), async () => {
      const { repl: made, output } = repl()
      for (const line of lines) assert.equal(await made.process(line), "done")
      assert.equal(output(), expected)
    })
  }
  for (const text of ["1 +", "{", "x = {", "[ 1", '"a', "''", "let a = 1;", "if true", "x = y:", ":p {", "f ("]) {
    test(`goes on: ${text}`, async () => assert.equal(await repl().repl.process(text), "incomplete"))
  }
  test("interrupted, and used again", async () => {
    const { repl: made, output } = repl()
    const forever = made.process("let f = n: f (n + 1); in f 0")
    await sleep(100)
    assert.equal(made.interrupt(), true)
    await forever
    assert.equal(output(), "problem: interrupted\n")
    await made.process("1")
    assert.equal(output(), "1\n")
    assert.equal(made.interrupt(), false)
  })
})

describe("completion", () => {
  const cases: readonly (readonly [line: string, ...some: string[]])[] = [
    ["builtins.attrN", "builtins.attrNames"],
    ["1 + conf", "config"],
    ["config.server.p", "config.server.path", "config.server.port"],
    ["[ (config.server.po", "config.server.port"],
    [":pr", ":print"],
    ["with", "with"],
    ["config.nope."],
    ["toStr", "toString"],
  ]
  for (const [line, ...expected] of cases) {
    test(line, async () => {
      const { repl: made } = repl()
      await made.process('config = { server = { port = 1; path = "x"; "odd name" = 2; }; bad = throw "x"; }')
      const { candidates, word } = await complete(made, line)
      assert.deepEqual(candidates, expected)
      assert.ok(line.endsWith(word))
    })
  }
})

test("a script on standard input", () => {
  const input = 'x = {\n  a = 1;\n}\nx.a + 1\nnope\n:p "naïve"\n:q\n1\n'
  const { stdout, stderr, status } = spawnSync(TVIX[0]!, TVIX.slice(1), { input, env, encoding: "utf8" })
  assert.equal(stdout, "2\nnaïve\n")
  assert.match(stderr, /^error\[undefined-variable\]: undefined variable 'nope'/)
  assert.equal(status, 0)
})
test("a script that ends too soon", () => {
  const { stderr, status } = spawnSync(TVIX[0]!, TVIX.slice(1), { input: "{ a = 1;\n", env, encoding: "utf8" })
  assert.match(stderr, /unexpected end of file/)
  assert.equal(status, 1)
})

/** `script` of util-linux gives its command a terminal. */
const hasScript = spawnSync("script", ["--version"]).status === 0
test(
  "at a terminal: history, completion, lines that go on, Ctrl-C and Ctrl-D",
  { skip: !hasScript && "no script(1)" },
  async () => {
    writeFileSync(join(home, "file.nix"), "{ loaded = 42; }")
    const child = spawn("script", ["-qfec", TVIX.join(" "), "/dev/null"], { env, cwd: home })
    let seen = ""
    child.stdout.on("data", (data: Buffer) => (seen += data.toString("utf8")))
    const until = async (text: string | RegExp): Promise<void> => {
      const pattern = typeof text === "string" ? new RegExp(text.replace(/[^\w ]/g, "\\$&")) : text
      for (let waited = 0; ; waited += 20) {
        const found = pattern.exec(seen)
        if (found !== null) {
          seen = seen.slice(found.index + found[0].length)
          return
        }
        if (waited > 20_000) child.kill("SIGKILL")
        assert.ok(waited <= 20_000, `still no ${String(text)} in: ${JSON.stringify(seen.slice(-2000))}`)
        await sleep(20)
      }
    }
    const type = (text: string): boolean => child.stdin.write(text)
    await until("tvix> ")
    type("1 +\r")
    await until("    > ")
    type("41\r")
    await until(/42\r?\n/)
    await until("tvix> ")
    type("builtins.genericC\t")
    await until("builtins.genericClosure")
    type("\x03")
    await until("tvix> ")
    type("let f = n: f (n + 1); in f 0\r")
    await until("in f 0")
    await sleep(300)
    type("\x03")
    await until("interrupted")
    await until("tvix> ")
    type(":l file.nix\r")
    await until("Added 1 variable")
    await until("tvix> ")
    type("loaded + 1\r")
    await until(/43\r?\n/)
    // Up: what was typed last.
    type("\x1b[A\x1b[A\r")
    await until("Added 1 variable")
    await until("tvix> ")
    const closed = new Promise((resolve) => child.on("close", resolve))
    type("\x04")
    assert.equal(await closed, 0)
    const history = readFileSync(join(home, "state", "tvix", "repl-history"), "utf8").split("\n")
    assert.deepEqual(history.slice(0, 4), ["1 +", "41", "let f = n: f (n + 1); in f 0", ":l file.nix"])
  },
)
