/** Builds by the Remote Execution API, against a small service of it. */
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import { GrpcChannel } from "@tvix-ts/castore/node"
import type { BuildService } from "../../service.ts"
import {
  exampleRequest,
  problemOf,
  showTree,
  storeExample,
  testBuildService,
  type Lack,
} from "../../testing/build-service.ts"
import { serveReapi, type ReapiServer } from "../../testing/reapi-server.ts"
import { describeSandboxed } from "../../testing/sandboxed.ts"
import { reapiBuildService } from "./service.ts"

/** What the protocol cannot say, or workers do not. */
const LACKS: readonly Lack[] = [
  "bytes that are no text",
  "saying what cannot be started",
  "a first word that is not the path",
  "saying what is no part of a tree",
  "the permissions and times of inputs",
  "telling a log as it comes",
  "limits of a log",
  "a log that cannot be cut off",
]

// Of a service that runs already: `127.0.0.1:50051`, say of buildbox-casd with --buildbox-run.
const address = process.env["REAPI_ADDRESS"]
if (address !== undefined) {
  testBuildService(
    address,
    async () => {
      const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
      const service = reapiBuildService({ ...services, channel: new GrpcChannel(address) })
      return { service, ...services, prefix: "", remote: true }
    },
    { lacks: LACKS },
  )
}

describeSandboxed("remote execution", () => {
  testBuildService(
    "Remote Execution API",
    async () => {
      const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
      const server = await serveReapi()
      return {
        service: reapiBuildService({ ...services, channel: new GrpcChannel(server.address) }),
        ...services,
        prefix: "",
        remote: true,
        close: () => server.close(),
      }
    },
    { lacks: LACKS },
  )

  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  let server: ReapiServer
  let service: BuildService
  before(async () => {
    server = await serveReapi()
    service = reapiBuildService({ ...services, channel: new GrpcChannel(server.address) })
  })
  after(async () => {
    await service.close()
    await server.close()
  })

  test("executes the same once", async () => {
    const inputs = new Map([["in", await storeExample({ a: { b: "1" }, l: { link: "a" } }, services)]])
    const request = exampleRequest("", { script: "echo said; cp -r $store/in $out", inputs })
    const logs: string[] = []
    for (let i = 0; i < 2; i++) {
      const onLog = (bytes: Uint8Array): void => void logs.push(new TextDecoder().decode(bytes))
      const [output] = await service.build(request, { onLog })
      assert.deepEqual(await showTree(output!.node, services), ["/", "a/", "a/b: 1", "l -> a"])
    }
    assert.equal(server.executed, 1)
    assert.deepEqual(logs, ["said\n", "said\n"])
  })

  test("executes again what failed", async () => {
    const { executed } = server
    const request = exampleRequest("", { script: "exit 1" })
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await problemOf(service.build(request)), { code: "exit", status: 1 })
    }
    assert.equal(server.executed, executed + 2)
  })

  test("goes on waiting for an operation whose stream broke", async () => {
    const { executed } = server
    server.breaking = 2
    const [output] = await service.build(exampleRequest("", { script: "echo 2 >$out" }))
    assert.deepEqual(await showTree(output!.node, services), [": 2\n"])
    assert.equal(server.executed, executed + 1)
    assert.equal(server.breaking, 0)
  })

  test("begins anew what a service has forgotten that was started again", async () => {
    const { executed } = server
    server.breaking = 1
    server.forgetting = true
    try {
      const [output] = await service.build(exampleRequest("", { script: "echo 3 >$out" }))
      assert.deepEqual(await showTree(output!.node, services), [": 3\n"])
      assert.equal(server.executed, executed + 2)
    } finally {
      server.forgetting = false
    }
  })

  test("executes again what is remembered, but not kept", async () => {
    const inputs = new Map([["in", await storeExample("kept here\n", services)]])
    for (const script of ["echo said; cp $store/in $out", "echo said; mkdir $out; cp $store/in $out/a"]) {
      const request = exampleRequest("", { script, inputs })
      await service.build(request)
      server.forgetBlobs()
      const { executed } = server
      let log = ""
      const [output] = await service.build(request, { onLog: (bytes) => (log += new TextDecoder().decode(bytes)) })
      assert.match((await showTree(output!.node, services)).join(), /: kept here\n$/)
      assert.equal(server.executed, executed + 1)
      assert.equal(log, "said\n")
    }
  })

  test("sends and fetches what does not go into one message", async () => {
    const large = "0123456789abcdef".repeat(2 ** 18)
    const inputs = new Map([["large", await storeExample(large, services)]])
    const [output] = await service.build(exampleRequest("", { script: "cat $store/large $store/large >$out", inputs }))
    assert.equal(output!.node.type === "file" && output!.node.size, 2 * large.length)
    const [line] = await showTree(output!.node, services)
    assert.equal(line, `: ${large}${large}`)
  })

  test("refuses the network, which workers are not known to have", async () => {
    const { constraints } = exampleRequest("", {})
    const request = exampleRequest("", { constraints: { ...constraints, network: true } })
    assert.equal((await problemOf(service.build(request))).code, "unsupported")
  })
})
