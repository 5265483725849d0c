import { create, fromBinary } from "@bufbuild/protobuf"
import { CastoreError } from "@tvix-ts/castore"
import { fromStatus, GrpcStatusCode, isUnimplemented, type GrpcChannel } from "@tvix-ts/castore/node"
import {
  BuildEventSchema,
  ToldBuildRequestSchema,
  ToldBuildService,
  TvixBuildService,
  type Build,
  type BuildRequest as RequestMessage,
} from "@tvix-ts/protos"
import { checkRequest } from "../../check.ts"
import { messageOfRequest, outputsOfMessage } from "../../codec.ts"
import { problemOfMessage } from "../../failure.ts"
import { BuildError } from "../../problem.ts"
import type { BuildRequest } from "../../request.ts"
import type { BuildOptions, BuildOutput, BuildService } from "../../service.ts"

/**
 * Has a server build, in whose castore the inputs have to be and the outputs are afterwards. A server of ours tells what the
 * command writes, and why a build failed; others say in their own words that it did.
 *
 * @throws {CastoreError} `unavailable` if the server cannot be reached
 */
export function grpcBuildService(channel: GrpcChannel): BuildService {
  return new GrpcBuildService(channel)
}

class GrpcBuildService implements BuildService {
  readonly #channel: GrpcChannel
  readonly #release: () => void
  /** Whether the server is believed to have the service that tells more. */
  #tells = true

  constructor(channel: GrpcChannel) {
    this.#channel = channel
    this.#release = channel.use()
  }

  async build(request: BuildRequest, options: BuildOptions = {}): Promise<readonly BuildOutput[]> {
    checkRequest(request)
    options.signal?.throwIfAborted()
    const message = messageOfRequest(request)
    return outputsOfMessage(await this.#build(message, options), request)
  }

  async close(): Promise<void> {
    this.#release()
  }

  async #build(message: RequestMessage, options: BuildOptions): Promise<Build> {
    if (this.#tells) {
      try {
        return await this.#told(message, options)
      } catch (error) {
        if (!isUnimplemented(error)) throw asFailure(error, options.signal)
        this.#tells = false
      }
    }
    return this.#untold(message, options)
  }

  /** @throws what the channel does */
  async #told(request: RequestMessage, options: BuildOptions): Promise<Build> {
    const { timeoutMs, silenceMs, logBytesMax } = options
    const message = create(ToldBuildRequestSchema, {
      request,
      ...(timeoutMs === undefined ? {} : { timeoutMs: whole(timeoutMs) }),
      ...(silenceMs === undefined ? {} : { silenceMs: whole(silenceMs) }),
      ...(logBytesMax === undefined ? {} : { logBytesMax: whole(logBytesMax) }),
    })
    for await (const bytes of this.#channel.serverStream(ToldBuildService.method.doBuild, message, options)) {
      const { event } = fromBinary(BuildEventSchema, bytes)
      if (event.case === "log") options.onLog?.(event.value)
      else if (event.case === "build") return event.value
      else if (event.case === "failure") throw new BuildError(problemOfMessage(event.value))
    }
    throw new CastoreError({ code: "corrupt", what: "the peer's build", reason: "it ends without an outcome" })
  }

  async #untold(message: RequestMessage, options: BuildOptions): Promise<Build> {
    const { timeoutMs, signal } = options
    const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
    const signals = [signal, limit].filter((one) => one !== undefined)
    try {
      const calling = this.#channel.unary(TvixBuildService.method.doBuild, message, {
        signal: AbortSignal.any(signals),
      })
      return await calling
    } catch (error) {
      if (limit?.aborted === true && signal?.aborted !== true) {
        throw new BuildError({ code: "timeout", limitMs: timeoutMs! }, { cause: error })
      }
      throw asFailure(error, signal)
    }
  }
}

/** What a status says of a build. */
function asFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason
  if (!(error instanceof Error) || error instanceof BuildError || error instanceof CastoreError) return error
  const { code, details } = error as Error & { readonly code?: number; readonly details?: string }
  if (details === undefined) return error
  switch (code) {
    case GrpcStatusCode.INVALID_ARGUMENT:
      return new BuildError({ code: "invalid", field: "request", reason: details }, { cause: error })
    case GrpcStatusCode.FAILED_PRECONDITION:
    case GrpcStatusCode.UNIMPLEMENTED:
      return new BuildError({ code: "unsupported", reason: details }, { cause: error })
    case GrpcStatusCode.ABORTED:
    case GrpcStatusCode.INTERNAL:
    case GrpcStatusCode.UNKNOWN:
      return new BuildError({ code: "failed", reason: details }, { cause: error })
    default:
      return fromStatus(error)
  }
}

function whole(amount: number): bigint {
  return BigInt(Math.ceil(amount))
}
