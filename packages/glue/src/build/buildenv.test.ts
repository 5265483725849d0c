/** Profiles: the trees are those that C++ Nix builds from the same packages. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { BuildRequest } from "@tvix-ts/build"
import { TreeBuilder, type Node } from "@tvix-ts/castore"
import type { Derivation } from "@tvix-ts/nix-compat"
import { bytesOf, byteStringFrom } from "@tvix-ts/bytes"
import { memoryStore } from "@tvix-ts/store"
import { builtinBuildenv } from "./buildenv.ts"
import { RealiseError } from "./problem.ts"

const base = (i: number): string => `${String(i).repeat(32)}-p${i}`
const pathOf = (i: number): string => `/nix/store/${base(i)}`
const MANIFEST = pathOf(9)
const OUT = "/nix/store/0-env"

type Tree = (builder: TreeBuilder) => Promise<void>
const file =
  (text: string): Tree =>
  async (builder) => {
    builder.file(text.length, false)
    await builder.contents(bytesOf(text))
  }
const symlink =
  (target: string): Tree =>
  async (builder) =>
    builder.symlink(target)
const directory =
  (entries: Readonly<Record<string, Tree>>): Tree =>
  async (builder) => {
    builder.directory()
    for (const name of Object.keys(entries).sort()) {
      builder.entry(name)
      await entries[name]!(builder)
    }
    builder.endDirectory()
  }

interface Profile {
  /** Targets of links by path. */
  readonly links: Record<string, string>
  /** Inputs that it refers to, by number. */
  readonly references: readonly number[]
  /** Lines, with store paths as in {@link links}. */
  readonly warnings: readonly string[]
}

/** @param packages their trees: the first is p1 */
async function profileOf(packages: readonly Tree[], derivations: string): Promise<Profile> {
  const store = memoryStore()
  const inputs = new Map<string, Node>()
  for (const [i, tree] of packages.entries()) {
    const builder = new TreeBuilder(store)
    await tree(builder)
    inputs.set(base(i + 1), await builder.finish())
  }
  const numbers = [...packages.keys()].map((i) => i + 1)
  const env = new Map([
    ["derivations", derivations.replaceAll(/p(\d)/g, (_, i: string) => pathOf(Number(i)))],
    ["manifest", MANIFEST],
  ])
  const needles = [...numbers, 9].map((i) => String(i).repeat(32))
  const request = { inputs, needles } as unknown as BuildRequest
  let log = ""
  const context = {
    path: "/nix/store/x-env.drv",
    store,
    out: OUT,
    signal: new AbortController().signal,
    onLog: (bytes: Uint8Array) => void (log += byteStringFrom(bytes)),
    onActivity() {},
  }
  const output = await builtinBuildenv({ env } as unknown as Derivation, request, context)
  const links: Record<string, string> = {}
  const visit = async (node: Node, path: string): Promise<void> => {
    if (node.type === "symlink") links[path] = node.target.replace(/^\/nix\/store\/\d+-/, "")
    if (node.type !== "directory") return
    for (const [name, entry] of (await store.directories.get(node.digest))!.entries) {
      await visit(entry, path === "" ? name : `${path}/${name}`)
    }
  }
  await visit(output.node, "")
  const warnings = log
    .replaceAll(/\/nix\/store\/\d+-/g, "")
    .split("\n")
    .slice(0, -1)
  return { links, references: output.needles.map((i) => Number(needles[i]![0])), warnings }
}

const linksOf = async (packages: readonly Tree[], derivations: string): Promise<Record<string, string>> => {
  const { "manifest.nix": manifest, ...links } = (await profileOf(packages, derivations)).links
  assert.equal(manifest, "p9")
  return links
}
const bin = (...names: readonly string[]): Tree =>
  directory({ bin: directory(Object.fromEntries(names.map((name) => [name, file(name)]))) })

