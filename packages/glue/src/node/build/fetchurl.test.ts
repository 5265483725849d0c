import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { BuildError, withinLimits, type BuildOptions, type BuildRequest } from "@tvix-ts/build"
import type { Node } from "@tvix-ts/castore"
import { hash, type Hash } from "@tvix-ts/hash"
import { fixedOutputPath, type Derivation } from "@tvix-ts/nix-compat"
import { memoryStore, type Store } from "@tvix-ts/store"
import { utf8 } from "@tvix-ts/bytes"
import { nodeFetcher } from "../fetch/fetcher.ts"
import { testServer, type TestServer } from "../fetch/testing/server.ts"
import { builtinFetchurl } from "./fetchurl.ts"

describe("builtin:fetchurl", () => {
  let server: TestServer
  let store: Store
  before(async () => {
    store = memoryStore()
    server = await testServer({
      "/file": (_, response) => response.end("hello"),
      "/file.xz": (_, response) => response.end("hello"),
      "/never": () => {},
      "/begins": (_, response) => response.writeHead(200, { "content-length": "10" }).write("hello"),
    })
  })
  after(async () => {
    await server.close()
    await store.close()
  })

  const build = async (path: string, limits: BuildOptions, more: Record<string, string> = {}): Promise<Node> => {
    const promised: Hash = { algorithm: "sha256", digest: hash("sha256", utf8("hello")) }
    const output = {
      kind: "fixed",
      method: "flat",
      hash: promised,
      path: fixedOutputPath("f", "flat", promised),
    } as const
    const env = new Map(Object.entries({ url: `${server.url}${path}`, ...more }))
    const derivation = { env, outputs: new Map([["out", output]]) } as unknown as Derivation
    const request = { needles: [] } as unknown as BuildRequest
    const context = { path: "/nix/store/x-f.drv", store, out: output.path }
    const fetcher = nodeFetcher({ store: async () => store, attemptsMax: 5, retryMs: 60_000 })
    try {
      const made = await withinLimits(limits, (limited) =>
        builtinFetchurl(fetcher.download)(derivation, request, { ...context, ...limited }),
      )
      return made.node
    } finally {
      fetcher.close()
    }
  }
  const problemOf = (error: unknown): unknown => (error instanceof BuildError ? error.problem : error)

  test("gets a file", async () => {
    const node = await build("/file", { timeoutMs: 60_000, silenceMs: 60_000 })
    assert.deepEqual([node.type, node.type === "file" && node.size], ["file", 5])
  })
  for (const [what, path, env, reason] of [
    ["is not there", "/nothing", {}, /unable to download '.*\/nothing': HTTP error 404$/],
    ["is no archive", "/file", { unpack: "1" }, /does not look like a Nix archive/],
    ["is not compressed", "/file.xz", { unpack: "1" }, /xz/],
  ] as const) {
    test(`says that a file ${what}`, async () => {
      await assert.rejects(build(path, {}, env), (error) => {
        assert.ok(error instanceof BuildError && error.problem.code === "failed")
        assert.match(error.message, reason)
        return true
      })
    })
  }
  for (const path of ["/never", "/begins"]) {
    test(`gives up a server that does not get on: ${path}`, async () => {
      await assert.rejects(build(path, { timeoutMs: 50 }), (error) => {
        assert.deepEqual(problemOf(error), { code: "timeout", limitMs: 50 })
        return true
      })
      await assert.rejects(build(path, { silenceMs: 50 }), (error) => {
        assert.deepEqual(problemOf(error), { code: "silence", limitMs: 50 })
        return true
      })
    })
    test(`ends when its caller does not want it any more: ${path}`, async () => {
      const caller = new AbortController()
      const building = build(path, { signal: caller.signal })
      const asked = server.asked.length
      while (server.asked.length === asked) await new Promise((resolve) => setImmediate(resolve))
      caller.abort(new Error("interrupted"))
      await assert.rejects(building, /interrupted/)
    })
  }
})
