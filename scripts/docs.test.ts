/**
 * The documentation is true: every command in it is run, and where it shows output, that is what comes out.
 *
 * ```sh blocks hold commands that must succeed, a line each; ```console blocks hold `$ command` lines, each followed by
 * exactly what a terminal shows, problems included; ```ts blocks that import something are programs, and each line that
 * one prints stands in it as a comment, in order. A block that "needs bwrap", or "needs fuse", is run where that is. What .ci/run runs in a section of its own is not run again here.
 */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"
import { after, describe, test } from "node:test"
import { ROOT } from "./toolchain.mjs"

interface Command {
  readonly text: string
  /** 1-based. */
  readonly line: number
  /** What it prints, if the text says so. */
  readonly output: string | undefined
  /** A program of the system without which it cannot be run. */
  readonly needs: string | undefined
}

function commandsOf(markdown: string): Command[] {
  const found: Command[] = []
  const blocks = markdown.matchAll(/^```(sh|console)(?: needs (\w+))?\n([^]*?)^```$/gm)
  for (const { 0: block, 1: kind, 2: needs, 3: body = "", index } of blocks) {
    const first = markdown.slice(0, index).split("\n").length + 1
    const lines = body.split("\n").slice(0, -1)
    if (kind === "sh") {
      for (const [at, text] of lines.entries()) {
        if (text !== "" && !text.startsWith("#")) found.push({ text, line: first + at, output: undefined, needs })
      }
      continue
    }
    assert.match(body, /^\$ /, `a console block starts with a command: ${block}`)
    const starts = lines.flatMap((line, at) => (line.startsWith("$ ") ? [at] : []))
    for (const [nth, at] of starts.entries()) {
      const output = lines.slice(at + 1, starts[nth + 1] ?? lines.length).map((line) => `${line}\n`)
      found.push({ text: lines[at]!.slice(2), line: first + at, output: output.join(""), needs })
    }
  }
  return found
}

interface Program {
  readonly text: string
  readonly line: number
  /** Every comment that ends a line, in order. What the program prints is among them. */
  readonly comments: readonly string[]
}

function programsOf(markdown: string): Program[] {
  return [...markdown.matchAll(/^```ts\n(import [^]*?)^```$/gm)].map(({ 1: text = "", index }) => {
    const comments = [...text.matchAll(/(?:^| )\/\/ (.*)$/gm)].map(([, comment = ""]) => comment)
    return { text, line: markdown.slice(0, index).split("\n").length, comments }
  })
}

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((dir) => existsSync(join(dir, program)))

/** Whether a block that needs it can be run here. */
const isThere = (what: string): boolean =>
  what === "fuse" ? existsSync("/dev/fuse") && spawnSync("unshare", ["--mount", "true"]).status === 0 : onPath(what)

const PAGES = ["*.md", "docs/**/*.md", "packages/*/README.md", "examples/**/*.md", "bench/*.md", "lang-tests/*.md"]
const ci = readFileSync(join(ROOT, ".ci/run"), "utf8")

// Processes that a page starts are its own; names of sockets must be short.
const runtime = mkdtempSync(join(tmpdir(), "docs-"))
after(() => rmSync(runtime, { recursive: true }))

for (const page of globSync(PAGES, { cwd: ROOT }).sort()) {
  const markdown = readFileSync(join(ROOT, page), "utf8")
  // A store of the page's own, so that what it shows is what everybody sees, and nobody's store is touched.
  const store = join(ROOT, ".cache", "docs", `${page.replaceAll("/", "-")}.store`)
  rmSync(store, { recursive: true, force: true })
  describe(page, () => {
    for (const { text, line, output, needs } of commandsOf(markdown)) {
      const inCi = new RegExp(`^section '[^']*' ${text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`, "m").test(ci)
      if (inCi && output === undefined) continue
      const skip = needs === undefined || isThere(needs) ? false : `needs ${needs}`
      test(`line ${line}: ${text}`, { skip }, () => {
        const shown = output === undefined ? text : `exec 2>&1; ${text}`
        const run = spawnSync("bash", ["-euo", "pipefail", "-c", shown], {
          cwd: ROOT,
          // Package pages call the commands as those do who have installed them.
          env: {
            ...process.env,
            PATH: `${join(ROOT, "bin")}${delimiter}${process.env["PATH"]}`,
            TVIX_STORE: `local://${store}`,
            XDG_RUNTIME_DIR: runtime,
          },
          encoding: "utf8",
          input: "",
          timeout: 120_000,
        })
        if (output !== undefined) assert.equal(run.stdout, output)
        // A page that shows an error means to.
        assert.ok(run.status === 0 || /^(?:error|tvix:|\{"code":)/m.test(output ?? ""), run.stderr)
      })
    }

    for (const { text, line, comments } of programsOf(markdown)) {
      const skip = text.includes("bwrapBuildService") && !onPath("bwrap") ? "needs bubblewrap" : false
      test(`line ${line}: a program`, { skip }, () => {
        // Inside the repository, so that packages are found by their names.
        const dir = join(ROOT, ".cache", "docs")
        mkdirSync(dir, { recursive: true })
        const file = join(dir, `${page.replaceAll("/", "-")}-${line}.ts`)
        writeFileSync(file, text)
        const run = spawnSync(process.execPath, ["--conditions=source", file], { encoding: "utf8", timeout: 60_000 })
        assert.equal(run.stderr, "")
        let from = 0
        for (const printed of run.stdout.split("\n").slice(0, -1)) {
          const at = comments.indexOf(printed, from)
          assert.ok(at >= 0, `no comment says that this is printed here: ${printed}`)
          from = at + 1
        }
      })
    }

    test("links lead somewhere", () => {
      for (const { 1: target = "" } of markdown.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        assert.ok(existsSync(join(ROOT, dirname(page), target)), `${page} links to ${target}`)
      }
    })
  })
}

test("`npm run` commands that a page mentions exist", () => {
  const scriptsIn = (dir: string): object => {
    const file = join(ROOT, dir, "package.json")
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")).scripts ?? {}) : {}
  }
  for (const page of globSync(PAGES, { cwd: ROOT })) {
    const scripts = { ...scriptsIn("."), ...scriptsIn(dirname(page)) }
    for (const { 1: name = "" } of readFileSync(join(ROOT, page), "utf8").matchAll(/npm run ([\w:-]+)/g)) {
      assert.ok(name in scripts, `${page}: npm run ${name}`)
    }
  }
})
