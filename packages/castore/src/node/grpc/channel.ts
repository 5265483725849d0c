/** The client's half of the adapter between grpc-js, which moves bytes, and protobuf-es, which knows the messages. */
import {
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageShape,
} from "@bufbuild/protobuf"
import {
  Client,
  Metadata,
  credentials,
  type CallOptions as GrpcCallOptions,
  type ClientReadableStream,
  type ClientWritableStream,
} from "@grpc/grpc-js"
import type { CallOptions } from "../../call.ts"
import { CastoreError } from "../../problem.ts"
import { Backlog } from "./backlog.ts"
import { fromStatus, withPeer } from "./status.ts"
import { asBuffer, asBytes } from "./buffers.ts"

/** Bytes that a message may have, unless told otherwise: a directory of some 200,000 entries, the chunks of 100 GB. */
export const MESSAGE_BYTES_MAX = 16 * 2 ** 20

/** Bytes in one message of a blob's contents. Chunks are at most half of it. */
export const BLOB_MESSAGE_BYTES = 2 ** 20

/**
 * Bytes that may be on their way to a peer before it says that it has read some. Without it, HTTP/2 stops after 64 KiB:
 * bench/grpc.ts.
 */
const WINDOW_BYTES = 8 * 2 ** 20

/** Bytes handed to grpc-js that are not yet on the wire, after which a writer has to wait. */
const PENDING_BYTES_MAX = 2 * 2 ** 20

export interface ChannelOptions {
  /** {@link MESSAGE_BYTES_MAX} without. */
  readonly messageBytesMax?: number
  /** A call that takes longer fails. Without, calls may take any time. */
  readonly deadlineMs?: number
  /** Whose names the peer's services have: those of Tvix, without. */
  readonly names?: "tvix" | "snix"
}

/**
 * A connection that is opened when it is needed, and again when it broke. Several services share it; it is closed with the
 * last of them.
 */
export class GrpcChannel {
  readonly #client: Client
  readonly #address: string
  readonly #deadlineMs: number | undefined
  readonly #names: "tvix" | "snix"
  #users = 0

  /** @param address `host:port`, `[v6]:port`, or `unix:/path` */
  constructor(address: string, options: ChannelOptions = {}) {
    const { messageBytesMax = MESSAGE_BYTES_MAX, deadlineMs, names = "tvix" } = options
    this.#address = address
    this.#deadlineMs = deadlineMs
    this.#names = names
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": messageBytesMax,
      "grpc.max_send_message_length": messageBytesMax,
      "grpc-node.flow_control_window": WINDOW_BYTES,
      // What was written would be kept for sending it again, and put() does not wait for the peer until that is full.
      "grpc.enable_retries": 0,
      // Connections are not shared with channels of the same address that others opened and may close.
      "grpc.use_local_subchannel_pool": 1,
    })
  }

  /** Counts a user, and gives what it has to call when it is done; calling it again does nothing. */
  use(): () => void {
    this.#users++
    let released = false
    return () => {
      if (released) return
      released = true
      if (--this.#users === 0) this.#client.close()
    }
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const { signal } = options
    signal?.throwIfAborted()
    const bytes = await new Promise<Uint8Array>((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        this.#path(method),
        asBuffer,
        asBytes,
        toBinary(method.input, request),
        new Metadata(),
        this.#options(),
        (error, response) => {
          signal?.removeEventListener("abort", cancel)
          if (error !== null) reject(signal?.aborted === true ? signal.reason : withPeer(error, this.#address))
          else resolve(response!)
        },
      )
      const cancel = (): void => call.cancel()
      signal?.addEventListener("abort", cancel, { once: true })
    })
    return decode(method.output, bytes)
  }

  /** The answers as they are encoded. Whoever stops iterating ends the call. */
  async *serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    const call: ClientReadableStream<Uint8Array> = this.#client.makeServerStreamRequest(
      this.#path(method),
      asBuffer,
      asBytes,
      toBinary(method.input, request),
      new Metadata(),
      this.#options(),
    )
    // After a cancellation nobody waits for its error.
    call.on("error", ignore)
    const cancel = (): void => call.cancel()
    signal?.addEventListener("abort", cancel, { once: true })
    let ended = false
    try {
      for await (const bytes of call) {
        signal?.throwIfAborted()
        yield bytes as Uint8Array
      }
      signal?.throwIfAborted()
      ended = true
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : withPeer(error, this.#address)
    } finally {
      signal?.removeEventListener("abort", cancel)
      // Servers end connections on which many calls are cancelled, so those that are over are left alone.
      if (!ended) call.cancel()
    }
  }

  clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    options: CallOptions = {},
    metadata: Readonly<Record<string, string>> = {},
  ): ClientStream<MessageShape<O>> {
    const sent = new Metadata()
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value)
    return new ClientStream(
      (done) =>
        this.#client.makeClientStreamRequest(this.#path(method), asBuffer, asBytes, sent, this.#options(), done),
      (bytes) => decode(method.output, bytes),
      this.#address,
      options.signal,
    )
  }

  #path(method: { readonly parent: DescService; readonly name: string }): string {
    return `/${named(method.parent.typeName, this.#names)}/${method.name}`
  }

  #options(): GrpcCallOptions {
    return this.#deadlineMs === undefined ? {} : { deadline: Date.now() + this.#deadlineMs }
  }
}

