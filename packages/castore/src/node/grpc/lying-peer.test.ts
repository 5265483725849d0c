/** What clients say of peers that lie, stammer, or hang up. Every peer here is a server whose answers are written out. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { create, toBinary } from "@bufbuild/protobuf"
import { concat } from "@tvix-ts/bytes"
import {
  BlobChunkSchema,
  DirectorySchema,
  TvixBlobService,
  TvixDirectoryService,
  StatBlobResponse_ChunkMetaSchema,
  type StatBlobResponse_ChunkMeta,
} from "@tvix-ts/protos"
import { digestOf, type B3Digest } from "../../digest.ts"
import { encodeDirectory } from "../../directory/codec.ts"
import type { Directory } from "../../directory/service.ts"
import type { CastoreProblem } from "../../problem.ts"
import { grpcBlobService } from "./blob-client.ts"
import { encodeBlobChunk } from "./blob-chunk.ts"
import { GrpcChannel } from "./channel.ts"
import { grpcDirectoryService } from "./directory-client.ts"
import { serveGrpc } from "./server.ts"
import { clientStreaming, grpcService, serverStreaming, unary, type GrpcService } from "./service.ts"
import { GrpcFailure, GrpcStatusCode } from "./status.ts"
import { problem, withPeer } from "./testing/peer.ts"

const bytes = (length: number, seed = 0): Uint8Array => new Uint8Array(length).map((_, i) => (i * 7 + seed) & 255)
const chunkList = (...parts: readonly Uint8Array[]): StatBlobResponse_ChunkMeta[] =>
  parts.map((part) => create(StatBlobResponse_ChunkMetaSchema, { digest: digestOf(part), size: BigInt(part.length) }))

const A = bytes(1000, 1)
const B = bytes(500, 2)
const C = bytes(700, 3)
const AB = concat([A, B])

interface BlobPeer {
  /** No chunks are told of without. */
  readonly chunks?: readonly StatBlobResponse_ChunkMeta[]
  /** The messages that each call of `Read` gets, by the digest that it asks for. */
  readonly read?: (digest: B3Digest, call: number) => Iterable<Uint8Array>
  /** What `Put` answers. */
  readonly put?: Uint8Array
}

function blobPeer({ chunks = [], read = () => [], put = new Uint8Array() }: BlobPeer): GrpcService[] {
  let calls = 0
  return grpcService(
    [TvixBlobService],
    [
      unary(TvixBlobService.method.stat, async () => ({ chunks: [...chunks] })),
      serverStreaming(TvixBlobService.method.read, async function* (request) {
        yield* read(request.digest as B3Digest, calls++)
      }),
      clientStreaming(TvixBlobService.method.put, async (messages) => {
        for await (const message of messages) void message
        return { digest: put }
      }),
    ],
  )
}

