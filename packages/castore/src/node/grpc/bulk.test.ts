/** Many small blobs in one call: how they gather, what clients say of peers that lie, and servers of bad requests. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { concat, utf8 } from "@tvix-ts/bytes"
import {
  BulkBlobService,
  BulkPutRequestSchema,
  BulkReadRequestSchema,
  BulkReadResponseSchema,
  type BulkReadResponse_BlobSchema,
} from "@tvix-ts/protos"
import { toBinary } from "@bufbuild/protobuf"
import { memoryBlobService } from "../../blob/memory.ts"
import type { BlobService } from "../../blob/service.ts"
import { digestOf, type B3Digest } from "../../digest.ts"
import { noise } from "../../testing/bytes.ts"
import { grpcBlobService } from "./blob-client.ts"
import { blobServices } from "./blob-server.ts"
import { bulkServices } from "./bulk-server.ts"
import { BULK_BLOB_BYTES_MAX } from "./bulk.ts"
import { grpcService, serverStreaming, unary, type GrpcService } from "./service.ts"
import { fromStatus, GrpcFailure, GrpcStatusCode } from "./status.ts"
import { problem, withPeer } from "./testing/peer.ts"

const { read, put } = BulkBlobService.method

const A = utf8("a")
const B = utf8("the other")
const LARGE = noise(BULK_BLOB_BYTES_MAX + 1, 7)
const MISSING = digestOf(utf8("missing"))

/** A store with some blobs, and the calls that are made of it by their names. */
async function watchedPeer(): Promise<{ readonly services: GrpcService[]; readonly calls: string[] }> {
  const blobs = memoryBlobService()
  for (const contents of [A, B, LARGE, new Uint8Array()]) await blobs.put([contents])
  const calls: string[] = []
  const services = [...blobServices(blobs), ...bulkServices(blobs)].map((service): GrpcService => ({
    ...service,
    implementation: (hooks) =>
      service.implementation({
        ...hooks,
        gate: { enter: () => void calls.push(service.descriptor.name), leave: () => undefined },
      }),
  }))
  return { services, calls }
}

async function contents(blobs: BlobService, digest: B3Digest): Promise<Uint8Array | undefined> {
  const pieces = await blobs.read(digest)
  return pieces === undefined ? undefined : concat(await Array.fromAsync(pieces))
}

test("what is asked for in one moment goes in one call, and large blobs in calls of their own", async () => {
  const { services, calls } = await watchedPeer()
  await withPeer(services, async (channel) => {
    const blobs = grpcBlobService(channel)
    const asked = [A, B, new Uint8Array(), A].map(digestOf)
    assert.deepEqual(await Promise.all([...asked, MISSING].map((digest) => contents(blobs, digest))), [
      A,
      B,
      new Uint8Array(),
      A,
      undefined,
    ])
    assert.deepEqual(calls.splice(0), ["BulkBlobService"])
    const metas = await Promise.all([...asked, digestOf(LARGE), MISSING].map((digest) => blobs.stat(digest)))
    assert.deepEqual(
      metas.map((meta) => meta?.size),
      [A.length, B.length, 0, A.length, LARGE.length, undefined],
    )
    assert.deepEqual(calls.splice(0), ["BulkBlobService"])
    assert.deepEqual(await contents(blobs, digestOf(LARGE)), LARGE)
    assert.deepEqual(calls.splice(0), ["BulkBlobService", "BlobService"])
    const batch = blobs.batch()
    const digests = await Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const writer = batch.blob()
        void writer.write(utf8(`blob ${i}`))
        return writer.end()
      }),
    )
    await batch.commit()
    assert.deepEqual(calls.splice(0), ["BulkBlobService"])
    assert.deepEqual(await contents(blobs, digests[42]!), utf8("blob 42"))
    await blobs.close()
  })
})

type Blob = MessageInitShape<typeof BulkReadResponse_BlobSchema>
const blob = (value: Uint8Array): Blob => ({ found: { case: "contents", value } })

/** A peer that has what it has, and says what it is told to when it is asked for many. */
async function lyingPeer(answers: readonly Blob[], failure?: GrpcFailure): Promise<GrpcService[]> {
  const honest = memoryBlobService()
  await honest.put([A])
  await honest.put([B])
  return [
    ...blobServices(honest),
    ...grpcService(
      [BulkBlobService],
      [
        serverStreaming(read, async function* () {
          yield toBinary(BulkReadResponseSchema, create(BulkReadResponseSchema, { blobs: [...answers] }))
          if (failure !== undefined) throw failure
        }),
        unary(put, async () => {
          if (failure !== undefined) throw failure
          return { digests: concat([digestOf(A), digestOf(A)]) }
        }),
      ],
    ),
  ]
}