/** Snix's services have the same methods and messages as Tvix's. */
function named(typeName: string, names: "tvix" | "snix"): string {
  return names === "tvix" ? typeName : typeName.replace(/^tvix\./, "snix.")
}

/** A call that sends many messages and gets one answer. */
export class ClientStream<O> {
  /** Rejects when the call fails, at whatever moment. */
  readonly response: Promise<O>
  readonly #call: ClientWritableStream<Uint8Array>
  readonly #backlog = new Backlog(PENDING_BYTES_MAX)
  #failed = false

  constructor(
    start: (done: (error: Error | null, response?: Uint8Array) => void) => ClientWritableStream<Uint8Array>,
    decodeResponse: (bytes: Uint8Array) => O,
    address: string,
    signal: AbortSignal | undefined,
  ) {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<O>()
    this.response = promise
    promise.catch(() => {
      this.#failed = true
      this.#backlog.end()
    })
    const cancel = (): void => this.cancel()
    this.#call = start((error, response) => {
      signal?.removeEventListener("abort", cancel)
      if (error !== null) return reject(signal?.aborted === true ? signal.reason : withPeer(error, address))
      try {
        resolve(decodeResponse(response!))
      } catch (failure) {
        reject(failure)
      }
    })
    // The callback above tells the same.
    this.#call.on("error", ignore)
    signal?.addEventListener("abort", cancel, { once: true })
  }

  /** The bytes are kept until they are sent. A promise asks to wait for it; it rejects if the call has failed. */
  write(message: Uint8Array): Promise<void> | undefined {
    if (this.#failed) return this.response.then(ignore)
    this.#backlog.add(message.length)
    this.#call.write(message, () => this.#backlog.remove(message.length))
    return this.#backlog.tooMuch ? this.#drained() : undefined
  }

  /** No more messages come. */
  end(): Promise<O> {
    this.#call.end()
    return this.response
  }

  cancel(): void {
    this.#call.cancel()
  }

  async #drained(): Promise<void> {
    await this.#backlog.drained()
    if (this.#failed) await this.response
  }
}

/** @throws {CastoreError} `corrupt`: the peer does not speak our language */
function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes)
  } catch (error) {
    throw new CastoreError(
      {
        code: "corrupt",
        what: `the peer's ${schema.name}`,
        reason: error instanceof Error ? error.message : String(error),
      },
      { cause: error },
    )
  }
}

/** Awaits an answer, and gives problems the names that the rest of the program has for them. */
export async function answer<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : fromStatus(error)
  }
}

function ignore(): void {
  // Told elsewhere.
}
