/** Builds of a server: the suite through a client and a server of ours, and servers that know Tvix's service only. */
import assert from "node:assert/strict"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { CastoreError, digestOf, memoryBlobService, memoryDirectoryService, type Node } from "@tvix-ts/castore"
import { GrpcChannel, serveGrpc, type GrpcService } from "@tvix-ts/castore/node"
import { BuildError, type BuildProblem } from "../../problem.ts"
import type { BuildOptions, BuildService } from "../../service.ts"
import { exampleRequest, problemOf, testBuildService } from "../../testing/build-service.ts"
import { describeSandboxed } from "../../testing/sandboxed.ts"
import { bwrapBuildService } from "../bwrap/service.ts"
import { removeTree } from "../remove-tree.ts"
import { TreeFolder } from "../tree-folder.ts"
import { grpcBuildService } from "./client.ts"
import { buildServices } from "./server.ts"

describeSandboxed("builds of a server", () => {
  testBuildService("gRPC, a sandbox behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "build-"))
    const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
    const trees = await TreeFolder.open(join(folder, "trees"), services)
    const behind = await bwrapBuildService({ ...services, trees, dir: join(folder, "work") })
    const server = await serveGrpc(buildServices(behind), { address: "127.0.0.1:0" })
    return {
      service: grpcBuildService(new GrpcChannel(server.address)),
      ...services,
      prefix: "",
      remote: true,
      close: async () => {
        await server.close(5_000)
        await behind.close()
        await trees.close()
        await removeTree(folder)
      },
    }
  })
})

const node = { type: "file", digest: digestOf(utf8("x")), size: 1, executable: true } as const