const failure = new GrpcFailure(GrpcStatusCode.DATA_LOSS, "one of them is broken")

for (const { name, answers, fails, says } of [
  { name: "other contents", answers: [blob(A), blob(A)], fails: undefined, says: /peer sent other contents/ },
  { name: "a second that does not come", answers: [blob(A)], fails: undefined, says: undefined },
  { name: "a failure after the first", answers: [blob(A)], fails: failure, says: undefined },
  { name: "more than was asked for", answers: [blob(A), blob(B), blob(A)], fails: undefined, says: undefined },
]) {
  test(`two blobs of a peer: ${name}`, async () =>
    withPeer(await lyingPeer(answers, fails), async (channel) => {
      const blobs = grpcBlobService(channel)
      const [first, second] = [contents(blobs, digestOf(A)), contents(blobs, digestOf(B))]
      second.catch(() => undefined)
      assert.deepEqual(await first, A)
      // What the call did not tell is asked for by itself.
      if (says === undefined) assert.deepEqual(await second, B)
      else await assert.rejects(second, problem("corrupt", says))
      await blobs.close()
    }))
}

test("a peer that stores one of two under another digest", async () =>
  withPeer(await lyingPeer([]), async (channel) => {
    const blobs = grpcBlobService(channel)
    const batch = blobs.batch()
    const digests = [A, B].map((bytes) => {
      const writer = batch.blob()
      void writer.write(bytes)
      return writer.end()
    })
    const [first, second] = await Promise.allSettled(digests)
    assert.deepEqual(first, { status: "fulfilled", value: digestOf(A) })
    assert.equal(second?.status, "rejected")
    await assert.rejects(batch.commit(), problem("corrupt", /under another digest/))
    await batch.commit()
    await blobs.close()
  }))

test("a peer that cannot store them", async () =>
  withPeer(await lyingPeer([], failure), async (channel) => {
    const blobs = grpcBlobService(channel)
    const batch = blobs.batch()
    void batch
      .blob()
      .end()
      .catch(() => undefined)
    await assert.rejects(batch.commit(), problem("corrupt", /one of them is broken/))
    await blobs.close()
  }))

test("who gives up does not wait, and the peer is told when nobody waits any more", async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<AbortSignal>()
  const peer = grpcService(
    [BulkBlobService],
    [
      serverStreaming(read, async function* (_, { signal }) {
        arrive(signal)
        yield toBinary(BulkReadResponseSchema, create(BulkReadResponseSchema, { blobs: [blob(A)] }))
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
      }),
    ],
  )
  await withPeer(peer, async (channel) => {
    const blobs = grpcBlobService(channel)
    const [one, other] = [new AbortController(), new AbortController()]
    const [first, second, third] = [
      contents(blobs, digestOf(A)),
      blobs.read(digestOf(B), { signal: one.signal }),
      blobs.read(digestOf(LARGE), { signal: other.signal }),
    ]
    third.catch(() => undefined)
    assert.deepEqual(await first, A)
    const atPeer = await arrived
    const reason = new Error("enough")
    one.abort(reason)
    await assert.rejects(second, (error) => error === reason)
    assert.equal(atPeer.aborted, false)
    const ended = new Promise<void>((resolve) => atPeer.addEventListener("abort", () => resolve()))
    other.abort(reason)
    await assert.rejects(third, (error) => error === reason)
    await ended
    await blobs.close()
  })
})

test("requests that are none", async () => {
  const { services } = await watchedPeer()
  await withPeer(services, async (channel) => {
    const release = channel.use()
    for (const [length, says] of [
      [31, /^digests: 31 bytes/],
      [33, /^digests: 33 bytes/],
      [32 * 1025, /^digests: 1025 of them/],
    ] as const) {
      const request = create(BulkReadRequestSchema, { digests: new Uint8Array(length), contentsMax: 1n })
      await assert.rejects(Array.fromAsync(channel.serverStream(read, request)), (error) =>
        problem("invalid", says)(fromStatus(error)),
      )
    }
    const nothing = await channel.unary(put, create(BulkPutRequestSchema, {}))
    assert.equal(nothing.digests.length, 0)
    release()
  })
})
