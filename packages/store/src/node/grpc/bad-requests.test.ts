/** What clients that do not know better are told: the status codes of gRPC, and the field that is wrong. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { after, before, describe, test } from "node:test"
import { create, toBinary, type DescMessage, type DescMethod, type MessageInitShape } from "@bufbuild/protobuf"
import { utf8 } from "@tvix-ts/bytes"
import { digestOf, encodeDirectory, type Directory, type Node } from "@tvix-ts/castore"
import { Client, credentials, status, type ServiceError } from "@grpc/grpc-js"
import {
  BlobChunkSchema,
  DirectorySchema,
  NARInfo_CA_Hash,
  PathInfoSchema,
  TvixBlobService,
  TvixDirectoryService,
  TvixPathInfoService,
} from "@tvix-ts/protos"
import type { GrpcServer } from "@tvix-ts/castore/node"
import { calculateNar } from "../../nar/calculate.ts"
import { messageOfNode } from "../../path-info/node-message.ts"
import { memoryStore } from "../../store.ts"
import { serveStore } from "./server.ts"

const blob = TvixBlobService.method
const directory = TvixDirectoryService.method
const pathInfo = TvixPathInfoService.method

const THERE = utf8("there")
const there: Node = { type: "file", digest: digestOf(THERE), size: THERE.length, executable: false }
const NOWHERE = digestOf(utf8("nowhere"))
const BASE_NAME = "00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432"
const CHILD: Directory = { entries: [["link", { type: "symlink", target: "target" }]] }
const childDigest = digestOf(encodeDirectory(CHILD))
const CHILD_MESSAGE = { symlinks: [{ name: utf8("link"), target: utf8("target") }] }
const PARENT_MESSAGE = { directories: [{ name: utf8("child"), digest: childDigest, size: 1n }] }
const archive = await calculateNar(there, {
  blobs: { read: async () => toAsync([THERE]) },
} as unknown as Parameters<typeof calculateNar>[1])

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

type Narinfo = NonNullable<MessageInitShape<typeof PathInfoSchema>["narinfo"]>
/** A path info that is right but for what a case changes. */
function info(changes: MessageInitShape<typeof PathInfoSchema>, narinfo: Narinfo = {}): Uint8Array {
  return message(PathInfoSchema, {
    node: messageOfNode(there, BASE_NAME),
    narinfo: { narSize: BigInt(archive.narSize), narSha256: archive.narHash, ...narinfo },
    ...changes,
  } as MessageInitShape<typeof PathInfoSchema>)
}

function message<D extends DescMessage>(schema: D, fields: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, fields))
}

const dir = (fields: MessageInitShape<typeof DirectorySchema>): Uint8Array => message(DirectorySchema, fields)
const file = (name: string) => ({ name: utf8(name), digest: NOWHERE, size: 1n })
const GARBAGE = Uint8Array.of(0xff, 0xff, 0xff)

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, OK } = status

