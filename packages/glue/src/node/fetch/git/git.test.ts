import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { formatHash } from "@tvix-ts/hash"
import { memoryStore, type Store } from "@tvix-ts/store"
import type { GitRequest, GitTree } from "../../../fetch/fetcher.ts"
import { FetchError } from "../../../fetch/problem.ts"
import { nodeFetcher, type NodeFetcher } from "../fetcher.ts"
import type { NodeFetcherOptions } from "../options.ts"
import { testServer, type Answer } from "../testing/server.ts"
import { resolveSubmoduleUrl } from "./submodules.ts"

const ENV = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
  GIT_AUTHOR_DATE: "2020-01-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2020-01-02T00:00:00Z",
}

let folder: string
let store: Store
let fetcher: NodeFetcher
let first: string
let second: string
let tagged: string
const warnings: string[] = []
before(() => {
  folder = mkdtempSync(join(tmpdir(), "git-"))
  store = memoryStore()
  fetcher = opened({ cacheFolder: join(folder, "cache") })
  makeRepositories()
})
after(async () => {
  fetcher.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

function opened(options: Partial<NodeFetcherOptions>): NodeFetcher {
  return nodeFetcher({ store: async () => store, env: ENV, onWarning: (message) => warnings.push(message), ...options })
}
function run(where: string, ...args: readonly string[]): string {
  return execFileSync("git", ["-C", join(folder, where), ...args], { env: ENV, encoding: "utf8", stdio: "pipe" }).trim()
}
function write(path: string, contents: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true })
  writeFileSync(join(folder, path), contents)
}
function init(where: string): void {
  mkdirSync(join(folder, where), { recursive: true })
  run(where, "init", "--quiet", "-b", "main")
}
function commit(where: string): string {
  run(where, "add", ".")
  run(where, "commit", "--quiet", "-m", "x")
  return run(where, "rev-parse", "HEAD")
}

