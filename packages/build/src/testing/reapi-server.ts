/**
 * A small Remote Execution service: blobs and results in memory, commands in a bubblewrap whose root is the input root, as
 * buildbox-run-bubblewrap has it.
 */
import { createHash } from "node:crypto"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import {
  clientStreaming,
  GrpcFailure,
  grpcService,
  GrpcStatusCode,
  serverStreaming,
  serveGrpc,
  unary,
} from "@tvix-ts/castore/node"
import {
  ActionCache,
  ActionResultSchema,
  ActionSchema,
  ByteStream,
  CommandSchema,
  ContentAddressableStorage,
  DigestSchema,
  ExecuteResponseSchema,
  Execution,
  ExecutionDirectoryNodeSchema,
  ExecutionDirectorySchema,
  ExecutionFileNodeSchema,
  ExecutionSymlinkNodeSchema,
  OperationSchema,
  OutputDirectorySchema,
  OutputFileSchema,
  OutputSymlinkSchema,
  ReadResponseSchema,
  TreeSchema,
  WriteRequestSchema,
  type ActionResult,
  type Command,
  type Digest,
  type ExecutionDirectory,
  type Operation,
} from "@tvix-ts/protos"
import { LogPipes, type LogPipe } from "../node/log-pipe.ts"
import { removeTree } from "../node/remove-tree.ts"
import { runCommand, startProcess, type Running } from "../node/run-command.ts"
import { killIfThere } from "../node/wait-for-process.ts"
import { Workspace } from "../node/workspace.ts"
import { BuildError } from "../problem.ts"

export interface ReapiServer {
  readonly address: string
  /** How many commands were run. */
  executed: number
  /** How many streams of operations break before they say anything of the end. */
  breaking: number
  /** Whether it then knows nothing of the operation, as after a new start. */
  forgetting: boolean
  /** Loses all that was ever sent or made, but not which actions were executed. */
  forgetBlobs(): void
  close(): Promise<void>
}

/** Bytes of a piece of a blob. */
const PIECE = 1 << 19