/** Every case asks for {@link AB}; `got` is what may be given out before the lie is found. */
const LIES: readonly {
  readonly name: string
  readonly peer: BlobPeer
  readonly got?: number
  readonly says: RegExp
  readonly code?: CastoreProblem["code"]
}[] = [
  {
    name: "other bytes, chunks unknown",
    peer: { read: () => [encodeBlobChunk(A), encodeBlobChunk(C)] },
    says: /other contents/,
  },
  { name: "nothing at all, chunks unknown", peer: { read: () => [] }, says: /other contents/ },
  {
    name: "a second chunk that is another",
    peer: { chunks: chunkList(A, B), read: () => [encodeBlobChunk(A), encodeBlobChunk(C.subarray(0, 500))] },
    got: 1000,
    says: /chunk 1 is not/,
  },
  {
    name: "a first chunk that is another, in crumbs",
    peer: {
      chunks: chunkList(A, B),
      read: () => Array.from({ length: 1500 }, () => encodeBlobChunk(B.subarray(0, 1))),
    },
    says: /chunk 0 is not/,
  },
  {
    name: "the chunks of another blob",
    peer: { chunks: chunkList(A, C), read: () => [encodeBlobChunk(A), encodeBlobChunk(C)] },
    got: 1000,
    says: /another blob/,
  },
  {
    name: "the chunks in the wrong order",
    peer: { chunks: chunkList(B, A), read: () => [encodeBlobChunk(B), encodeBlobChunk(A)] },
    got: 500,
    says: /another blob/,
  },
  {
    name: "one chunk that is another blob",
    peer: { chunks: chunkList(C), read: () => [encodeBlobChunk(C)] },
    says: /another blob/,
  },
  {
    name: "a stream that ends too early",
    peer: { chunks: chunkList(A, B), read: () => [encodeBlobChunk(A), encodeBlobChunk(B.subarray(1))] },
    got: 1000,
    says: /ends in chunk 1 of 2/,
  },
  {
    name: "a stream that does not end",
    peer: { chunks: chunkList(A, B), read: () => [encodeBlobChunk(AB), encodeBlobChunk(C)] },
    got: 1000,
    says: /more of it than its chunks/,
  },
  {
    name: "a digest of 31 bytes",
    peer: { chunks: [{ ...chunkList(A)[0]!, digest: digestOf(A).subarray(1) }] },
    says: /digest has 31 bytes/,
  },
  { name: "an empty chunk", peer: { chunks: chunkList(A, new Uint8Array(), B) }, says: /empty chunk/ },
  {
    name: "more bytes than there are numbers",
    peer: { chunks: [{ ...chunkList(A)[0]!, size: 2n ** 63n }] },
    says: /more than 2\^53/,
  },
  {
    name: "a chunk of many gigabytes",
    peer: { chunks: [{ ...chunkList(A)[0]!, size: 2n ** 40n }], read: () => [encodeBlobChunk(C)] },
    says: /other contents/,
  },
  {
    name: "bytes that are no message",
    peer: { chunks: chunkList(A, B), read: () => [Uint8Array.of(0x0a, 0x7f, 1)] },
    says: /BlobChunk is damaged/,
  },
  {
    name: "a message that is too large",
    peer: { chunks: chunkList(A, B), read: () => [encodeBlobChunk(new Uint8Array(2 ** 24))] },
    code: "full",
    says: /larger than max/,
  },
]

for (const { name, peer, got = 0, says, code = "corrupt" } of LIES) {
  test(`a peer's ${name}`, () =>
    withPeer(blobPeer(peer), async (channel) => {
      const blobs = grpcBlobService(channel)
      const received: Uint8Array[] = []
      await assert.rejects(
        async () => {
          for await (const piece of (await blobs.read(digestOf(AB)))!) received.push(piece)
        },
        problem(code, says),
      )
      assert.deepEqual(concat(received), AB.length > got ? concat(received).slice(0, got) : AB)
      assert.equal(concat(received).length, got)
      await blobs.close()
    }))
}

/** Reads the blob [0, 256 KiB * 40) whose chunks nobody knows: too much to be held back. */
test("a large blob without known chunks is read twice, and the second reading is not believed either", async () => {
  const large = bytes(10 * 2 ** 20 + 5)
  const messages = (from: Uint8Array): Uint8Array[] =>
    Array.from({ length: 11 }, (_, i) => encodeBlobChunk(from.subarray(i * 2 ** 20, (i + 1) * 2 ** 20)))
  const other = large.slice()
  other[9 * 2 ** 20]! ^= 1
  let lies = false
  await withPeer(blobPeer({ read: (_, call) => messages(lies && call % 2 === 1 ? other : large) }), async (channel) => {
    const blobs = grpcBlobService(channel)
    const read = async (from?: number, to?: number): Promise<Uint8Array> => {
      const pieces: Uint8Array[] = []
      const range = from === undefined || to === undefined ? {} : { from, to }
      for await (const piece of (await blobs.read(digestOf(large), range))!) pieces.push(piece)
      return concat(pieces)
    }
    assert.deepEqual(digestOf(await read()), digestOf(large))
    assert.deepEqual(await read(2 ** 20 - 1, 2 ** 20 + 1), large.slice(2 ** 20 - 1, 2 ** 20 + 1))
    assert.deepEqual(await blobs.stat(digestOf(large)), {
      size: large.length,
      chunks: [{ digest: digestOf(large), size: large.length }],
    })
    lies = true
    await assert.rejects(read(), problem("corrupt", /its chunk 36 is not/))
    await blobs.close()
  })
})