/** What is sent to a method, and how the call ends. */
const CASES: readonly [name: string, method: DescMethod, sent: readonly Uint8Array[], code: status, says: RegExp][] = [
  [
    "a digest of 31 bytes",
    blob.stat,
    [message(blob.stat.input, { digest: NOWHERE.subarray(1) })],
    INVALID_ARGUMENT,
    /^digest: .*31/,
  ],
  ["no digest", blob.stat, [message(blob.stat.input, {})], INVALID_ARGUMENT, /^digest: /],
  ["a blob that is not there", blob.stat, [message(blob.stat.input, { digest: NOWHERE })], NOT_FOUND, /blob b3:/],
  ["a request that is none", blob.stat, [GARBAGE], INVALID_ARGUMENT, /^StatBlobRequest: /],
  [
    "a digest of 33 bytes",
    blob.read,
    [message(blob.read.input, { digest: new Uint8Array(33) })],
    INVALID_ARGUMENT,
    /^digest: /,
  ],
  ["a blob that is not there", blob.read, [message(blob.read.input, { digest: NOWHERE })], NOT_FOUND, /blob b3:/],
  [
    "a chunk that is none",
    blob.put,
    [message(BlobChunkSchema, { data: THERE }), GARBAGE],
    INVALID_ARGUMENT,
    /^BlobChunk: /,
  ],
  ["nothing at all, which is the empty blob", blob.put, [], OK, /^$/],

  ["no by_what", directory.get, [message(directory.get.input, {})], INVALID_ARGUMENT, /^by_what: /],
  [
    "a short digest",
    directory.get,
    [message(directory.get.input, { byWhat: { case: "digest", value: new Uint8Array(3) } })],
    INVALID_ARGUMENT,
    /^digest: /,
  ],
  [
    "one that is not there",
    directory.get,
    [message(directory.get.input, { byWhat: { case: "digest", value: NOWHERE } })],
    NOT_FOUND,
    /directory b3:/,
  ],
  [
    "a tree that is not there",
    directory.get,
    [message(directory.get.input, { byWhat: { case: "digest", value: NOWHERE }, recursive: true })],
    NOT_FOUND,
    /directory b3:/,
  ],
  ["nothing at all", directory.put, [], INVALID_ARGUMENT, /there are none/],
  ["a directory that is none", directory.put, [GARBAGE], INVALID_ARGUMENT, /^\[0\]/],
  ["a name with a slash", directory.put, [dir({ files: [file("a/b")] })], INVALID_ARGUMENT, /files\[0\]\.name/],
  ["a name with a NUL", directory.put, [dir({ files: [file("a\0")] })], INVALID_ARGUMENT, /files\[0\]\.name/],
  ["an empty name", directory.put, [dir({ files: [file("")] })], INVALID_ARGUMENT, /files\[0\]\.name/],
  ["the name '.'", directory.put, [dir({ files: [file(".")] })], INVALID_ARGUMENT, /files\[0\]\.name/],
  ["the name '..'", directory.put, [dir({ files: [file("..")] })], INVALID_ARGUMENT, /files\[0\]\.name/],
  ["names out of order", directory.put, [dir({ files: [file("b"), file("a")] })], INVALID_ARGUMENT, /files\[1\]\.name/],
  ["a name twice", directory.put, [dir({ files: [file("a"), file("a")] })], INVALID_ARGUMENT, /files\[1\]\.name/],
  [
    "a name twice in different lists",
    directory.put,
    [dir({ files: [file("link")], ...CHILD_MESSAGE })],
    INVALID_ARGUMENT,
    /symlinks\[0\]\.name/,
  ],
  [
    "a short digest",
    directory.put,
    [dir({ files: [{ ...file("a"), digest: new Uint8Array(31) }] })],
    INVALID_ARGUMENT,
    /files\[0\]\.digest/,
  ],
  [
    "an empty target",
    directory.put,
    [dir({ symlinks: [{ name: utf8("a") }] })],
    INVALID_ARGUMENT,
    /symlinks\[0\]\.target/,
  ],
  [
    "a size that overflows",
    directory.put,
    [dir({ directories: [{ name: utf8("a"), digest: NOWHERE, size: 2n ** 64n - 1n }] })],
    INVALID_ARGUMENT,
    /2\^53 - 1/,
  ],
  [
    "the parent first",
    directory.put,
    [dir(PARENT_MESSAGE), dir(CHILD_MESSAGE)],
    INVALID_ARGUMENT,
    /was not put before/,
  ],
  ["a parent without its child", directory.put, [dir(PARENT_MESSAGE)], INVALID_ARGUMENT, /was not put before/],
  [
    "a wrong size of a child",
    directory.put,
    [dir(CHILD_MESSAGE), dir({ directories: [{ ...PARENT_MESSAGE.directories[0]!, size: 7n }] })],
    INVALID_ARGUMENT,
    /\.size/,
  ],
  ["two roots", directory.put, [dir(CHILD_MESSAGE), dir({ files: [file("a")] })], INVALID_ARGUMENT, /part of the tree/],
  [
    "the second of them wrong, which it says",
    directory.put,
    [dir(CHILD_MESSAGE), dir({ files: [file("")] })],
    INVALID_ARGUMENT,
    /^\[1\]\.files\[0\]\.name/,
  ],
  ["a tree in order", directory.put, [dir(CHILD_MESSAGE), dir(PARENT_MESSAGE)], OK, /^$/],

  ["no by_what", pathInfo.get, [message(pathInfo.get.input, {})], INVALID_ARGUMENT, /^by_what: /],
  [
    "a hash of 19 bytes",
    pathInfo.get,
    [message(pathInfo.get.input, { byWhat: { case: "byOutputHash", value: new Uint8Array(19) } })],
    INVALID_ARGUMENT,
    /^by_output_hash: .*19/,
  ],
  [
    "one that is not there",
    pathInfo.get,
    [message(pathInfo.get.input, { byWhat: { case: "byOutputHash", value: new Uint8Array(20) } })],
    NOT_FOUND,
    /path info/,
  ],
  ["no node", pathInfo.put, [info({ node: {} })], INVALID_ARGUMENT, /^node: /],
  [
    "a name that is no store path",
    pathInfo.put,
    [info({ node: messageOfNode(there, "hello") })],
    INVALID_ARGUMENT,
    /^node\.name: /,
  ],
  [
    "a short digest of the node",
    pathInfo.put,
    [info({ node: { node: { case: "file", value: { name: utf8(BASE_NAME), digest: new Uint8Array(2) } } } })],
    INVALID_ARGUMENT,
    /^node\.file\.digest: /,
  ],
  [
    "no narinfo",
    pathInfo.put,
    [message(PathInfoSchema, { node: messageOfNode(there, BASE_NAME) })],
    INVALID_ARGUMENT,
    /^narinfo: /,
  ],
  [
    "a short reference",
    pathInfo.put,
    [info({ references: [new Uint8Array(19)] }, { referenceNames: [BASE_NAME] })],
    INVALID_ARGUMENT,
    /^references\[0\]: /,
  ],
  [
    "a reference without a name",
    pathInfo.put,
    [info({ references: [new Uint8Array(20)] })],
    INVALID_ARGUMENT,
    /^narinfo\.reference_names: /,
  ],
  [
    "a reference with another's name",
    pathInfo.put,
    [info({ references: [new Uint8Array(20)] }, { referenceNames: [BASE_NAME] })],
    INVALID_ARGUMENT,
    /^narinfo\.reference_names\[0\]: /,
  ],
  [
    "a short hash of the archive",
    pathInfo.put,
    [info({}, { narSha256: new Uint8Array(20) })],
    INVALID_ARGUMENT,
    /^narinfo\.nar_sha256: /,
  ],
  [
    "another hash of the archive",
    pathInfo.put,
    [info({}, { narSha256: new Uint8Array(32) })],
    INVALID_ARGUMENT,
    /^narinfo\.nar_sha256: /,
  ],
  [
    "another size of the archive",
    pathInfo.put,
    [info({}, { narSize: 1n })],
    INVALID_ARGUMENT,
    /^narinfo\.nar_size: .*not 1/,
  ],
  [
    "a short signature",
    pathInfo.put,
    [info({}, { signatures: [{ name: "key", data: new Uint8Array(63) }] })],
    INVALID_ARGUMENT,
    /^narinfo\.signatures\[0\]/,
  ],
  [
    "a deriver with a short digest",
    pathInfo.put,
    [info({}, { deriver: { name: "x", digest: new Uint8Array(1) } })],
    INVALID_ARGUMENT,
    /^narinfo\.deriver/,
  ],
  [
    "a content address with a short digest",
    pathInfo.put,
    [info({}, { ca: { type: NARInfo_CA_Hash.NAR_SHA256, digest: new Uint8Array(20) } })],
    INVALID_ARGUMENT,
    /^narinfo\.ca/,
  ],
  [
    "a content address of an unknown kind",
    pathInfo.put,
    [info({}, { ca: { type: 99 as never, digest: new Uint8Array(20) } })],
    INVALID_ARGUMENT,
    /^narinfo\.ca/,
  ],
  [
    "a tree that is not there",
    pathInfo.put,
    [info({ node: messageOfNode({ ...there, digest: NOWHERE }, BASE_NAME) })],
    FAILED_PRECONDITION,
    /blob b3:/,
  ],
  ["a request that is none", pathInfo.put, [GARBAGE], INVALID_ARGUMENT, /^PathInfo: /],
  ["a path info that is right", pathInfo.put, [info({})], OK, /^$/],
  [
    "a node that is none",
    pathInfo.calculateNAR,
    [message(pathInfo.calculateNAR.input, {})],
    INVALID_ARGUMENT,
    /^node: /,
  ],
  [
    "a node with a short digest",
    pathInfo.calculateNAR,
    [message(pathInfo.calculateNAR.input, { node: { case: "directory", value: { digest: new Uint8Array(1) } } })],
    INVALID_ARGUMENT,
    /^node\.directory\.digest: /,
  ],
  [
    "a blob that is not there",
    pathInfo.calculateNAR,
    [message(pathInfo.calculateNAR.input, messageOfNode({ ...there, digest: NOWHERE }))],
    NOT_FOUND,
    /blob b3:/,
  ],
  [
    "a directory that is not there",
    pathInfo.calculateNAR,
    [message(pathInfo.calculateNAR.input, messageOfNode({ type: "directory", digest: NOWHERE, size: 0 }))],
    NOT_FOUND,
    /directory b3:/,
  ],
]

