/** The standard health service of gRPC, `grpc.health.v1`. Source: the gRPC health checking protocol. */
import { create, toBinary } from "@bufbuild/protobuf"
import { status } from "@grpc/grpc-js"
import { Health, HealthCheckResponse_ServingStatus, HealthCheckResponseSchema } from "@tvix-ts/protos"
import { grpcService, serverStreaming, unary, type GrpcService } from "./service.ts"
import { GrpcFailure } from "./status.ts"

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

/** Whether a server can be used: yes, until {@link stop}. All its services share one fate. */
export class HealthState {
  readonly services: GrpcService[]
  /** Full names; the empty one stands for the server as a whole. */
  readonly #names: ReadonlySet<string>
  readonly #stopped = Promise.withResolvers<void>()
  #serving = true

  constructor(served: readonly GrpcService[]) {
    this.#names = new Set(["", Health.typeName, ...served.map(({ descriptor }) => descriptor.typeName)])
    this.services = grpcService(
      [Health],
      [
        unary(Health.method.check, async ({ service }) => {
          if (!this.#names.has(service)) throw new GrpcFailure(status.NOT_FOUND, `there is no service ${service}`)
          return { status: this.#status(service) }
        }),
        serverStreaming(Health.method.watch, (request, { signal }) => this.#watch(request.service, signal)),
      ],
    )
  }

  /** Tells it to whoever watches, and ends their calls. */
  stop(): void {
    this.#serving = false
    this.#stopped.resolve()
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    yield this.#encoded(service)
    if (!this.#serving) return
    const { promise: cancelled, resolve } = Promise.withResolvers<void>()
    signal.addEventListener("abort", () => resolve(), { once: true })
    await Promise.race([this.#stopped.promise, cancelled])
    if (!signal.aborted && this.#names.has(service)) yield this.#encoded(service)
  }

  #encoded(service: string): Uint8Array {
    return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: this.#status(service) }))
  }

  #status(service: string): HealthCheckResponse_ServingStatus {
    if (!this.#names.has(service)) return SERVICE_UNKNOWN
    return this.#serving ? SERVING : NOT_SERVING
  }
}