test("messages that other encoders might make are read", () =>
  withPeer(
    blobPeer({
      chunks: chunkList(A, B),
      read: () => [
        new Uint8Array(),
        encodeBlobChunk(new Uint8Array()),
        // A field that we do not know, in front.
        concat([Uint8Array.of(0x10, 1), toBinary(BlobChunkSchema, create(BlobChunkSchema, { data: A }))]),
        // The last one counts.
        concat([encodeBlobChunk(C), encodeBlobChunk(B)]),
      ],
    }),
    async (channel) => {
      const blobs = grpcBlobService(channel)
      const pieces: Uint8Array[] = []
      for await (const piece of (await blobs.read(digestOf(AB)))!) pieces.push(piece)
      assert.deepEqual(concat(pieces), AB)
      await blobs.close()
    },
  ))

test("a range reads the chunks that it touches, each verified", () => {
  const asked: string[] = []
  const byDigest = new Map([A, B, C].map((part) => [Buffer.from(digestOf(part)).toString("hex"), part]))
  let lies = false
  return withPeer(
    blobPeer({
      chunks: chunkList(A, B, C),
      read: (digest) => {
        const key = Buffer.from(digest).toString("hex")
        asked.push(key)
        return [encodeBlobChunk(lies ? bytes(500, 9) : byDigest.get(key)!)]
      },
    }),
    async (channel) => {
      const blobs = grpcBlobService(channel)
      const read = async (from: number, to: number): Promise<Uint8Array> => {
        const pieces: Uint8Array[] = []
        for await (const piece of (await blobs.read(digestOf(concat([A, B, C])), { from, to }))!) pieces.push(piece)
        return concat(pieces)
      }
      assert.deepEqual(await read(999, 1502), concat([A.slice(999), B, C.slice(0, 2)]))
      assert.equal(asked.length, 3)
      assert.deepEqual(await read(1000, 1500), B)
      assert.equal(asked.length, 4)
      assert.deepEqual(await read(5000, 6000), new Uint8Array())
      assert.deepEqual(await read(10, 10), new Uint8Array())
      assert.equal(asked.length, 4)
      lies = true
      await assert.rejects(read(1000, 1500), problem("corrupt", /chunk 0 is not/))
      await blobs.close()
    },
  )
})

test("a peer that stores a blob under another digest", () =>
  withPeer(blobPeer({ put: digestOf(C) }), async (channel) => {
    const blobs = grpcBlobService(channel)
    await assert.rejects(blobs.put([A]), problem("corrupt", /under another digest/))
    const batch = blobs.batch()
    const writer = batch.blob()
    await writer.write(A)
    const digest = writer.end()
    await assert.rejects(digest, problem("corrupt", /under another digest/))
    await assert.rejects(batch.commit(), problem("corrupt", /under another digest/))
    await blobs.close()
  }))

const EMPTY_DIRECTORY: Directory = { entries: [] }
const emptyDigest = digestOf(encodeDirectory(EMPTY_DIRECTORY))
const CHILD: Directory = { entries: [["a", { type: "symlink", target: "b" }]] }
const childDigest = digestOf(encodeDirectory(CHILD))
const PARENT: Directory = { entries: [["child", { type: "directory", digest: childDigest, size: 1 }]] }
const parentDigest = digestOf(encodeDirectory(PARENT))
/** As protobuf allows it, and as no digest is of: the symlink's fields in the other order. */
const NOT_CANONICAL = Uint8Array.of(0x1a, 6, 0x12, 1, 0x62, 0x0a, 1, 0x61)

function directoryPeer(messages: readonly Uint8Array[], failure?: GrpcFailure, root = emptyDigest): GrpcService[] {
  return grpcService(
    [TvixDirectoryService],
    [
      serverStreaming(TvixDirectoryService.method.get, async function* () {
        yield* messages
        if (failure !== undefined) throw failure
      }),
      clientStreaming(TvixDirectoryService.method.put, async (received) => {
        for await (const message of received) void message
        return { rootDigest: root }
      }),
    ],
  )
}

