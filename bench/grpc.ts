/**
 * What do gRPC and the verification of every byte cost, on top of moving the bytes between two processes?
 *
 *     node --conditions=source bench/grpc.ts [--mib N] [--runs N] [--address ADDRESS] [--local] [--json]
 *
 * A second process serves a blob of N MiB (default 512) from its memory, and takes one without keeping it. The floor is
 * the same bytes over a plain socket, read into memory and nothing more. Best of N runs (default 5), in turns. With
 * `--local` the other process has a store in a temporary folder, which has the blob already when it is put again.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { digestOf, digestKey, type B3Digest, type BlobService, type ChunkMeta } from "@tvix-ts/castore"
import { castoreServices, GrpcChannel, grpcBlobService, serveGrpc } from "@tvix-ts/castore/node"
import { startHash } from "@tvix-ts/hash"
import { openLocalStore } from "@tvix-ts/store/node"

const MiB = 2 ** 20
/** As FastCDC cuts on average. */
const CHUNK_BYTES = 256 * 2 ** 10

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "512" },
    runs: { type: "string", default: "5" },
    address: { type: "string", default: "127.0.0.1:0" },
    json: { type: "boolean", default: false },
    local: { type: "boolean", default: false },
    serve: { type: "boolean", default: false },
  },
})
const size = Number(values.mib) * MiB

/** One MiB again and again, with a number in every chunk, so that no two are equal. */
function chunkAt(index: number, pattern: Uint8Array): Uint8Array {
  const start = (index * CHUNK_BYTES) % pattern.length
  const chunk = pattern.subarray(start, start + CHUNK_BYTES)
  new DataView(chunk.buffer, chunk.byteOffset).setUint32(0, index)
  return chunk
}

function pattern(): Uint8Array {
  return new Uint8Array(MiB).map((_, i) => (i * 31 + (i >> 8)) & 255)
}

/** One blob that was never written anywhere, and a hole for what is put. */
function syntheticBlobs(): { blobs: BlobService; digest: B3Digest } {
  const bytes = pattern()
  const whole = startHash("blake3")
  const chunks: ChunkMeta[] = []
  for (let i = 0; i < size / CHUNK_BYTES; i++) {
    const chunk = chunkAt(i, bytes)
    whole.update(chunk)
    chunks.push({ digest: digestOf(chunk), size: CHUNK_BYTES })
  }
  const digest = whole.digest() as B3Digest
  const unused = (): never => {
    throw new Error("not part of the benchmark")
  }
  return {
    digest,
    blobs: {
      stat: async (asked) => (digestKey(asked) === digestKey(digest) ? { size, chunks } : undefined),
      read: async () =>
        (async function* () {
          for (let i = 0; i < chunks.length; i++) yield chunkAt(i, bytes)
        })(),
      put: async (contents) => {
        const hasher = startHash("blake3")
        for await (const piece of contents) hasher.update(piece)
        return hasher.digest() as B3Digest
      },
      batch: unused,
      close: async () => undefined,
    },
  }
}

/** A store in a folder that goes with the process, which has the blob. */
async function localBlobs({ blobs, digest }: { blobs: BlobService; digest: B3Digest }): Promise<BlobService> {
  const directory = mkdtempSync(join(tmpdir(), "bench-grpc-"))
  process.on("disconnect", () => {
    rmSync(directory, { recursive: true })
    process.exit()
  })
  const store = openLocalStore(directory)
  await store.blobs.put((await blobs.read(digest))!)
  return store.blobs
}

/** The other process: gRPC, and a socket that sends as many bytes or takes them, as its first byte says. */
async function serve(): Promise<void> {
  const synthetic = syntheticBlobs()
  const blobs = values.local ? await localBlobs(synthetic) : synthetic.blobs
  const { digest } = synthetic
  const directories = { get: fail, getRecursive: fail, put: fail, putMultiple: fail, close: async () => undefined }
  const grpc = await serveGrpc(castoreServices({ blobs, directories }), { address: values.address })
  const bytes = pattern()
  const floor = createServer((socket) => {
    socket.once("data", (order) => {
      if (order[0] === 0x72) void sendAll(socket, bytes)
      else socket.on("end", () => socket.end("."))
    })
  }).listen(0, "127.0.0.1")
  await once(floor, "listening")
  process.send!({
    grpc: grpc.address,
    floor: (floor.address() as AddressInfo).port,
    digest: Buffer.from(digest).toString("hex"),
  })
}

function fail(): never {
  throw new Error("not part of the benchmark")
}

async function sendAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (let i = 0; i < size / CHUNK_BYTES; i++) {
    if (!socket.write(Buffer.from(chunkAt(i, bytes)))) await once(socket, "drain")
  }
  socket.end()
}

async function floorRead(port: number): Promise<number> {
  const socket = connect(port, "127.0.0.1")
  socket.write("r")
  let received = 0
  for await (const piece of socket) received += (piece as Buffer).length
  return received
}

async function floorPut(port: number): Promise<number> {
  const socket = connect(port, "127.0.0.1")
  socket.write("p")
  await sendAll(socket, pattern())
  await once(socket, "data")
  return size
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, [...process.argv.slice(2), "--serve"], {
    execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning"],
  })
  const [ready] = (await once(child, "message")) as [{ grpc: string; floor: number; digest: string }]
  const digest = Uint8Array.from(Buffer.from(ready.digest, "hex")) as B3Digest
  const blobs = grpcBlobService(new GrpcChannel(ready.grpc))
  const grpcRead = async (): Promise<number> => {
    let received = 0
    for await (const piece of (await blobs.read(digest))!) received += piece.length
    return received
  }
  const grpcPut = async (): Promise<number> => {
    const bytes = pattern()
    const put = await blobs.put(
      (function* () {
        for (let i = 0; i < size / CHUNK_BYTES; i++) yield chunkAt(i, bytes)
      })(),
    )
    return digestKey(put) === digestKey(digest) ? size : 0
  }
  const cases = [
    { name: "socket, read", run: () => floorRead(ready.floor) },
    { name: "gRPC, read", run: grpcRead },
    { name: "socket, put", run: () => floorPut(ready.floor) },
    { name: "gRPC, put", run: grpcPut },
  ]
  const best = new Map<string, number>()
  try {
    for (let run = 0; run < Number(values.runs); run++) {
      for (const { name, run } of cases) {
        const start = performance.now()
        if ((await run()) !== size) throw new Error(`${name}: not the bytes that were asked for`)
        best.set(name, Math.max(best.get(name) ?? 0, size / 1e3 / (performance.now() - start)))
      }
    }
    if (values.json) console.log(JSON.stringify(Object.fromEntries(best)))
    else for (const [name, rate] of best) console.log(`${name.padEnd(14)} ${rate.toFixed(0).padStart(6)} MB/s`)
  } finally {
    await blobs.close()
    if (values.local) child.disconnect()
    else child.kill()
  }
}

if (values.serve) await serve()
else await measure()
