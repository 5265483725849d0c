/** Builds on a cluster that speaks the Remote Execution API, version 2, of Bazel: buildbox, Buildbarn, BuildBuddy … */
import { readFile } from "node:fs/promises"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { anyUnpack } from "@bufbuild/protobuf/wkt"
import { byteStringOf, utf8 } from "@tvix-ts/bytes"
import { CastoreError, type BlobService, type CallOptions, type DirectoryService } from "@tvix-ts/castore"
import { fromStatus, GrpcStatusCode, isNotFound, type GrpcChannel } from "@tvix-ts/castore/node"
import {
  ActionCache,
  ActionSchema,
  CommandSchema,
  ExecuteRequestSchema,
  ExecuteResponseSchema,
  Execution,
  GetActionResultRequestSchema,
  OperationSchema,
  TreeSchema,
  WaitExecutionRequestSchema,
  type ActionResult,
  type ExecuteResponse,
} from "@tvix-ts/protos"
import { checkRequest } from "../../check.ts"
import { BuildError, unsupported } from "../../problem.ts"
import type { BuildConstraints, BuildRequest } from "../../request.ts"
import type { BuildOptions, BuildOutput, BuildService } from "../../service.ts"
import { ETC_FILES } from "../bwrap/etc.ts"
import { problemOfStatus } from "../exit-status.ts"
import { storeOutput } from "../output.ts"
import { quoted } from "../shell.ts"
import { digestMessage, RemoteBlobs, sourceOf, type BlobId, type BlobSource } from "./blobs.ts"
import { putAt, textIn, TreeDigests, type Place } from "./input-root.ts"
import { corrupt, fileSteps, idOfMessage, tellSteps, treeSteps } from "./output-tree.ts"

export interface ReapiOptions {
  readonly channel: GrpcChannel
  /** Which of the instances that a server may have. Default: "". */
  readonly instanceName?: string
  /** Where the inputs are, and the outputs afterwards. */
  readonly blobs: BlobService
  readonly directories: DirectoryService
  /**
   * What is `/bin/sh` in every build, since commands are started by it: a shell that needs no other files, and has `env` in
   * it. Default: Debian's busybox-static of this machine.
   */
  readonly binSh?: string
  /**
   * The properties of a worker that can build; `undefined` if there is none. Default: `OSFamily` and `ISA` of Linux, as
   * buildbox and others have them, and none with the network or paths of its machine.
   */
  readonly platform?: (constraints: BuildConstraints) => Readonly<Record<string, string>> | undefined
}

const MACHINES: Readonly<Record<string, string>> = { "x86_64-linux": "x86-64", "aarch64-linux": "aarch64" }

function defaultPlatform({ system, network, availablePaths }: BuildConstraints): Record<string, string> | undefined {
  const machine = MACHINES[system]
  return machine === undefined || network || availablePaths.length > 0 ? undefined : { ISA: machine, OSFamily: "linux" }
}

/** Below the root: where outputs that are links are put, since some workers refuse to store such. */
const LINKS = ".links"

/**
 * Runs the command in its folder, with its environment alone, to which the shell and workers would add, and with its two
 * outputs in one, so that their order is kept.
 */
function startScript(outputs: readonly string[]): string {
  return [
    "exec 2>/dev/null",
    'cd "$0" || exit 1',
    'env -i -- "$@" 2>&1',
    "status=$?",
    ...outputs.map((path, index) => {
      const place = quoted(`/${path}`)
      return `if [ -h ${place} ]; then mkdir -p /${LINKS}; mv ${place} /${LINKS}/${index}; fi`
    }),
    "exit $status",
  ].join("\n")
}
const SHELL_PATH = "/bin/busybox"

/** Of google.rpc.Status, which has the numbers of gRPC. */
const STATUS = { ok: 0, deadlineExceeded: 4, failedPrecondition: 9 } as const

/** How often a call is tried again, and an operation waited for again, that breaks. */
const RETRIES = 5

