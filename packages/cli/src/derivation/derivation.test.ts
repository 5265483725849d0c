/** `tvix derivation` as a program: on files, on a store, and on what is wrong. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { instantiate, type Derivation, type Instantiated } from "@tvix-ts/nix-compat"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix", import.meta.url))

let folder = ""
before(() => (folder = mkdtempSync(join(tmpdir(), "tvix-derivation-"))))
after(() => rmSync(folder, { recursive: true, force: true }))

function tvix(...words: readonly string[]): {
  readonly status: number | null
  readonly out: string
  readonly error: string
} {
  return run("derivation", ...words)
}
function run(...words: readonly string[]): ReturnType<typeof tvix> {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, words, {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: join(folder, "home"), TVIX_STORE: `local://${folder}/store` },
    encoding: "utf8",
  })
  return { status, out: stdout, error: stderr.replaceAll(folder, "/F") }
}

/** Two derivations, the second of which needs the first, written into a folder as a chroot store has them. */
function write(
  where: string,
  flag: string,
): { readonly leaf: Instantiated; readonly root: Instantiated; readonly file: string } {
  const bare: Derivation = {
    name: "leaf",
    outputs: new Map([["out", { kind: "deferred" }]]),
    inputDerivations: new Map(),
    inputSources: new Set(),
    system: "s",
    builder: "/bin/sh",
    args: [],
    env: new Map([["flag", flag]]),
  }
  const leaf = instantiate(bare, () => assert.fail("there are no inputs"))
  const env = new Map([["leaf", leaf.derivation.env.get("out")!]])
  const inputDerivations = new Map([[leaf.path, new Set(["out"])]])
  const root = instantiate({ ...bare, name: "root", inputDerivations, env }, () => leaf.hashes)
  mkdirSync(join(folder, where), { recursive: true })
  for (const { path, text } of [leaf, root]) writeFileSync(join(folder, where, basename(path)), text, "latin1")
  return { leaf, root, file: join(where, basename(root.path)) }
}

describe("tvix derivation show", () => {
  test("a file, and with what it needs", () => {
    const { leaf, root, file } = write("one", "1")
    const { status, out, error } = tvix("show", file)
    assert.deepEqual({ status, error }, { status: 0, error: "" })
    const shown = JSON.parse(out) as { derivations: Record<string, { env: { flag?: string } }>; version: number }
    assert.equal(shown.version, 4)
    assert.deepEqual(Object.keys(shown.derivations), [basename(root.path)])
    assert.equal(out.split("\n").length, 2)
    const all = JSON.parse(tvix("show", "-r", "--pretty", file).out) as typeof shown
    assert.deepEqual(Object.keys(all.derivations), [root.path, leaf.path].map((path) => basename(path)).sort())
    assert.equal(all.derivations[basename(leaf.path)]?.env.flag, "1")
  })

  test("a file of any name has the path that it would have", () => {
    const { root } = write("two", "1")
    writeFileSync(join(folder, "root.drv"), root.text, "latin1")
    assert.deepEqual(tvix("show", "root.drv").out, tvix("show", join("two", basename(root.path))).out)
  })

  test("what is in a store, by its path and by its digest", () => {
    const program = 'derivation { name = "x"; system = "s"; builder = "b"; }'
    const path = run("instantiate", "-E", program).out.trim()
    const { status, out, error } = tvix("show", path)
    assert.deepEqual({ status, error }, { status: 0, error: "" })
    assert.ok(out.includes(`"${basename(path)}":{"args":[],"builder":"b",`))
    assert.equal(tvix("show", basename(path)).out, out)
    assert.equal(tvix("show", basename(path).slice(0, 32)).out, out)
    assert.equal(tvix("diff", path, basename(path)).status, 0)
  })

  test("whatever tvix instantiate prints: outputs, and links", () => {
    const program = '(derivation { name = "y"; system = "s"; builder = "b"; outputs = [ "out" "dev" ]; }).dev'
    const path = run("instantiate", "-E", program).out.trim()
    assert.match(path, /\.drv!dev$/)
    const { status, out } = tvix("show", path)
    assert.equal(status, 0)
    assert.match(out, /"name":"y"/)
    const link = run("instantiate", "--add-root", "kept", "-E", program).out.trim()
    assert.equal(link, `${join(folder, "kept")}!dev`)
    assert.equal(tvix("show", link).out, out)
    assert.equal(tvix("show", "kept").out, out)
    assert.equal(tvix("show", path.replace("!dev", "^*")).out, out)
  })

  test("what is wrong", () => {
    writeFileSync(join(folder, "bad.drv"), "Derive([)")
    writeFileSync(join(folder, "text"), "")
    const path = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x.drv"
    const wrong: [words: readonly string[], status: number, error: RegExp][] = [
      [[], 2, /^tvix derivation: name one derivation, or more\nTry 'tvix derivation show --help'\.\n$/],
      [["bad.drv"], 1, /^error: derivation 'bad.drv': expected string '\(', at byte 8, in the outputs\n$/],
      [["text"], 2, /'text' is no derivation: they end in \.drv/],
      [["gone.drv"], 2, /'gone.drv' is neither a file nor a store path/],
      [["."], 2, /'\.' is neither a file nor a store path/],
      [["/nix/store/x.drv"], 2, /'\/nix\/store\/x\.drv' is not a store path: 'x\.drv' is too short/],
      [[path], 1, /^error: '\/nix\/store\/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x.drv' is not in the store\n$/],
    ]
    for (const [words, status, error] of wrong) {
      const ran = tvix("show", ...words)
      assert.equal(ran.status, status, words.join(" "))
      assert.match(ran.error, error)
      assert.equal(ran.out, "")
    }
    const { root, leaf, file } = write("three", "1")
    rmSync(join(folder, "three", basename(leaf.path)))
    assert.equal(tvix("show", file).status, 0)
    assert.match(tvix("show", "-r", file).error, new RegExp(basename(leaf.path)))
    assert.equal(root.path.endsWith("-root.drv"), true)
  })
})

describe("tvix derivation diff", () => {
  test("says what differs, with an exit code that says whether", () => {
    const [before, after] = [write("before", "1"), write("after", "2")]
    assert.deepEqual(tvix("diff", before.file, after.file), {
      status: 1,
      out: [
        `- ${before.root.path}`,
        `+ ${after.root.path}`,
        "",
        "leaf (root)",
        "  variable flag: 1 -> 2",
        "",
        "Because of that, one more derivation differs: root",
        "",
      ].join("\n"),
      error: "",
    })
    assert.deepEqual(tvix("diff", before.file, before.file), {
      status: 0,
      out: "They are one derivation.\n",
      error: "",
    })
    const json = JSON.parse(tvix("diff", "--json", before.file, after.file).out) as {
      verdict: string
      causes: unknown[]
    }
    assert.equal(json.verdict, "different")
    assert.equal(json.causes.length, 1)
  })

  test("trouble does not look like a difference", () => {
    const { file } = write("fine", "1")
    writeFileSync(join(folder, "bad.drv"), "Derive(")
    assert.equal(tvix("diff", file, "bad.drv").status, 2)
    assert.equal(tvix("diff", file).status, 2)
  })
})

test("help", () => {
  assert.match(tvix("--help").out, /^Usage: tvix derivation COMMAND[\s\S]*\n {2}diff /)
  assert.match(tvix("diff", "--help").out, /^Usage: tvix derivation diff \[OPTION\.\.\.\] DERIVATION DERIVATION\n/)
  assert.equal(tvix("shw").status, 2)
})
