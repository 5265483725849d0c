/** Binary caches that C++ Nix writes are read, and those that we write it reads. */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, test } from "node:test"
import { concat, equal } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { formatStorePath, parseStorePath } from "@tvix-ts/nix-compat"
import { copyPaths } from "../../copy/copy.ts"
import { renderNar } from "../../nar/render.ts"
import { memoryStore } from "../../store.ts"
import { noise } from "../../testing/trees.ts"
import { openBinaryCache } from "./open.ts"
import { cacheServer } from "./testing/cache-server.ts"

const missing = spawnSync("nix", ["--version"]).status === 0 ? false : "Nix is not installed"

describe("with C++ Nix", { skip: missing }, () => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-nix-"))
  after(() => {
    // It takes the right to write from everything in a store.
    execFileSync("chmod", ["-R", "u+w", dir])
    rmSync(dir, { recursive: true })
  })
  const env = {
    PATH: process.env["PATH"],
    HOME: dir,
    NIX_CONFIG: "extra-experimental-features = nix-command\nsubstituters =",
  }
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { env, cwd: dir, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()
  const store = join(dir, "store")

  let root = ""
  let publicKey = ""
  const prepared = test("a closure in a store of its own", () => {
    mkdirSync(join(dir, "tree", "bin"), { recursive: true })
    writeFileSync(join(dir, "tree", "bin", "run"), "#!/bin/sh\n", { mode: 0o755 })
    writeFileSync(join(dir, "tree", "noise"), noise(700_000))
    writeFileSync(join(dir, "tree", "zeros"), new Uint8Array(700_000))
    symlinkSync("noise", join(dir, "tree", "link"))
    run("nix-store", "--generate-binary-cache-key", "test-1", "secret", "public")
    publicKey = readFileSync(join(dir, "public"), "utf8")
    const text = `builtins.toFile "root" "$\{./tree} $\{builtins.toFile "a" "$\{builtins.toFile "b" "b"} a"}"`
    writeFileSync(join(dir, "root.nix"), `derivation { name = "x"; system = "y"; builder = ${text}; }`)
    root = run("nix-instantiate", "--store", store, "root.nix")
    assert.match(root, /^\/nix\/store\/.*-x\.drv$/)
  })

  const closure = (): readonly string[] => run("nix-store", "--store", store, "-qR", root).split("\n").toSorted()

  for (const compression of ["xz", "zstd", "bzip2", "br", "gzip", "none"]) {
    test(`a cache compressed with ${compression} is read, over HTTP`, async () => {
      await prepared
      const folder = join(dir, `cache-${compression}`)
      const address = `file://${folder}?compression=${compression}&secret-key=${join(dir, "secret")}`
      run("nix", "--store", store, "copy", "--derivation", "--to", address, root)
      const server = await cacheServer()
      try {
        for (const path of readdirSync(folder, { recursive: true, withFileTypes: true })) {
          const file = join(path.parentPath, path.name)
          if (path.isFile()) server.files.set(file.slice(folder.length), readFileSync(file))
        }
        const from = openBinaryCache(`${server.address}?trusted-public-keys=${publicKey}`, memoryStore(), { env })
        const to = memoryStore()
        const copied = await copyPaths([parseStorePath(root)], from, to)
        assert.deepEqual(copied.map(({ storePath }) => formatStorePath(storePath)).toSorted(), closure())
        for (const { storePath, node } of copied) {
          const file = join(store, formatStorePath(storePath))
          const nar = execFileSync("nix-store", ["--dump", file], { env, maxBuffer: 2 ** 28 })
          const rendered = await Array.fromAsync(renderNar(node, to), (piece) => piece.slice())
          assert.ok(equal(concat(rendered), nar), file)
        }
        await from.close()
      } finally {
        await server.close()
      }
    })
  }

  for (const compression of ["zstd", "none"]) {
    test(`a cache that we write, compressed with ${compression}, it reads, and finds signed`, async () => {
      await prepared
      const signed = join(dir, "signed")
      run(
        "nix",
        "--store",
        store,
        "copy",
        "--derivation",
        "--to",
        `file://${signed}?secret-key=${join(dir, "secret")}`,
        root,
      )
      const from = openBinaryCache(`nix+file://${signed}?trusted-public-keys=${publicKey}`)
      const folder = join(dir, `ours-${compression}`)
      const to = openBinaryCache(`nix+file://${folder}?compression=${compression}`)
      await copyPaths([parseStorePath(root)], from, to)
      await from.close()
      await to.close()
      const theirs = join(dir, `theirs-${compression}`)
      const keys = ["--option", "trusted-public-keys", publicKey]
      run("nix", "--store", theirs, "copy", "--derivation", "--from", `file://${folder}`, root, ...keys)
      run("diff", "-r", join(store, "nix", "store"), join(theirs, "nix", "store"))
      run("nix", "--store", theirs, "store", "verify", "--all", ...keys)
    })
  }

  test("nobody believes a cache whose narinfos were changed", async () => {
    await prepared
    const folder = join(dir, "changed")
    run(
      "nix",
      "--store",
      store,
      "copy",
      "--derivation",
      "--to",
      `file://${folder}?secret-key=${join(dir, "secret")}`,
      root,
    )
    const narInfo = join(folder, `${parseStorePath(root).digest}.narinfo`)
    // A reference less.
    writeFileSync(
      narInfo,
      readFileSync(narInfo, "latin1")
        .replace(/References: \S+ ?/, "References: ")
        .replace(/CA: .*\n/, ""),
    )
    const cache = openBinaryCache(`nix+file://${folder}?trusted-public-keys=${publicKey}`, memoryStore())
    await assert.rejects(copyPaths([parseStorePath(root)], cache, memoryStore()), (error) => {
      return error instanceof CastoreError && error.problem.code === "corrupt"
    })
    await cache.close()
    const keys = ["--option", "trusted-public-keys", publicKey]
    assert.throws(() =>
      run("nix", "--store", join(dir, "careful"), "copy", "--derivation", "--from", `file://${folder}`, root, ...keys),
    )
  })
})