const DIRECTORY_LIES: readonly {
  readonly name: string
  readonly messages: readonly Uint8Array[]
  readonly failure?: GrpcFailure
  readonly got?: number
  readonly asked?: B3Digest
  readonly code?: CastoreProblem["code"]
  readonly says: RegExp
}[] = [
  { name: "another directory", messages: [encodeDirectory(CHILD)], says: /which no parent mentions/ },
  {
    name: "a child before its parent",
    messages: [encodeDirectory(CHILD), encodeDirectory(PARENT)],
    says: /no parent mentions/,
  },
  {
    name: "a directory that belongs to no other",
    messages: [encodeDirectory(PARENT), encodeDirectory(EMPTY_DIRECTORY)],
    got: 1,
    says: /no parent mentions/,
  },
  { name: "tree that ends too early", messages: [encodeDirectory(PARENT)], got: 1, code: "missing", says: /below/ },
  {
    name: "tree without one of its directories",
    messages: [encodeDirectory(PARENT)],
    failure: new GrpcFailure(GrpcStatusCode.NOT_FOUND, "directory b3:x is not in the store"),
    got: 1,
    code: "missing",
    says: /directory b3:x/,
  },
  {
    name: "directory in a form that is not canonical",
    asked: digestOf(NOT_CANONICAL),
    messages: [NOT_CANONICAL],
    says: /is damaged/,
  },
  { name: "bytes that are no directory", asked: digestOf(A), messages: [A], says: /is damaged/ },
]

for (const { name, messages, failure, got = 0, asked = parentDigest, code = "corrupt", says } of DIRECTORY_LIES) {
  test(`a peer's ${name}`, () =>
    withPeer(directoryPeer(messages, failure), async (channel) => {
      const directories = grpcDirectoryService(channel)
      const received: Directory[] = []
      await assert.rejects(
        async () => {
          for await (const directory of directories.getRecursive(asked)) received.push(directory)
        },
        problem(code, says),
      )
      assert.equal(received.length, got)
      await directories.close()
    }))
}

test("a peer's other directory is found when one is asked for", () =>
  withPeer(directoryPeer([encodeDirectory(CHILD)]), async (channel) => {
    const directories = grpcDirectoryService(channel)
    await assert.rejects(directories.get(parentDigest), problem("corrupt", /another one/))
    assert.deepEqual(await directories.get(childDigest), CHILD)
    await directories.close()
  }))

test("directories that a peer sends twice are given once", () =>
  withPeer(
    directoryPeer([encodeDirectory(PARENT), encodeDirectory(CHILD), encodeDirectory(CHILD), encodeDirectory(PARENT)]),
    async (channel) => {
      const directories = grpcDirectoryService(channel)
      assert.deepEqual(await Array.fromAsync(directories.getRecursive(parentDigest)), [PARENT, CHILD])
      await directories.close()
    },
  ))

test("a peer that stores directories under another digest", () =>
  withPeer(directoryPeer([], undefined, childDigest), async (channel) => {
    const directories = grpcDirectoryService(channel)
    await assert.rejects(directories.put(EMPTY_DIRECTORY), problem("corrupt", /under another digest/))
    const putter = directories.putMultiple()
    await putter.put(CHILD)
    await putter.put(PARENT)
    await assert.rejects(putter.close(), problem("corrupt", /under another digest/))
    await directories.close()
  }))

test("a directory in our encoding is what protobuf-es makes of it", () => {
  const message = create(DirectorySchema, {
    directories: [{ name: Buffer.from("child"), digest: childDigest, size: 1n }],
  })
  assert.deepEqual(new Uint8Array(toBinary(DirectorySchema, message)), encodeDirectory(PARENT))
})

test("nobody at the address", async () => {
  const server = await serveGrpc([], { address: "127.0.0.1:0" })
  await server.close(0)
  const blobs = grpcBlobService(new GrpcChannel(server.address))
  await assert.rejects(blobs.stat(digestOf(A)), problem("unavailable", /ECONNREFUSED/))
  await assert.rejects(blobs.put([A]), problem("unavailable", /ECONNREFUSED/))
  await blobs.close()
})

test("a peer without these services", () =>
  withPeer([], async (channel) => {
    const blobs = grpcBlobService(channel)
    await assert.rejects(blobs.stat(digestOf(A)), problem("unavailable", /UNIMPLEMENTED/))
    await blobs.close()
  }))