/** Runs `use` on a client of a server, which builds by `build`. */
async function withServer(
  build: BuildService["build"],
  use: (client: BuildService) => Promise<void>,
  { names = "tvix", keep = () => true }: { names?: "tvix" | "snix"; keep?: (service: GrpcService) => boolean } = {},
): Promise<void> {
  const services = buildServices({ build, close: async () => {} }).filter(keep)
  const server = await serveGrpc(services, { address: "127.0.0.1:0" })
  const client = grpcBuildService(new GrpcChannel(server.address, { names }))
  try {
    await use(client)
  } finally {
    await client.close()
    await server.close(1_000)
  }
}
const textsOf = (files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, string> =>
  new Map([...files].map(([path, contents]) => [path, new TextDecoder().decode(contents)]))
const plainOnly = ({ descriptor }: GrpcService): boolean => !descriptor.typeName.startsWith("tvix_ts.")

describe("builds over gRPC", () => {
  const request = exampleRequest("", {
    inputs: new Map<string, Node>([
      ["\xff", node],
      ["b", { type: "symlink", target: "\xfe" }],
      ["a", { type: "directory", digest: node.digest, size: 3 }],
    ]),
    outputs: ["store/a-b", "store/x/b"],
    environment: new Map([
      ["z", "\xff"],
      ["PATH", "\xc3\xa9"],
    ]),
    constraints: {
      system: "m68k-linux",
      memoryMin: 2 ** 40,
      availablePaths: ["/dev/kvm"],
      network: true,
      binSh: false,
    },
    additionalFiles: new Map([
      ["build/\xc3\xa9", utf8("1")],
      ["a", new Uint8Array()],
    ]),
    needles: ["b", "a"],
  })
  const outputs = [
    { path: "store/a-b", node, needles: [1] },
    { path: "store/x/b", node: { type: "symlink", target: "\xff" } as const, needles: [0, 1] },
  ]

  for (const [what, options] of [
    ["as ours tell it", {}],
    ["as Tvix's service has it", { keep: plainOnly }],
    ["as Snix's has it", { keep: plainOnly, names: "snix" }],
  ] as const) {
    test(`requests and outputs arrive whole, ${what}`, async () => {
      await withServer(
        async (arrived) => {
          const { inputs, environment, additionalFiles, ...rest } = arrived
          const { inputs: sent, environment: variables, additionalFiles: files, ...expected } = request
          assert.deepEqual(rest, expected)
          assert.deepEqual(new Map(inputs), new Map(sent))
          assert.deepEqual(new Map(environment), new Map(variables))
          assert.deepEqual(textsOf(additionalFiles), textsOf(files))
          return outputs
        },
        async (client) => assert.deepEqual(await client.build(request), outputs),
        options,
      )
    })
  }

  const PROBLEMS: readonly BuildProblem[] = [
    { code: "invalid", field: "outputs[0]", reason: "is empty" },
    { code: "unsupported", reason: "not here" },
    { code: "start", reason: "no such file" },
    { code: "exit", status: 3 },
    { code: "signal", signal: "SIGSEGV" },
    { code: "timeout", limitMs: 4 },
    { code: "silence", limitMs: 5 },
    { code: "log-limit", limit: 6 },
    { code: "memory", limit: 2 ** 40 },
    { code: "output-missing", path: "store/out" },
    { code: "output-invalid", path: "store/out", reason: "has a socket in it" },
    { code: "disk-full", reason: "no space" },
    { code: "failed", reason: "who knows" },
  ]
  for (const problem of PROBLEMS) {
    test(`a failure arrives as it is: ${problem.code}`, async () => {
      await withServer(
        () => Promise.reject(new BuildError(problem)),
        async (client) => assert.deepEqual(await problemOf(client.build(request)), problem),
      )
    })
  }
  for (const [problem, expected] of [
    [
      { code: "exit", status: 3 },
      { code: "failed", reason: "builder failed with exit code 3" },
    ],
    [
      { code: "unsupported", reason: "not here" },
      { code: "unsupported", reason: "not here" },
    ],
  ] as const) {
    test(`of a failure, Tvix's service says: ${problem.code}`, async () => {
      await withServer(
        () => Promise.reject(new BuildError(problem)),
        async (client) => assert.deepEqual(await problemOf(client.build(request)), expected),
        { keep: plainOnly },
      )
    })
  }

  test("limits and logs arrive", async () => {
    const limits: BuildOptions = { timeoutMs: 1000, silenceMs: 2000, logBytesMax: 3000 }
    await withServer(
      async (_, { onLog, signal, ...arrived } = {}) => {
        assert.ok(signal !== undefined)
        assert.deepEqual(arrived, limits)
        for (const text of ["one", "two", "\n"]) onLog?.(utf8(text))
        return outputs
      },
      async (client) => {
        let log = ""
        await client.build(request, { ...limits, onLog: (bytes) => void (log += new TextDecoder().decode(bytes)) })
        assert.equal(log, "onetwo\n")
      },
    )
  })

  for (const [what, keep] of [
    ["of ours", () => true],
    ["of Tvix's service", plainOnly],
  ] as const) {
    test(`a build that is given up ends at a server ${what}`, async () => {
      const begun = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<void>()
      await withServer(
        (_, { signal } = {}) =>
          new Promise((_resolve, reject) => {
            signal!.addEventListener("abort", () => {
              ended.resolve()
              reject(new Error("given up"))
            })
            begun.resolve()
          }),
        async (client) => {
          const stop = new AbortController()
          const build = client.build(request, { signal: stop.signal })
          await begun.promise
          stop.abort(new Error("no more"))
          await assert.rejects(build, /no more/)
          await ended.promise
        },
        { keep },
      )
    })
  }

  test("what is no text cannot be asked for", async () => {
    await withServer(
      async () => outputs,
      async (client) => {
        const problem = await problemOf(client.build({ ...request, command: ["/bin/sh", "\xff"] }))
        assert.equal(problem.code, "unsupported")
      },
    )
  })

  for (const [what, wrong] of [
    ["too few outputs", outputs.slice(1)],
    ["outputs of other names", [outputs[1]!, outputs[0]!]],
    ["needles that there are not", [outputs[0]!, { ...outputs[1]!, needles: [2] }]],
  ] as const) {
    test(`a server is not believed that gives ${what}`, async () => {
      await withServer(
        async () => wrong,
        async (client) =>
          assert.rejects(
            client.build(request),
            (error) => error instanceof CastoreError && error.problem.code === "corrupt",
          ),
      )
    })
  }

  test("a server that is not there is said to be unavailable", async () => {
    const server = await serveGrpc([], { address: "127.0.0.1:0" })
    await server.close(1_000)
    const client = grpcBuildService(new GrpcChannel(server.address))
    await assert.rejects(
      client.build(request),
      (error) => error instanceof CastoreError && error.problem.code === "unavailable",
    )
    await client.close()
  })
})
