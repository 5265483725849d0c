/** Requests and outputs as messages of tvix.build.v1. Their strings are text: what is not UTF-8 cannot be said in them. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { byteStringFrom, byteStringOf, bytesOf, isUtf8, textOf } from "@tvix-ts/bytes"
import { CastoreError, decodeNode, encodeNode, type Node } from "@tvix-ts/castore"
import {
  BuildRequestSchema,
  BuildSchema,
  NodeSchema,
  type Build,
  type BuildRequest as RequestMessage,
  type Node as NodeMessage,
} from "@tvix-ts/protos"
import { BuildError, unsupported } from "./problem.ts"
import type { BuildRequest } from "./request.ts"
import type { BuildOutput } from "./service.ts"

/** @throws {BuildError} `unsupported` for what is no text but has to be */
export function messageOfRequest(request: BuildRequest): RequestMessage {
  const { inputs, environment, constraints, additionalFiles } = request
  return create(BuildRequestSchema, {
    inputs: sorted(inputs).map(([name, node]) => messageOfNode(node, name)),
    commandArgs: request.command.map((word) => textIn(word, "command")),
    workingDir: textIn(request.workingDir, "workingDir"),
    scratchPaths: request.scratchPaths.map((path) => textIn(path, "scratchPaths")),
    inputsDir: textIn(request.inputsDir, "inputsDir"),
    outputs: request.outputs.map((path) => textIn(path, "outputs")),
    environmentVars: sorted(environment).map(([key, value]) => ({
      key: textIn(key, "environment"),
      value: bytesOf(value),
    })),
    constraints: {
      system: textIn(constraints.system, "constraints.system"),
      minMemory: BigInt(constraints.memoryMin),
      availableRoPaths: constraints.availablePaths.map((path) => textIn(path, "constraints.availablePaths")),
      networkAccess: constraints.network,
      provideBinSh: constraints.binSh,
    },
    additionalFiles: sorted(additionalFiles).map(([path, contents]) => ({
      path: textIn(path, "additionalFiles"),
      contents,
    })),
    refscanNeedles: request.needles.map((needle) => textIn(needle, "needles")),
  })
}

/**
 * What a message asks for; `checkRequest` is still to be called.
 *
 * @throws {BuildError} `invalid` for what no request can be made of
 */
export function requestOfMessage(message: RequestMessage): BuildRequest {
  const { constraints } = message
  if (constraints === undefined) throw new BuildError({ code: "invalid", field: "constraints", reason: "is missing" })
  if (constraints.minMemory > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new BuildError({ code: "invalid", field: "constraints.memoryMin", reason: "is more than any machine has" })
  }
  return {
    inputs: mapOf(
      message.inputs.map((input, index) => namedNode(input, `inputs[${index}]`)),
      "inputs",
    ),
    inputsDir: byteStringOf(message.inputsDir),
    command: message.commandArgs.map(byteStringOf),
    workingDir: byteStringOf(message.workingDir),
    scratchPaths: message.scratchPaths.map(byteStringOf),
    outputs: message.outputs.map(byteStringOf),
    environment: mapOf(
      message.environmentVars.map(({ key, value }) => [byteStringOf(key), byteStringFrom(value)]),
      "environment",
    ),
    constraints: {
      system: byteStringOf(constraints.system),
      memoryMin: Number(constraints.minMemory),
      availablePaths: constraints.availableRoPaths.map(byteStringOf),
      network: constraints.networkAccess,
      binSh: constraints.provideBinSh,
    },
    additionalFiles: mapOf(
      message.additionalFiles.map(({ path, contents }) => [byteStringOf(path), contents]),
      "additionalFiles",
    ),
    needles: message.refscanNeedles.map(byteStringOf),
  }
}

/** @param request what was asked for */
export function messageOfBuild(request: RequestMessage, outputs: readonly BuildOutput[]): Build {
  return create(BuildSchema, {
    buildRequest: request,
    outputs: outputs.map(({ path, node }) => messageOfNode(node, lastComponent(path))),
    outputsNeedles: outputs.map(({ needles }) => ({ needles: needles.map(BigInt) })),
  })
}

/**
 * The outputs of a request that another machine has built.
 *
 * @throws {CastoreError} `corrupt` if they are not those that were asked for
 */
export function outputsOfMessage(message: Build, { outputs, needles }: BuildRequest): readonly BuildOutput[] {
  const corrupt = (reason: string, cause?: unknown): CastoreError =>
    new CastoreError({ code: "corrupt", what: "the peer's build", reason }, { cause })
  if (message.outputs.length !== outputs.length || message.outputsNeedles.length !== outputs.length) {
    throw corrupt(`it has not ${outputs.length} outputs`)
  }
  return outputs.map((path, index) => {
    let name: string
    let node: Node
    try {
      ;[name, node] = namedNode(message.outputs[index]!, `outputs[${index}]`)
    } catch (error) {
      throw corrupt(error instanceof Error ? error.message : String(error), error)
    }
    if (name !== lastComponent(path)) throw corrupt(`${textOf(name)} is in the place of ${textOf(path)}`)
    const found = new Set(message.outputsNeedles[index]!.needles.map(Number))
    for (const needle of found) if (!(needle < needles.length)) throw corrupt(`there is no needle ${needle}`)
    return { path, node, needles: [...found].sort((a, b) => a - b) }
  })
}

/** By way of the bytes, which castore makes, reads and checks. */
function messageOfNode(node: Node, name: string): NodeMessage {
  return fromBinary(NodeSchema, encodeNode(name, node))
}

/** @throws {BuildError} `invalid` */
function namedNode(message: NodeMessage, field: string): [name: string, node: Node] {
  try {
    const { name, node } = decodeNode(toBinary(NodeSchema, message))
    return [name, node]
  } catch (error) {
    if (!(error instanceof CastoreError)) throw error
    throw new BuildError({ code: "invalid", field, reason: `is wrong: ${error.message}` }, { cause: error })
  }
}

function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** @throws {BuildError} `invalid` unless the keys ascend */
function mapOf<V>(entries: readonly (readonly [string, V])[], field: string): ReadonlyMap<string, V> {
  for (let i = 1; i < entries.length; i++) {
    if (entries[i - 1]![0] < entries[i]![0]) continue
    throw new BuildError({ code: "invalid", field, reason: `are not sorted, at ${i}` })
  }
  return new Map(entries)
}

function textIn(byteString: string, field: string): string {
  if (!isUtf8(byteString)) {
    throw unsupported(`${field}: other machines can be told text only`)
  }
  return textOf(byteString)
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1)
}