/**
 * The root of every build is its input root, which workers have to make the root of the file system, writable, as
 * buildbox-run-bubblewrap does. Logs come at the end; limits to silence and to the log are not passed on.
 */
export function reapiBuildService(options: ReapiOptions): BuildService {
  return new ReapiBuildService(options)
}

class ReapiBuildService implements BuildService {
  readonly #options: ReapiOptions
  readonly #channel: GrpcChannel
  readonly #instanceName: string
  readonly #remote: RemoteBlobs
  readonly #digests: TreeDigests
  readonly #release: () => void
  #shell: Promise<Uint8Array> | undefined

  constructor(options: ReapiOptions) {
    this.#options = options
    this.#channel = options.channel
    this.#instanceName = options.instanceName ?? ""
    this.#remote = new RemoteBlobs(options.channel, this.#instanceName)
    this.#digests = new TreeDigests(options)
    this.#release = options.channel.use()
  }

  async build(request: BuildRequest, options: BuildOptions = {}): Promise<readonly BuildOutput[]> {
    checkRequest(request)
    const { signal, timeoutMs, onLog } = options
    signal?.throwIfAborted()
    const call: CallOptions = signal === undefined ? {} : { signal }
    const properties = (this.#options.platform ?? defaultPlatform)(request.constraints)
    if (properties === undefined) {
      const reason = `no worker is known that is a '${request.constraints.system}' and has what the build needs`
      throw unsupported(reason)
    }
    const sources = new Map<string, BlobSource>()
    const action = await this.#action(request, properties, timeoutMs, sources, call)
    const remembered = await this.#remembered(action, call)
    if (remembered !== undefined) {
      try {
        const outputs = await this.#outputs(request, remembered, call)
        await this.#tellLog(remembered, onLog, call)
        return outputs
      } catch (error) {
        // What came of it may be known for longer than it is kept.
        if (!(error instanceof CastoreError && error.problem.code === "missing")) throw error
      }
    }
    const result = await this.#execute(action, sources, options, call)
    await this.#tellLog(result, onLog, call)
    const problem = problemOfStatus(result.exitCode)
    if (problem !== undefined) throw new BuildError(problem)
    return this.#outputs(request, result, call)
  }

  async close(): Promise<void> {
    this.#release()
  }

  /** The digest of what is to be done, whose parts are among `sources` then. */
  async #action(
    request: BuildRequest,
    platform: Readonly<Record<string, string>>,
    timeoutMs: number | undefined,
    sources: Map<string, BlobSource>,
    call: CallOptions,
  ): Promise<BlobId> {
    const { inputs, inputsDir, scratchPaths, workingDir, outputs, environment, additionalFiles } = request
    const root = new Map<string, Place>()
    for (const path of ["tmp", inputsDir, workingDir, ...scratchPaths]) putAt(root, path, new Map())
    for (const [name, text] of ETC_FILES) putAt(root, `etc/${name}`, { bytes: utf8(text), executable: false })
    putAt(root, "bin/sh", { bytes: await this.#binSh(), executable: true })
    for (const [path, bytes] of additionalFiles) putAt(root, path, { bytes, executable: false })
    for (const [name, node] of inputs) putAt(root, `${inputsDir}/${name}`, { node })
    const rootId = await this.#digests.root(root, sources, call)

    if (request.command[0]!.includes("=")) {
      throw unsupported("the path of a program that is executed remotely has a '='")
    }
    const variables = [...environment].map(([name, value]) => `${name}=${value}`).sort()
    const properties = Object.entries(platform)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ name, value }))
    const command = create(CommandSchema, {
      arguments: ["/bin/sh", "-c", startScript(outputs), `/${workingDir}`, ...variables, ...request.command].map(
        textIn,
      ),
      outputPaths: [LINKS, ...outputs.map(textIn)].sort(),
      platform: { properties },
    })
    const commandSource = sourceOf(toBinary(CommandSchema, command))
    const action = create(ActionSchema, {
      commandDigest: digestMessage(commandSource.id),
      inputRootDigest: digestMessage(rootId),
      platform: { properties },
      // Whole seconds: parts of one are nothing to some workers.
      ...(timeoutMs === undefined ? {} : { timeout: { seconds: BigInt(Math.ceil(timeoutMs / 1000)) } }),
    })
    const actionSource = sourceOf(toBinary(ActionSchema, action))
    for (const source of [commandSource, actionSource]) sources.set(source.id.hash, source)
    return actionSource.id
  }

  #binSh(): Promise<Uint8Array> {
    const path = this.#options.binSh ?? SHELL_PATH
    this.#shell ??= readFile(path).catch((error: unknown) => {
      this.#shell = undefined
      throw new BuildError(
        { code: "unsupported", reason: `commands need a /bin/sh: ${String(error)}` },
        { cause: error },
      )
    })
    return this.#shell
  }

  /** What came of it when somebody did the same, if the cluster knows. Some also remember what failed, which is tried again. */
  async #remembered(action: BlobId, call: CallOptions): Promise<ActionResult | undefined> {
    const request = create(GetActionResultRequestSchema, {
      instanceName: this.#instanceName,
      actionDigest: digestMessage(action),
    })
    try {
      const asking = (): Promise<ActionResult> => this.#channel.unary(ActionCache.method.getActionResult, request, call)
      const result = await retrying(call, asking)
      return result.exitCode === 0 ? result : undefined
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw call.signal?.aborted === true ? call.signal.reason : fromStatus(error)
    }
  }

  async #execute(
    action: BlobId,
    sources: ReadonlyMap<string, BlobSource>,
    { timeoutMs }: BuildOptions,
    call: CallOptions,
  ): Promise<ActionResult> {
    for (let attempt = 0; ; attempt++) {
      await retrying(call, () => this.#remote.send(sources, call))
      const { result, status, message } = await this.#operation(action, call)
      const code = status?.code ?? STATUS.ok
      if (code === STATUS.ok && result !== undefined) return result
      // Blobs may be forgotten between our sending them and the worker's fetching.
      if (code === STATUS.failedPrecondition && attempt < RETRIES) continue
      if (code === STATUS.deadlineExceeded && timeoutMs !== undefined) {
        if (result !== undefined) await this.#tellLog(result, undefined, call)
        throw new BuildError({ code: "timeout", limitMs: timeoutMs })
      }
      const reason = [status?.message, message].filter((text) => text !== undefined && text !== "").join(": ")
      throw new BuildError({ code: "failed", reason: `remote execution failed: ${reason || `status ${code}`}` })
    }
  }

  /** Begins it, and follows it to its end, also when the connection breaks, or the service begins anew and knows nothing of it. */
  async #operation(action: BlobId, call: CallOptions): Promise<ExecuteResponse> {
    const request = create(ExecuteRequestSchema, {
      instanceName: this.#instanceName,
      // It was looked for.
      skipCacheLookup: true,
      actionDigest: digestMessage(action),
    })
    let name = ""
    return retrying(call, async () => {
      const stream =
        name === ""
          ? this.#channel.serverStream(Execution.method.execute, request, call)
          : this.#channel.serverStream(
              Execution.method.waitExecution,
              create(WaitExecutionRequestSchema, { name }),
              call,
            )
      const messages = name === "" ? stream : unlessForgotten(stream, () => (name = ""))
      for await (const bytes of messages) {
        const operation = fromBinary(OperationSchema, bytes)
        name = operation.name
        if (!operation.done) continue
        const { result } = operation
        if (result.case === "error") {
          throw new BuildError({ code: "failed", reason: `remote execution failed: ${result.value.message}` })
        }
        const response = result.case === "response" ? anyUnpack(result.value, ExecuteResponseSchema) : undefined
        if (response === undefined) throw corrupt("an operation ends without an outcome")
        return response
      }
      throw Object.assign(new Error("the operation's stream ended before it"), { code: GrpcStatusCode.UNAVAILABLE })
    })
  }

  async #tellLog(result: ActionResult, onLog: BuildOptions["onLog"], call: CallOptions): Promise<void> {
    if (onLog === undefined) return
    for (const [raw, digest] of [
      [result.stdoutRaw, result.stdoutDigest],
      [result.stderrRaw, result.stderrDigest],
    ] as const) {
      if (raw.length > 0) onLog(raw)
      else if (digest !== undefined && digest.sizeBytes > 0n) {
        for await (const bytes of this.#remote.read(idOfMessage(digest), call)) onLog(bytes)
      }
    }
  }

  async #outputs({ outputs, needles }: BuildRequest, result: ActionResult, call: CallOptions): Promise<BuildOutput[]> {
    const links = await this.#links(outputs, result, call)
    const stored: BuildOutput[] = []
    for (const path of outputs) {
      const target = links.get(path)
      stored.push(
        target === undefined
          ? await this.#output(path, needles, result, call)
          : await this.#link(path, needles, target, call),
      )
    }
    return stored
  }

  async #output(
    path: string,
    needles: readonly string[],
    result: ActionResult,
    call: CallOptions,
  ): Promise<BuildOutput> {
    const isIt = (other: { readonly path: string }): boolean => byteStringOf(other.path) === path
    const { outputFiles, outputDirectories, outputSymlinks, outputFileSymlinks, outputDirectorySymlinks } = result
    const file = outputFiles.find(isIt)
    const directory = outputDirectories.find(isIt)
    const link = [...outputSymlinks, ...outputFileSymlinks, ...outputDirectorySymlinks].find(isIt)
    if (file !== undefined) {
      const steps = fileSteps(idOfMessage(file.digest), file.isExecutable)
      return storeOutput(path, needles, this.#options, (sink) => tellSteps(steps, this.#remote, sink, call), call)
    }
    if (directory !== undefined) {
      const tree = await this.#remote.message(TreeSchema, idOfMessage(directory.treeDigest), call)
      const steps = treeSteps(tree)
      return storeOutput(path, needles, this.#options, (sink) => tellSteps(steps, this.#remote, sink, call), call)
    }
    if (link === undefined) throw new BuildError({ code: "output-missing", path })
    return this.#link(path, needles, byteStringOf(link.target), call)
  }

  #link(path: string, needles: readonly string[], target: string, call: CallOptions): Promise<BuildOutput> {
    return storeOutput(path, needles, this.#options, async (sink) => sink.symlink(target), call)
  }

  /** What those outputs lead to that {@link startScript} has put away. */
  async #links(outputs: readonly string[], result: ActionResult, call: CallOptions): Promise<Map<string, string>> {
    const links = new Map<string, string>()
    const folder = result.outputDirectories.find(({ path }) => path === LINKS)
    if (folder === undefined) return links
    const { root } = await this.#remote.message(TreeSchema, idOfMessage(folder.treeDigest), call)
    for (const { name, target } of root?.symlinks ?? []) {
      const path = outputs[Number(name)]
      if (path !== undefined) links.set(path, byteStringOf(target))
    }
    return links
  }
}

/** A stream of an operation that was begun before. @throws {Error} of gRPC, `UNAVAILABLE` if there is no such operation any more */
async function* unlessForgotten(
  stream: AsyncIterable<Uint8Array>,
  onForgotten: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream
  } catch (error) {
    if (!isNotFound(error)) throw error
    onForgotten()
    throw Object.assign(new Error("the operation was forgotten", { cause: error }), {
      code: GrpcStatusCode.UNAVAILABLE,
    })
  }
}

/** Does `work` again, a little later each time, as long as the other side is only not there. */
async function retrying<T>({ signal }: CallOptions, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      const { code, problem } = error as { readonly code?: unknown; readonly problem?: { readonly code: string } }
      const passing = code === GrpcStatusCode.UNAVAILABLE || problem?.code === "unavailable"
      if (error instanceof BuildError || !passing || attempt >= RETRIES) {
        throw code === undefined ? error : isNotFound(error) ? error : fromStatus(error)
      }
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt))
    }
  }
}