describe("bad requests", () => {
  const store = memoryStore()
  let server: GrpcServer
  let client: Client
  before(async () => {
    await store.blobs.put([THERE])
    server = await serveStore(store, { address: "127.0.0.1:0", onInternalError: (error) => assert.fail(String(error)) })
    client = new Client(server.address, credentials.createInsecure())
  })
  after(async () => {
    client.close()
    await server.close(0)
  })

  for (const names of ["tvix", "snix"]) {
    for (const [name, method, sent, code, says] of CASES) {
      const path = `/${method.parent.typeName.replace("tvix", names)}/${method.name}`
      test(`${path}: ${name}`, async () => {
        const ended = await call(client, path, method, sent)
        assert.deepEqual([status[ended.code], ended.details], [status[code], ended.details])
        assert.match(ended.details, says)
      })
    }
  }

  test("a method that there is not", async () => {
    const ended = await call(client, "/tvix.castore.v1.BlobService/Delete", blob.stat, [new Uint8Array()])
    assert.equal(ended.code, status.UNIMPLEMENTED)
  })
})

/** Sends messages whatever they are, takes what comes, and tells how it ended. */
async function call(
  client: Client,
  path: string,
  { methodKind }: DescMethod,
  sent: readonly Uint8Array[],
): Promise<{ readonly code: status; readonly details: string }> {
  const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>()
  if (methodKind === "unary") {
    client.makeUnaryRequest(path, asIs, asIs, sent[0]!, (error) => resolve(error))
  } else if (methodKind === "client_streaming") {
    const stream = client.makeClientStreamRequest(path, asIs, asIs, (error) => resolve(error))
    stream.on("error", () => undefined)
    for (const each of sent) stream.write(each)
    stream.end()
  } else {
    const stream = client.makeServerStreamRequest(path, asIs, asIs, sent[0]!)
    stream.resume()
    void once(stream, "end").then(
      () => resolve(null),
      (error: ServiceError) => resolve(error),
    )
  }
  const error = await promise
  return error === null ? { code: OK, details: "" } : { code: error.code, details: error.details }
}
