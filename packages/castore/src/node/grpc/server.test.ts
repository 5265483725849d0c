/** What a server does beside answering: sockets, limits, cancellation, health, reflection, and how it ends. */
import assert from "node:assert/strict"
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { once } from "node:events"
import { afterEach, beforeEach, describe, test } from "node:test"
import {
  create,
  createFileRegistry,
  fromBinary,
  toBinary,
  type DescMethod,
  type MessageShape,
} from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { Client, Metadata, credentials, status, type ServiceError } from "@grpc/grpc-js"
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  ReadBlobRequestSchema,
  ServerReflection,
  ServerReflectionAlpha,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  TvixBlobService,
} from "@tvix-ts/protos"
import type { BlobService, Contents } from "../../blob/service.ts"
import { digestOf, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import { blobServices } from "./blob-server.ts"
import { grpcBlobService } from "./blob-client.ts"
import { encodeBlobChunk } from "./blob-chunk.ts"
import { GrpcChannel } from "./channel.ts"
import { serveGrpc, type GrpcServer, type ServeOptions } from "./server.ts"

const DIGEST = digestOf(new Uint8Array(1))

/** Blobs whose contents never end, and writers that tell how they ended. */
class EndlessBlobs implements BlobService {
  reads = 0
  pieces = 0
  readEnded = Promise.withResolvers<void>()
  put_ = Promise.withResolvers<{ readonly bytes: number; readonly error: unknown }>()
  statSignal = Promise.withResolvers<AbortSignal>()

  stat(_: B3Digest, options?: { signal?: AbortSignal }): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>()
    this.statSignal.resolve(options!.signal!)
    options!.signal!.addEventListener("abort", () => reject(options!.signal!.reason))
    return promise
  }

  async read(): Promise<AsyncIterable<Uint8Array>> {
    this.reads++
    return this.#endless()
  }

  async *#endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        this.pieces++
        yield new Uint8Array(65_536)
      }
    } finally {
      this.readEnded.resolve()
    }
  }

  async put(contents: Contents): Promise<B3Digest> {
    let bytes = 0
    try {
      for await (const piece of contents) bytes += piece.length
    } catch (error) {
      this.put_.resolve({ bytes, error })
      throw error
    }
    this.put_.resolve({ bytes, error: undefined })
    return DIGEST
  }

  batch(): never {
    throw new Error("not here")
  }

  async close(): Promise<void> {
    // Nothing to close.
  }
}

let directory: string
let blobs: EndlessBlobs
const servers: GrpcServer[] = []
const clients: Client[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "grpc-"))
  blobs = new EndlessBlobs()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) await server.close(0)
  rmSync(directory, { recursive: true })
})

async function serve(options: Partial<ServeOptions> = {}): Promise<GrpcServer> {
  const server = await serveGrpc(blobServices(blobs), { address: "127.0.0.1:0", ...options })
  servers.push(server)
  return server
}

function client(address: string): Client {
  const opened = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 })
  clients.push(opened)
  return opened
}

