import { create, toBinary } from "@bufbuild/protobuf"
import {
  GrpcFailure,
  grpcService,
  GrpcStatusCode,
  serverStreaming,
  unary,
  type GrpcService,
} from "@tvix-ts/castore/node"
import {
  BuildEventSchema,
  SnixBuildService,
  ToldBuildService,
  TvixBuildService,
  type Build,
  type BuildEvent,
  type ToldBuildRequest,
} from "@tvix-ts/protos"
import { messageOfBuild, requestOfMessage } from "../../codec.ts"
import { messageOfProblem } from "../../failure.ts"
import { BuildError, type BuildProblem } from "../../problem.ts"
import type { BuildOptions, BuildService } from "../../service.ts"

/** Bytes of a log that a client has not taken yet, after which its build is given up. */
const UNREAD_BYTES_MAX = 64 * 1024 * 1024

/**
 * Builds for others: `BuildService` under Tvix's name and under Snix's, and what tells more. Inputs and outputs are in the
 * castore of `service`, which the same server should offer.
 */
export function buildServices(service: BuildService): GrpcService[] {
  return [
    ...grpcService(
      [TvixBuildService, SnixBuildService],
      [
        unary(TvixBuildService.method.doBuild, async (message, { signal }): Promise<Build> => {
          try {
            return messageOfBuild(message, await service.build(requestOfMessage(message), { signal }))
          } catch (error) {
            throw error instanceof BuildError ? failureOf(error) : error
          }
        }),
      ],
    ),
    ...grpcService(
      [ToldBuildService],
      [serverStreaming(ToldBuildService.method.doBuild, (message, { signal }) => tell(service, message, signal))],
    ),
  ]
}

/** What a build's end is to those who get nothing but a status. */
function failureOf({ problem, message }: BuildError): GrpcFailure {
  return new GrpcFailure(STATUSES[problem.code] ?? GrpcStatusCode.ABORTED, message)
}

const STATUSES: { readonly [C in BuildProblem["code"]]?: GrpcStatusCode } = {
  invalid: GrpcStatusCode.INVALID_ARGUMENT,
  unsupported: GrpcStatusCode.FAILED_PRECONDITION,
  "disk-full": GrpcStatusCode.RESOURCE_EXHAUSTED,
}

async function* tell(
  service: BuildService,
  { request, timeoutMs, silenceMs, logBytesMax }: ToldBuildRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (request === undefined) throw new GrpcFailure(GrpcStatusCode.INVALID_ARGUMENT, "request is missing")
  const unread: Uint8Array[] = []
  let unreadBytes = 0
  let wake: (() => void) | undefined
  const stop = new AbortController()
  const onLog = (bytes: Uint8Array): void => {
    unread.push(encoded({ case: "log", value: bytes }))
    unreadBytes += bytes.length
    if (unreadBytes > UNREAD_BYTES_MAX) {
      stop.abort(new GrpcFailure(GrpcStatusCode.RESOURCE_EXHAUSTED, "the log is not read as fast as it is written"))
    }
    wake?.()
  }
  const options: BuildOptions = {
    signal: AbortSignal.any([signal, stop.signal]),
    onLog,
    ...(timeoutMs === undefined ? {} : { timeoutMs: Number(timeoutMs) }),
    ...(silenceMs === undefined ? {} : { silenceMs: Number(silenceMs) }),
    ...(logBytesMax === undefined ? {} : { logBytesMax: Number(logBytesMax) }),
  }
  let last: Uint8Array | undefined
  let failure: { readonly error: unknown } | undefined
  const build = async (): Promise<void> => {
    try {
      const outputs = await service.build(requestOfMessage(request), options)
      last = encoded({ case: "build", value: messageOfBuild(request, outputs) })
    } catch (error) {
      if (error instanceof BuildError) last = encoded({ case: "failure", value: messageOfProblem(error.problem) })
      else failure = { error }
    }
    wake?.()
  }
  const over = build()
  try {
    for (;;) {
      const bytes = unread.shift()
      if (bytes !== undefined) {
        unreadBytes -= bytes.length
        yield bytes
      } else if (failure !== undefined) {
        throw failure.error
      } else if (last !== undefined) {
        yield last
        return
      } else {
        await new Promise<void>((resolve) => (wake = resolve))
        wake = undefined
      }
    }
  } finally {
    // Also when nobody wants to hear the rest.
    stop.abort()
    await over
  }
}

function encoded(event: BuildEvent["event"]): Uint8Array {
  return toBinary(BuildEventSchema, create(BuildEventSchema, { event }))
}