export async function serveReapi(): Promise<ReapiServer> {
  const folder = mkdtempSync(join(tmpdir(), "reapi-"))
  const workspace = await Workspace.open(join(folder, "work"))
  const pipes = new LogPipes(workspace)
  const blobs = new Map<string, Uint8Array>()
  const results = new Map<string, ActionResult>()
  const operations = new Map<string, Promise<Operation>>()

  const store = (bytes: Uint8Array): { hash: string; sizeBytes: bigint } => {
    const hash = createHash("sha256").update(bytes).digest("hex")
    blobs.set(hash, Uint8Array.from(bytes))
    return { hash, sizeBytes: BigInt(bytes.length) }
  }
  const load = (digest: Digest | undefined): Uint8Array => {
    const bytes = blobs.get(digest?.hash ?? "")
    if (bytes?.length === Number(digest?.sizeBytes)) return bytes
    throw new GrpcFailure(GrpcStatusCode.NOT_FOUND, `no blob ${digest?.hash}`)
  }
  const message = <D extends DescMessage>(schema: D, digest: Digest | undefined): MessageShape<D> =>
    fromBinary(schema, load(digest))

  const unpack = (directory: ExecutionDirectory, path: string): void => {
    mkdirSync(path)
    for (const { name, digest, isExecutable } of directory.files) {
      writeFileSync(join(path, name), load(digest), { mode: isExecutable ? 0o755 : 0o644 })
    }
    for (const { name, target } of directory.symlinks) symlinkSync(target, join(path, name))
    for (const { name, digest } of directory.directories) {
      unpack(message(ExecutionDirectorySchema, digest), join(path, name))
    }
  }

  /** The directory at `path`, and those below it. */
  const pack = (path: string, children: ExecutionDirectory[]): ExecutionDirectory => {
    const directory = create(ExecutionDirectorySchema)
    for (const name of readdirSync(path).sort()) {
      const at = join(path, name)
      const stats = lstatSync(at)
      if (stats.isSymbolicLink()) {
        directory.symlinks.push(create(ExecutionSymlinkNodeSchema, { name, target: readlinkSync(at) }))
      } else if (stats.isDirectory()) {
        chmodSync(at, 0o755)
        const child = pack(at, children)
        children.push(child)
        const digest = create(DigestSchema, store(toBinary(ExecutionDirectorySchema, child)))
        directory.directories.push(create(ExecutionDirectoryNodeSchema, { name, digest }))
      } else if (stats.isFile()) {
        chmodSync(at, 0o755)
        const digest = create(DigestSchema, store(readFileSync(at)))
        const isExecutable = (stats.mode & 0o100) !== 0
        directory.files.push(create(ExecutionFileNodeSchema, { name, digest, isExecutable }))
      }
    }
    return directory
  }

  const run = async (command: Command, root: string, timeoutMs: number | undefined): Promise<ActionResult> => {
    const words = [
      "--unshare-all",
      "--uid",
      "1000",
      "--gid",
      "100",
      "--die-with-parent",
      "--cap-drop",
      "ALL",
      "--clearenv",
    ]
    for (const { name, value } of command.environmentVariables) words.push("--setenv", name, value)
    words.push("--bind", root, "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys")
    words.push("--chdir", `/${command.workingDirectory}`, "--", ...command.arguments)
    const written: Uint8Array[] = []
    const start = (log: LogPipe): Running => {
      const { pid, exit } = startProcess("bwrap", words, log, { env: { PATH: process.env["PATH"] } })
      return { exit, kill: () => pid !== undefined && killIfThere(pid), gone: async () => {} }
    }
    const onLog = (bytes: Uint8Array): void => void written.push(Uint8Array.from(bytes))
    const ended = await pipes.use((log) =>
      runCommand(() => start(log), log, { onLog, ...(timeoutMs !== undefined && { timeoutMs }) }),
    )
    const result = create(ActionResultSchema, {
      exitCode: ended.status ?? 1,
      stdoutDigest: store(Buffer.concat(written)),
    })
    for (const path of command.outputPaths) {
      const at = join(root, path)
      const stats = lstatSync(at, { throwIfNoEntry: false })
      if (stats?.isSymbolicLink() === true) {
        result.outputSymlinks.push(create(OutputSymlinkSchema, { path, target: readlinkSync(at) }))
      } else if (stats?.isDirectory() === true) {
        chmodSync(at, 0o755)
        const children: ExecutionDirectory[] = []
        const tree = create(TreeSchema, { root: pack(at, children), children })
        const treeDigest = create(DigestSchema, store(toBinary(TreeSchema, tree)))
        result.outputDirectories.push(create(OutputDirectorySchema, { path, treeDigest }))
      } else if (stats?.isFile() === true) {
        const isExecutable = (stats.mode & 0o100) !== 0
        const digest = create(DigestSchema, store(readFileSync(at)))
        result.outputFiles.push(create(OutputFileSchema, { path, digest, isExecutable }))
      }
    }
    return result
  }

  const execute = async (name: string, digest: Digest | undefined): Promise<Operation> => {
    const action = message(ActionSchema, digest)
    const { seconds = 0n, nanos = 0 } = action.timeout ?? {}
    const root = workspace.fresh()
    let response
    try {
      unpack(message(ExecutionDirectorySchema, action.inputRootDigest), root)
      server.executed++
      const timeoutMs = action.timeout === undefined ? undefined : Number(seconds) * 1000 + nanos / 1_000_000
      const result = await run(message(CommandSchema, action.commandDigest), root, timeoutMs)
      results.set(digest!.hash, result)
      response = create(ExecuteResponseSchema, { result })
    } catch (error) {
      if (!(error instanceof BuildError)) throw error
      const code = error.problem.code === "timeout" ? GrpcStatusCode.DEADLINE_EXCEEDED : GrpcStatusCode.INTERNAL
      response = create(ExecuteResponseSchema, { status: { code, message: error.message } })
    } finally {
      await removeTree(root)
    }
    const packed = anyPack(ExecuteResponseSchema, response)
    return create(OperationSchema, { name, done: true, result: { case: "response", value: packed } })
  }
  async function* follow(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    const operation = operations.get(name)
    if (operation === undefined) throw new GrpcFailure(GrpcStatusCode.NOT_FOUND, `no operation ${name}`)
    yield toBinary(OperationSchema, create(OperationSchema, { name }))
    if (server.breaking > 0) {
      server.breaking--
      if (server.forgetting) operations.delete(name)
      throw new GrpcFailure(GrpcStatusCode.UNAVAILABLE, "broken")
    }
    yield toBinary(OperationSchema, await operation)
  }

  const cas = ContentAddressableStorage.method
  const served = await serveGrpc(
    [
      ...grpcService(
        [ContentAddressableStorage],
        [
          unary(cas.findMissingBlobs, async ({ blobDigests }) => ({
            missingBlobDigests: blobDigests.filter(({ hash }) => !blobs.has(hash)),
          })),
          unary(cas.batchUpdateBlobs, async ({ requests }) => ({
            responses: requests.map(({ digest, data }) => {
              const isRight = store(data).hash === digest?.hash
              return { ...(digest && { digest }), status: { code: isRight ? 0 : 3 } }
            }),
          })),
          unary(cas.batchReadBlobs, async ({ digests }) => ({
            responses: digests.map((digest) => {
              const data = blobs.get(digest.hash)
              return { digest, ...(data && { data }), status: { code: data === undefined ? 5 : 0 } }
            }),
          })),
        ],
      ),
      ...grpcService(
        [ByteStream],
        [
          serverStreaming(ByteStream.method.read, async function* ({ resourceName }) {
            const bytes = blobs.get(resourceName.split("/").at(-2)!)
            if (bytes === undefined) throw new GrpcFailure(GrpcStatusCode.NOT_FOUND, resourceName)
            for (let at = 0; at < bytes.length; at += PIECE) {
              const message = create(ReadResponseSchema, { data: bytes.subarray(at, at + PIECE) })
              yield toBinary(ReadResponseSchema, message)
            }
          }),
          clientStreaming(ByteStream.method.write, async (messages) => {
            const pieces: Uint8Array[] = []
            let hash = ""
            for await (const bytes of messages) {
              const { resourceName, data } = fromBinary(WriteRequestSchema, bytes)
              if (resourceName !== "") hash = resourceName.split("/").at(-2)!
              pieces.push(Uint8Array.from(data))
            }
            const stored = store(Buffer.concat(pieces))
            if (stored.hash !== hash) throw new GrpcFailure(GrpcStatusCode.INVALID_ARGUMENT, "another digest")
            return { committedSize: stored.sizeBytes }
          }),
        ],
      ),
      ...grpcService(
        [ActionCache],
        [
          unary(ActionCache.method.getActionResult, async ({ actionDigest }) => {
            const result = results.get(actionDigest?.hash ?? "")
            if (result === undefined) throw new GrpcFailure(GrpcStatusCode.NOT_FOUND, "not executed yet")
            return result
          }),
        ],
      ),
      ...grpcService(
        [Execution],
        [
          serverStreaming(Execution.method.execute, async function* ({ actionDigest }) {
            const name = crypto.randomUUID()
            const operation = execute(name, actionDigest)
            operation.catch(() => {})
            operations.set(name, operation)
            yield* follow(name)
          }),
          serverStreaming(Execution.method.waitExecution, ({ name }) => follow(name)),
        ],
      ),
    ],
    { address: "127.0.0.1:0" },
  )
  const server: ReapiServer = {
    address: served.address,
    executed: 0,
    breaking: 0,
    forgetting: false,
    forgetBlobs: () => blobs.clear(),
    async close() {
      await served.close(5_000)
      await Promise.allSettled(operations.values())
      await workspace.close()
      await removeTree(folder)
    },
  }
  return server
}