const path = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`
const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const readRequest = toBinary(ReadBlobRequestSchema, create(ReadBlobRequestSchema, { digest: DIGEST }))

function read(from: Client, deadlineMs?: number) {
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
  const call = from.makeServerStreamRequest(path(TvixBlobService.method.read), asIs, asIs, readRequest, options)
  const failed = once(call, "error").then(([error]) => error as ServiceError)
  return { call, failed }
}

async function check(from: Client, service: string): Promise<HealthCheckResponse_ServingStatus> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }))
  from.makeUnaryRequest(path(Health.method.check), asIs, asIs, request, (error, response) =>
    error === null ? resolve(response!) : reject(error),
  )
  return fromBinary(HealthCheckResponseSchema, await promise).status
}

describe("addresses", () => {
  test("nobody there: the client says whom it wanted, and nothing of name servers", async () => {
    const socket = join(tmpdir(), "nobody-listens-here.sock")
    const blobs = grpcBlobService(new GrpcChannel(`unix:${socket}`))
    await assert.rejects(blobs.stat(digestOf(new Uint8Array())), {
      message: `unix:${socket}: no connection, connect ENOENT ${socket}`,
    })
    await blobs.close()
  })

  test("a port that is free", async () => {
    const { address } = await serve()
    assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/)
    assert.equal(await check(client(address), ""), HealthCheckResponse_ServingStatus.SERVING)
  })

  test("a port that is taken", async () => {
    const { address } = await serve()
    await assert.rejects(serve({ address }), unavailable(/EADDRINUSE/))
  })

  test("a socket that only its owner can use, and that is gone afterwards", async () => {
    const socket = join(directory, "s")
    const server = await serve({ address: `unix:${socket}` })
    assert.equal(server.address, `unix:${socket}`)
    assert.equal(statSync(socket).mode & 0o777, 0o600)
    assert.equal(await check(client(server.address), ""), HealthCheckResponse_ServingStatus.SERVING)
    await server.close(0)
    assert.equal(existsSync(socket), false)
  })

  test("a socket that somebody listens at is left to them", async () => {
    const address = `unix:${join(directory, "s")}`
    await serve({ address })
    await assert.rejects(serve({ address }), unavailable(/somebody else is listening/))
    assert.equal(await check(client(address), ""), HealthCheckResponse_ServingStatus.SERVING)
  })

  test("a socket that was left behind is replaced", async () => {
    const socket = join(directory, "s")
    const dead = createServer().listen(socket)
    await once(dead, "listening")
    // A hard link keeps the name when the server takes its own away.
    const { linkSync, renameSync } = await import("node:fs")
    linkSync(socket, join(directory, "kept"))
    dead.close()
    renameSync(join(directory, "kept"), socket)
    const { address } = await serve({ address: `unix:${socket}` })
    assert.equal(await check(client(address), ""), HealthCheckResponse_ServingStatus.SERVING)
  })

  test("a file in the place of a socket is left alone", async () => {
    const file = join(directory, "s")
    writeFileSync(file, "precious")
    await assert.rejects(serve({ address: `unix:${file}` }), unavailable(/something else/))
    assert.equal(existsSync(file), true)
  })

  test("a path that is too long for a socket", async () => {
    await assert.rejects(
      serve({ address: `unix:${join(directory, "s".repeat(100))}` }),
      unavailable(/not be that long/),
    )
  })
})

describe("calls that end early", () => {
  test("a client that stops reading is not waited for, and nothing more is read for it", async () => {
    const { address } = await serve()
    const { call, failed } = read(client(address))
    await once(call, "readable")
    call.cancel()
    assert.equal((await failed).code, status.CANCELLED)
    await blobs.readEnded.promise
  })

  test("a client that does not take what it asked for stops the reading, not the server", async () => {
    const { address } = await serve()
    const { call, failed } = read(client(address))
    await once(call, "readable")
    // Calls that come later are answered all the same, and the reading goes no further than the windows.
    const other = client(address)
    let last = -1
    while (last !== blobs.pieces) {
      last = blobs.pieces
      for (let i = 0; i < 20; i++) await check(other, "")
    }
    assert(blobs.pieces < 400, `${blobs.pieces} pieces of 64 KiB were read for somebody who takes none`)
    call.cancel()
    await failed
    await blobs.readEnded.promise
  })

  test("a deadline that passes", async () => {
    const { address } = await serve()
    const { call, failed } = read(client(address), 50)
    call.resume()
    assert.equal((await failed).code, status.DEADLINE_EXCEEDED)
    await blobs.readEnded.promise
  })

  test("a signal that is aborted gives its reason, and ends the work of the peer", async () => {
    const { address } = await serve()
    const service = grpcBlobService(new GrpcChannel(address))
    const reason = new Error("enough")
    const controller = new AbortController()
    const meta = service.stat(DIGEST, { signal: controller.signal })
    const atServer = await blobs.statSignal.promise
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    atServer.addEventListener("abort", () => resolve())
    controller.abort(reason)
    await assert.rejects(meta, (error) => error === reason)
    await ended
    await assert.rejects(service.stat(DIGEST, { signal: controller.signal }), (error) => error === reason)
    await assert.rejects(service.put([], { signal: controller.signal }), (error) => error === reason)
    await service.close()
  })

  test("a channel with a deadline for every call", async () => {
    const { address } = await serve()
    const service = grpcBlobService(new GrpcChannel(address, { deadlineMs: 20 }))
    await assert.rejects(service.stat(DIGEST), unavailable(/DEADLINE_EXCEEDED/))
    const atServer = await blobs.statSignal.promise
    if (!atServer.aborted) await new Promise<void>((done) => atServer.addEventListener("abort", () => done()))
    await service.close()
  })

  test("a put that is given up", async () => {
    const { address } = await serve()
    const service = grpcBlobService(new GrpcChannel(address))
    const reason = new Error("enough")
    const controller = new AbortController()
    const contents = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i++) {
        if (i === 10) controller.abort(reason)
        yield new Uint8Array(2 ** 20)
      }
    }
    await assert.rejects(service.put(contents(), { signal: controller.signal }), (error) => error === reason)
    assert.notEqual((await blobs.put_.promise).error, undefined)
    await service.close()
  })

  test("a put whose contents fail", async () => {
    const { address } = await serve()
    const service = grpcBlobService(new GrpcChannel(address))
    const reason = new Error("the disk is gone")
    const contents = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 5; i++) yield new Uint8Array(2 ** 20)
      throw reason
    }
    await assert.rejects(service.put(contents()), (error) => error === reason)
    assert.notEqual((await blobs.put_.promise).error, undefined)
    await service.close()
  })

  test("a connection that is cut in the middle of a put is not the end of the blob", async () => {
    const { address } = await serve()
    const { port, cut, close } = await proxy(Number(address.split(":")[1]))
    const service = grpcBlobService(new GrpcChannel(`127.0.0.1:${port}`))
    const contents = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 100; i++) {
        if (i === 20) cut()
        yield new Uint8Array(2 ** 20)
      }
    }
    await assert.rejects(service.put(contents()), unavailable(/./))
    assert.notEqual((await blobs.put_.promise).error, undefined)
    await service.close()
    close()
  })

  test("a connection that is cut in the middle of a read is not the end of it", async () => {
    const { address } = await serve()
    const { port, cut, close } = await proxy(Number(address.split(":")[1]))
    const { call, failed } = read(client(`127.0.0.1:${port}`))
    call.once("data", cut)
    assert.equal((await failed).code, status.UNAVAILABLE)
    await blobs.readEnded.promise
    close()
  })
})

describe("limits", () => {
  test("calls beyond the limit are refused, and taken again when others have ended", async () => {
    const { address } = await serve({ limits: { callsMax: 2 } })
    const from = client(address)
    const [first, second] = [read(from), read(from)]
    await Promise.all([once(first.call, "readable"), once(second.call, "readable")])
    const refused = read(from)
    refused.call.resume()
    const error = await refused.failed
    assert.equal(error.code, status.RESOURCE_EXHAUSTED)
    assert.match(error.details, /2 calls already/)
    // A busy server still says how it is.
    assert.equal(await check(from, ""), HealthCheckResponse_ServingStatus.SERVING)
    first.call.cancel()
    await first.failed
    await blobs.readEnded.promise
    const third = read(from)
    await once(third.call, "readable")
    for (const { call, failed } of [second, third]) {
      call.cancel()
      await failed
    }
  })

  test("a message that is too large", async () => {
    const { address } = await serve({ limits: { messageBytesMax: 1000 } })
    const { promise, resolve } = Promise.withResolvers<ServiceError | null>()
    const call = client(address).makeClientStreamRequest(path(TvixBlobService.method.put), asIs, asIs, resolve)
    call.write(encodeBlobChunk(new Uint8Array(1000)))
    assert.equal((await promise)?.code, status.RESOURCE_EXHAUSTED)
  })

  test("more streams than a connection may have are not begun", async () => {
    const { address } = await serve({ limits: { streamsPerConnectionMax: 1 } })
    const from = client(address)
    const first = read(from)
    await once(first.call, "readable")
    const second = read(from)
    for (let i = 0; i < 5; i++) await check(client(address), "")
    assert.equal(blobs.reads, 1)
    for (const { call, failed } of [second, first]) {
      call.cancel()
      await failed
    }
  })
})

describe("the end of a server", () => {
  test("running calls end by themselves if there is time", async () => {
    const server = await serve()
    const from = client(server.address)
    const { promise, resolve } = Promise.withResolvers<ServiceError | null>()
    const call = from.makeClientStreamRequest(path(TvixBlobService.method.put), asIs, asIs, resolve)
    call.write(encodeBlobChunk(new Uint8Array(10)))
    await check(from, "")
    const closed = server.close(5_000)
    call.write(encodeBlobChunk(new Uint8Array(5)))
    call.end()
    assert.equal(await promise, null)
    assert.deepEqual(await blobs.put_.promise, { bytes: 15, error: undefined })
    await closed
  })

  test("calls that do not end are cut off", async () => {
    const server = await serve()
    const { call, failed } = read(client(server.address))
    await once(call, "readable")
    call.resume()
    await server.close(10)
    // grpc-js says the one or the other.
    assert([status.UNAVAILABLE, status.CANCELLED].includes((await failed).code))
    await blobs.readEnded.promise
  })
})

describe("health", () => {
  test("every service, and one that there is not", async () => {
    const from = client((await serve()).address)
    for (const service of ["", "tvix.castore.v1.BlobService", "snix.castore.v1.BlobService", "grpc.health.v1.Health"]) {
      assert.equal(await check(from, service), HealthCheckResponse_ServingStatus.SERVING)
    }
    await assert.rejects(check(from, "no.Such"), (error: ServiceError) => error.code === status.NOT_FOUND)
  })

  for (const [service, ...expected] of [
    ["", "SERVING", "NOT_SERVING"],
    ["no.Such", "SERVICE_UNKNOWN"],
  ] as const) {
    test(`watching '${service}' until the end`, async () => {
      const server = await serve()
      const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }))
      const call = client(server.address).makeServerStreamRequest(path(Health.method.watch), asIs, asIs, request)
      const seen: (string | undefined)[] = []
      let closed: Promise<void> | undefined
      for await (const message of call) {
        const { status } = fromBinary(HealthCheckResponseSchema, message as Buffer)
        seen.push(HealthCheckResponseSchema.field.status.enum?.value[status]?.name)
        closed ??= server.close(5_000)
      }
      assert.deepEqual(seen, expected)
      await closed
    })
  }
})

for (const service of [ServerReflection, ServerReflectionAlpha]) {
  describe(service.typeName, () => {
    type Request = NonNullable<MessageShape<typeof ServerReflectionRequestSchema>["messageRequest"]>
    type Response = MessageShape<typeof ServerReflectionResponseSchema>["messageResponse"]

    async function ask(...requests: Request[]): Promise<Response[]> {
      const call = client((await serve()).address).makeBidiStreamRequest(
        path(service.methods[0]!),
        asIs,
        asIs,
        new Metadata(),
      )
      for (const messageRequest of requests) {
        call.write(toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, { messageRequest })))
      }
      call.end()
      const messages: Buffer[] = await Array.fromAsync(call)
      return messages.map((message) => fromBinary(ServerReflectionResponseSchema, message).messageResponse)
    }

    test("lists the services", async () => {
      const [answer] = await ask({ case: "listServices", value: "" })
      assert(answer?.case === "listServicesResponse")
      assert.deepEqual(answer.value.service.map(({ name }) => name).sort(), [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "snix.castore.v1.BlobService",
        "tvix.castore.v1.BlobService",
      ])
    })

    test("gives files from which the services can be built again", async () => {
      for (const [symbol, type] of [
        ["tvix.castore.v1.BlobService", "tvix.castore.v1.BlobService"],
        ["snix.castore.v1.BlobService.Stat", "snix.castore.v1.BlobService"],
        ["tvix.castore.v1.StatBlobResponse.ChunkMeta", "tvix.castore.v1.StatBlobResponse.ChunkMeta"],
        ["tvix.castore.v1.BlobChunk.data", "tvix.castore.v1.BlobChunk"],
        ["grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc.health.v1.HealthCheckResponse.ServingStatus"],
      ] as const) {
        const [answer] = await ask({ case: "fileContainingSymbol", value: symbol })
        assert(answer?.case === "fileDescriptorResponse", symbol)
        const file = answer.value.fileDescriptorProto.map((proto) => fromBinary(FileDescriptorProtoSchema, proto))
        const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }))
        assert.equal(registry.get(type)?.typeName, type)
      }
    })

    test("answers in order, and says what there is not", async () => {
      const answers = await ask(
        { case: "fileByFilename", value: "tvix/castore/v1/blob_service.proto" },
        { case: "fileByFilename", value: "no/such.proto" },
        { case: "fileContainingSymbol", value: "no.Such" },
        { case: "allExtensionNumbersOfType", value: "tvix.castore.v1.BlobChunk" },
        { case: "allExtensionNumbersOfType", value: "no.Such" },
        { case: undefined },
      )
      assert.deepEqual(
        answers.map((answer) => (answer.case === "errorResponse" ? answer.value.errorCode : answer.case)),
        [
          "fileDescriptorResponse",
          status.NOT_FOUND,
          status.NOT_FOUND,
          "allExtensionNumbersResponse",
          status.NOT_FOUND,
          status.INVALID_ARGUMENT,
        ],
      )
    })
  })
}

function unavailable(says: RegExp) {
  return (error: unknown): true => {
    assert(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, "unavailable", error.message)
    assert.match(error.message, says)
    return true
  }
}

/** Hands bytes on between a client and the server, until it is told to cut the line. */
async function proxy(to: number): Promise<{ port: number; cut: () => void; close: () => void }> {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1")
    sockets.push(near, far)
    for (const socket of [near, far]) socket.on("error", () => undefined)
    near.pipe(far).pipe(near)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () => {
      cut()
      server.close()
    },
  }
}