/** `r` with two commits, a branch and a tag; `r.git`, a bare copy of it; `sub`, which is in `super`. */
function makeRepositories(): void {
  init("r")
  write("r/a", "hi\n")
  write("r/d/x", "x\n")
  chmodSync(join(folder, "r/d/x"), 0o755)
  symlinkSync("../a", join(folder, "r/d/l"))
  write("r/b.txt", "ignored")
  write("r/docs/c", "documented")
  write("r/.gitattributes", "*.txt export-ignore\ndocs export-ignore\n")
  first = commit("r")
  write("r/second", "2")
  second = commit("r")
  run("r", "checkout", "--quiet", "-b", "side", first)
  write("r/side", "s")
  tagged = commit("r")
  run("r", "tag", "-a", "-m", "x", "v1")
  run("r", "checkout", "--quiet", "main")
  run(".", "clone", "--quiet", "--bare", "r", "r.git")
  init("sub")
  write("sub/s", "s\n")
  commit("sub")
  init("super")
  write("super/t", "t\n")
  run("super", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", join(folder, "sub"), "inner")
  commit("super")
}

const DEFAULTS = { name: "source", shallow: false, submodules: false, allRefs: false, exportIgnore: true }

function get(where: string, request: Partial<GitRequest> = {}, from: NodeFetcher = fetcher): Promise<GitTree> {
  return from.git({ ...DEFAULTS, url: `file://${folder}/${where}`, ...request })
}
/** Paths of everything in a tree. */
async function filesOf({ path }: GitTree): Promise<string[]> {
  const info = (await store.pathInfos.get(path.slice("/nix/store/".length).split("-")[0]!))!
  const files: string[] = []
  const queue = [{ node: info.node, at: "" }]
  for (const { node, at } of queue) {
    if (node.type !== "directory") {
      const mark = node.type === "symlink" ? ` -> ${node.target}` : node.executable ? "*" : ""
      files.push(at + mark)
      continue
    }
    const { entries } = (await store.directories.get(node.digest))!
    if (entries.length === 0) files.push(`${at}/`)
    for (const [name, child] of entries) queue.push({ node: child, at: at === "" ? name : `${at}/${name}` })
  }
  return files.sort((a, b) => (a < b ? -1 : 1))
}

const AT_FIRST = [".gitattributes", "a", "d/l -> ../a", "d/x*"]

describe("a commit", () => {
  for (const where of ["r", "r.git"]) {
    test(`by a branch of ${where}`, async () => {
      const tree = await get(where, { ref: "side" })
      assert.deepEqual(await filesOf(tree), [...AT_FIRST, "side"])
      assert.deepEqual([tree.rev, tree.revCount, tree.lastModified], [tagged, 2, Date.UTC(2020, 0, 2) / 1000])
    })
    test(`by its name in ${where}`, async () => {
      const tree = await get(where, { rev: first })
      assert.deepEqual(await filesOf(tree), AT_FIRST)
      assert.deepEqual([tree.rev, tree.revCount], [first, 1])
    })
    test(`by a tag of ${where}`, async () => {
      assert.equal((await get(where, { ref: "refs/tags/v1" })).rev, tagged)
    })
    test(`shallow, of ${where}`, async () => {
      const tree = await get(where, { ref: "main", shallow: true })
      assert.deepEqual([tree.rev, tree.revCount], [second, undefined])
    })
    test(`with everything, of ${where}`, async () => {
      const tree = await get(where, { rev: first, exportIgnore: false })
      assert.deepEqual(await filesOf(tree), [".gitattributes", "a", "b.txt", "d/l -> ../a", "d/x*", "docs/c"])
    })
  }
  test("that is checked out elsewhere", async () => {
    assert.equal((await get("r.git")).rev, second)
  })
  test("of any branch", async () => {
    assert.equal((await get("r.git", { rev: tagged, allRefs: true })).rev, tagged)
  })
  test("is the same here and there, and its hash is that of its archive", async () => {
    const here = await get("r", { rev: first })
    const there = await get("r.git", { rev: first }, opened({ cacheFolder: join(folder, "other") }))
    assert.deepEqual(here, there)
    const info = (await store.pathInfos.get(here.path.slice(11, 43)))!
    const calculated = await store.nar.calculate(info.node)
    assert.equal(
      formatHash(here.narHash, "sri"),
      formatHash({ algorithm: "sha256", digest: calculated.narHash }, "sri"),
    )
  })
  test("whose attributes are those of the commit, not of the working folder", async () => {
    init("attributes")
    write("attributes/a", "a")
    const rev = commit("attributes")
    write("attributes/.gitattributes", "a export-ignore\n")
    assert.deepEqual(await filesOf(await get("attributes", { rev })), ["a"])
  })
})

describe("the network", () => {
  test("is not needed for a commit that is there, nor for a branch that was looked at just now", async () => {
    const cacheFolder = join(folder, "offline")
    run(".", "clone", "--quiet", "--bare", "r", "passing.git")
    const online = opened({ cacheFolder })
    const tree = await get("passing.git", { ref: "main" }, online)
    online.close()
    // Still an address of a repository, but of an empty one.
    rmSync(join(folder, "passing.git"), { recursive: true })
    mkdirSync(join(folder, "passing.git"))
    const offline = opened({ cacheFolder })
    assert.deepEqual(await get("passing.git", { ref: "main" }, offline), tree)
    assert.deepEqual(await get("passing.git", { rev: first }, offline), {
      ...tree,
      ...(await get("r", { rev: first })),
    })
    offline.close()
    // Asked again after a while, and in vain: better an old answer than none.
    const later = opened({ cacheFolder, tarballTtl: 0 })
    warnings.length = 0
    assert.deepEqual(await get("passing.git", { ref: "main" }, later), tree)
    assert.match(
      warnings.join("\n"),
      /could not update local clone of Git repository 'file:.*passing\.git'; continuing/,
    )
    later.close()
  })
  test("is asked again after a while", async () => {
    run(".", "clone", "--quiet", "--bare", "r", "moving.git")
    const always = opened({ cacheFolder: join(folder, "moving"), tarballTtl: 0 })
    assert.equal((await get("moving.git", { ref: "main" }, always)).rev, second)
    run("moving.git", "update-ref", "refs/heads/main", tagged)
    assert.equal((await get("moving.git", { ref: "main" }, always)).rev, tagged)
    always.close()
  })
  test("processes and requests that want the same repository take turns", async () => {
    const cacheFolder = join(folder, "shared")
    const several = [opened({ cacheFolder }), opened({ cacheFolder }), opened({ cacheFolder })]
    const trees = await Promise.all(
      several.flatMap((one) => [get("r.git", {}, one), get("r.git", { rev: first }, one)]),
    )
    assert.deepEqual(new Set(trees.map(({ rev }) => rev)), new Set([first, second]))
    for (const one of several) one.close()
  })
})

describe("a working folder", () => {
  test("without changes is its commit", async () => {
    const tree = await get("r")
    assert.deepEqual(await filesOf(tree), [...AT_FIRST, "second"])
    assert.deepEqual([tree.rev, tree.revCount, tree.dirtyRev], [second, 2, undefined])
  })
  test("with changes is what git knows, as it is now", async () => {
    run(".", "clone", "--quiet", "r", "dirty")
    write("dirty/a", "changed")
    write("dirty/untracked", "")
    write("dirty/added", "")
    run("dirty", "add", "added")
    rmSync(join(folder, "dirty/second"))
    rmSync(join(folder, "dirty/d"), { recursive: true })
    symlinkSync("/etc", join(folder, "dirty/d"))
    warnings.length = 0
    const tree = await get("dirty")
    assert.deepEqual(await filesOf(tree), [".gitattributes", "a", "added"])
    assert.deepEqual([tree.rev, tree.revCount, tree.dirtyRev], [undefined, undefined, second])
    assert.deepEqual(warnings, [`Git tree '${folder}/dirty' is dirty`])
    warnings.length = 0
    const quiet = opened({ warnDirty: false })
    await get("dirty", {}, quiet)
    assert.deepEqual(warnings, [])
    quiet.close()
    const strict = opened({ allowDirty: false })
    await assert.rejects(get("dirty", {}, strict), /^FetchError: Git tree '.*dirty' is dirty$/)
    strict.close()
  })
  test("without any commit", async () => {
    init("new")
    assert.deepEqual(await filesOf(await get("new")), ["/"])
    write("new/a", "")
    run("new", "add", "a")
    const tree = await get("new")
    assert.deepEqual(await filesOf(tree), ["a"])
    assert.deepEqual([tree.rev, tree.dirtyRev, tree.lastModified], [undefined, undefined, 0])
  })
})

describe("submodules", () => {
  const inside = { submodules: true, exportIgnore: false }
  test("of a commit", async () => {
    assert.deepEqual(await filesOf(await get("super", { ...inside, ref: "main" })), [".gitmodules", "inner/s", "t"])
  })
  test("of a working folder", async () => {
    assert.deepEqual(await filesOf(await get("super", inside)), [".gitmodules", "inner/s", "t"])
  })
  test("are empty unless they are wanted; in working folders, they are not there", async () => {
    assert.deepEqual(await filesOf(await get("super", { ref: "main" })), [".gitmodules", "inner/", "t"])
    assert.deepEqual(await filesOf(await get("super")), [".gitmodules", "t"])
  })
  test("with changes make all of it changed", async () => {
    run(".", "-c", "protocol.file.allow=always", "clone", "--quiet", "--recurse-submodules", "super", "changed")
    write("changed/inner/s", "changed")
    assert.notEqual((await get("changed", inside)).dirtyRev, undefined)
  })
  for (const { url, base, resolved } of [
    { url: "https://x/y", base: "https://a/b", resolved: "https://x/y" },
    { url: "../y", base: "https://a/b/c.git", resolved: "https://a/b/y" },
    { url: "./y", base: "https://a/b/", resolved: "https://a/b/y" },
    { url: "../../y", base: "/a/b/c", resolved: "/a/y" },
    { url: "../y", base: "git@host:a.git", resolved: "git@host/y" },
  ]) {
    test(`${url} in ${base}`, () => assert.equal(resolveSubmoduleUrl(url, base), resolved))
  }
})

const UNKNOWN = "1234567890".repeat(4)
describe("refused", () => {
  for (const { name, where, request = {}, message } of [
    { name: "no repository", where: "none", message: /^Git repository "\/.*\/none" does not exist\.$/ },
    { name: "a folder that is none", where: ".", message: /^Failed to fetch git repository 'file:.*': fatal: '.*' does not appear to be a git repository$/ },
    { name: "a branch that is not there", where: "r", request: { ref: "nope" }, message: /^resolving Git reference 'nope': revspec 'nope' not found$/ },
    { name: "a branch that is not there, elsewhere", where: "r.git", request: { ref: "nope" }, message: /^Failed to fetch git repository '.*': fatal: couldn't find remote ref refs\/heads\/nope$/ },
    { name: "a commit that is not there", where: "r", request: { rev: UNKNOWN }, message: /^getting Git object '1234.*': object not found/ },
    { name: "a commit that is not there, elsewhere", where: "r.git", request: { rev: UNKNOWN }, message: /^Cannot find Git revision '1234.*' in ref 'refs\/heads\/main' of repository 'file:.*r\.git'! Please/ },
    { name: "export-ignore with submodules", where: "r", request: { submodules: true }, message: /are not supported together yet/ },
  ]) {
    test(name, async () => {
      await assert.rejects(get(where, request), (error) => error instanceof FetchError && message.test(error.message))
    })
  } // prettier-ignore
  test("a repository that lacks its beginning, unless that is said", async () => {
    run(".", "clone", "--quiet", "--depth", "1", `file://${folder}/r`, "shallow")
    await assert.rejects(
      get("shallow", { ref: "main" }),
      /is a shallow Git repository, but shallow repositories are only/,
    )
    assert.equal((await get("shallow", { ref: "main", shallow: true })).rev, second)
  })
  test("a commit of a time that no calendar has", async () => {
    const when = "a <a@example.org> 99999999999999 +0000"
    const text = `tree ${run("r", "rev-parse", "HEAD^{tree}")}\nauthor ${when}\ncommitter ${when}\n\nx\n`
    write("far-future", text)
    const rev = run("r", "hash-object", "-t", "commit", "-w", join(folder, "far-future"))
    await assert.rejects(
      get("r", { rev }),
      /^FetchError: reading Git commit '.*': '99999999999999' is no date or count$/,
    )
  })
  test("a submodule with a branch that would be an option", async () => {
    run(".", "clone", "--quiet", "super", "hostile")
    run("hostile", "config", "--file", ".gitmodules", "submodule.inner.branch", "--upload-pack=touch")
    commit("hostile")
    const asked = get("hostile", { ref: "main", submodules: true, exportIgnore: false })
    await assert.rejects(asked, /^FetchError: invalid Git branch\/tag name '--upload-pack=touch' of submodule 'inner'$/)
  })
  test("addresses that would be options or commands", async () => {
    const trace = join(folder, "touched")
    for (const url of [`ssh://-oProxyCommand=touch%20${trace}/x`, `ext://touch%20${trace}`]) {
      await assert.rejects(
        fetcher.git({ ...DEFAULTS, url, ref: "main" }),
        /^FetchError: Failed to fetch git repository/,
      )
    }
    assert.ok(!readdirSync(folder).includes("touched"))
  })
  test("where there is no git", async () => {
    const without = opened({ env: { ...ENV, PATH: "/nonexistent" } })
    await assert.rejects(get("r", {}, without), /the command 'git', which fetches repositories, was not found/)
    without.close()
  })
})

test("names and passwords are sent, but neither shown nor kept", async () => {
  let seen: string | undefined
  const server = await testServer({
    "/x/info/refs?service=git-upload-pack": (request, response) => {
      seen = request.headers.authorization
      if (seen === undefined) response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end()
      else response.writeHead(403).end()
    },
  })
  const url = `${server.url.replace("http://", "http://me:s3cret@")}/x`
  const cacheFolder = join(folder, "secret")
  const secretive = opened({ cacheFolder })
  warnings.length = 0
  const problem = await secretive.git({ ...DEFAULTS, url, ref: "main" }).then(
    () => "",
    (error: unknown) => String(error),
  )
  secretive.close()
  await server.close()
  assert.equal(seen, `Basic ${btoa("me:s3cret")}`)
  assert.match(problem, /Failed to fetch git repository 'http:\/\/127\.0\.0\.1:[0-9]+\/x'/)
  const kept = readdirSync(cacheFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
  assert.ok([problem, ...warnings, ...kept].every((text) => !text.includes("s3cret")))
})

test("names and passwords are not for others that an address leads to", async () => {
  const packet = (text: string): string => (text.length + 4).toString(16).padStart(4, "0") + text
  const challenge: Answer = (request, response, nth) => {
    if (nth === 1 && request.headers.authorization === undefined) {
      response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end()
      return
    }
    response.writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" })
    const lines = ["version 2\n", "ls-refs\n", "fetch\n"].map(packet).join("")
    response.end(`${packet("# service=git-upload-pack\n")}0000${lines}0000`)
  }
  for (const isOpen of [true, false]) {
    const other = await testServer({
      "/x/info/refs?service=git-upload-pack": (request, response, nth) =>
        challenge(request, response, isOpen ? 2 : nth),
    })
    const first = await testServer({
      "/x/info/refs?service=git-upload-pack": (request, response) =>
        response.writeHead(302, { location: other.url + request.url! }).end(),
    })
    const fetcher = opened({ cacheFolder: join(folder, `led-astray-${isOpen}`) })
    const url = `${first.url.replace("http://", "http://me:s3cret@")}/x`
    await assert.rejects(fetcher.git({ ...DEFAULTS, url, ref: "main" }), /Failed to fetch git repository/)
    fetcher.close()
    await first.close()
    await other.close()
    assert.ok(other.requests.length > 0)
    for (const { headers } of [...first.requests, ...other.requests]) assert.equal(headers.authorization, undefined)
  }
})