describe("builtin:buildenv", () => {
  test("links whole folders, unless several packages have them", async () => {
    assert.deepEqual(await linksOf([bin("a")], "true 5 1 p1"), { bin: "p1/bin" })
    const doc = (name: string): Tree => directory({ share: directory({ doc: directory({ [name]: file("") }) }) })
    assert.deepEqual(await linksOf([doc("x"), doc("y"), bin("a")], "true 5 1 p1 true 5 2 p2 p3"), {
      "share/doc/x": "p1/share/doc/x",
      "share/doc/y": "p2/share/doc/y",
      bin: "p3/bin",
    })
  })

  test("of two files the one of the lower priority is there, in whatever order", async () => {
    for (const derivations of ["true 3 1 p1 true 5 1 p2", "true 5 1 p2 true 3 1 p1"]) {
      assert.deepEqual(await linksOf([bin("a", "c"), bin("a", "b")], derivations), {
        "bin/a": "p1/bin/a",
        "bin/b": "p2/bin/b",
        "bin/c": "p1/bin/c",
      })
    }
  })

  test("packages that are not active are left out, and what is no folder", async () => {
    const packages = [bin("a"), bin("b"), file("")]
    const { links, warnings } = await profileOf(packages, "true 5 1 p1 false 5 1 p2 true 5 1 p3")
    assert.deepEqual(links, { bin: "p1/bin", "manifest.nix": "p9" })
    assert.deepEqual(warnings, ['warning: not including "p3" in the user environment because it\'s not a directory'])
  })

  test("so are files that are of no use in a profile, hidden ones, and links that lead nowhere", async () => {
    const full = directory({
      ".hidden": file(""),
      "nix-support": directory({}),
      "propagated-build-inputs": file(""),
      log: directory({}),
      "manifest.nix": file(""),
      "manifest.json": file(""),
      lib: directory({ dangling: symlink("nowhere"), "perllocal.pod": file(""), ok: file("") }),
      info: directory({ dir: file(""), other: file("") }),
      sbin: symlink("lib"),
    })
    const more = directory({ lib: directory({ x: file("") }), info: directory({ y: file("") }) })
    const { links, warnings } = await profileOf([full, more], "true 5 1 p1 true 5 1 p2")
    assert.deepEqual(links, {
      "info/other": "p1/info/other",
      "info/y": "p2/info/y",
      "lib/ok": "p1/lib/ok",
      "lib/x": "p2/lib/x",
      "manifest.nix": "p9",
      sbin: "p1/sbin",
    })
    assert.deepEqual(warnings, ["warning: skipping dangling symlink 'env/lib/dangling'"])
  })

  test("links that lead to what every build has are there: masks of services do", async () => {
    const masks = directory({
      a: symlink("/dev/null"),
      b: symlink("../../../etc/passwd"),
      c: symlink("/dev/nullify"),
      d: symlink("/dev/null/x"),
      e: symlink("/nix/store"),
    })
    assert.deepEqual(await linksOf([masks], "true 5 1 p1"), { a: "p1/a", b: "p1/b", e: "p1/e" })
  })

  test("what is in a folder that is a link is linked to where it is", async () => {
    const packages = [
      directory({ lib: symlink("lib64"), lib64: directory({ a: file("") }) }),
      directory({ lib: directory({ b: file("") }) }),
      directory({ lib: symlink(`${pathOf(4)}/deep/x/..`) }),
      directory({ deep: directory({ c: file(""), x: directory({}) }) }),
    ]
    assert.deepEqual(await linksOf(packages, "true 5 3 p3 p2 p1"), {
      "lib/a": "p1/lib64/a",
      "lib/b": "p2/lib/b",
      "lib/c": "p3/lib/c",
      "lib/x": "p3/lib/x",
      lib64: "p1/lib64",
    })
  })

  test("what packages bring along comes after all that were asked for", async () => {
    const brings = (i: number, ...names: readonly string[]): Tree =>
      directory({
        bin: directory(Object.fromEntries(names.map((name) => [name, file("")]))),
        "nix-support": directory({ "propagated-user-env-packages": file(`${pathOf(i)} \n`) }),
      })
    const packages = [brings(2, "a"), brings(3, "a", "b"), bin("a", "b", "c")]
    assert.deepEqual(await linksOf(packages, "true 900000 1 p1"), {
      "bin/a": "p2/bin/a",
      "bin/b": "p2/bin/b",
      "bin/c": "p3/bin/c",
    })
    assert.deepEqual(await linksOf(packages, "true 5 1 p1"), {
      "bin/a": "p1/bin/a",
      "bin/b": "p2/bin/b",
      "bin/c": "p3/bin/c",
    })
  })

  test("refers to what is linked, and to the manifest", async () => {
    const { references } = await profileOf([bin("a"), bin("b"), file("")], "true 5 1 p1 false 5 1 p2 true 5 1 p3")
    assert.deepEqual(references, [1, 9])
  })

  test("does not refer to what has nothing in it, or only what others have in its place", async () => {
    const nothing = directory({ bin: directory({}) })
    assert.deepEqual((await profileOf([nothing, bin("a")], "true 5 1 p1 true 5 1 p2")).references, [2, 9])
    const brings = directory({
      bin: directory({ a: file("") }),
      "nix-support": directory({ "propagated-user-env-packages": file(pathOf(2)) }),
    })
    assert.deepEqual((await profileOf([brings, bin("a")], "true 900000 1 p1")).references, [2, 9])
  })

  const FAILURES: readonly (readonly [what: string, packages: readonly Tree[], derivations: string, told: RegExp])[] = [
    [
      "two files of the same priority",
      [bin("a"), bin("a")],
      "true 5 1 p1 true 5 1 p2",
      /conflict for the following files:\n\n {2}"\S*p1\/bin\/a"\n {2}"\S*p2\/bin\/a"$/,
    ],
    [
      "a folder where there is a file",
      [directory({ x: file("") }), directory({ x: directory({}) })],
      "true 5 1 p1 true 6 1 p2",
      /collision between "\S*p2\/x" and non-directory "\S*p1\/x"$/,
    ],
    [
      "a file where there is a folder",
      [directory({ x: directory({}) }), directory({ x: directory({}) }), directory({ x: file("") })],
      "true 5 1 p1 true 6 1 p2 true 7 1 p3",
      /collision between non-directory '\S*p3\/x' and directory '\/nix\/store\/0-env\/x'$/,
    ],
    [
      "a package that is not there",
      [bin("a")],
      "true 5 2 p1 p8",
      /reading directory "\S*p8": No such file or directory$/,
    ],
    [
      "one that another brings along and that is not there",
      [directory({ "nix-support": directory({ "propagated-user-env-packages": file("/etc/nowhere") }) })],
      "true 5 1 p1",
      /reading directory "\/etc\/nowhere": No such file or directory$/,
    ],
    [
      "links in a circle",
      [directory({ a: symlink("b"), b: symlink("a") })],
      "true 5 1 p1",
      /getting status of '\S*p1\/a': Too many levels of symbolic links$/,
    ],
    ["a list that ends too early", [bin("a")], "true 5 2 p1", /attribute 'derivations' is not well-formed$/],
    ["no priority", [bin("a")], "true high 1 p1", /attribute 'derivations' is not well-formed$/],
  ]
  for (const [what, packages, derivations, told] of FAILURES) {
    test(`fails: ${what}`, async () => {
      await assert.rejects(
        profileOf(packages, derivations),
        (error: unknown) => error instanceof RealiseError && told.test(error.message),
      )
    })
  }
})
