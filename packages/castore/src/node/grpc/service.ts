/** The server's half of the adapter between grpc-js, which moves bytes, and protobuf-es, which knows the messages. */
import type { Readable } from "node:stream"
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf"
import type {
  MethodDefinition,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
  Metadata,
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  sendUnaryData,
} from "@grpc/grpc-js"
import { CastoreError } from "../../problem.ts"
import { Backlog } from "./backlog.ts"
import { GrpcStatusCode, toStatus } from "./status.ts"
import { asBuffer, asBytes } from "./buffers.ts"

/** Bytes handed to grpc-js that are not yet on the wire, after which a stream of answers waits. */
const PENDING_BYTES_MAX = 2 ** 20

/** One call, as its handler sees it. */
export interface ServerCall {
  /** Aborted when the client gives up, its deadline passes, or it is gone. */
  readonly signal: AbortSignal
  readonly metadata: Metadata
}

/** How many calls there may be. */
export interface CallGate {
  /** @throws {GrpcFailure} if there are too many */
  enter(): void
  leave(): void
}

/** What a server wants to have done with every call. */
export interface ServiceHooks {
  readonly gate?: CallGate
  /** Gets what a client is told only as "internal error". */
  readonly onInternalError?: (error: unknown, method: string) => void
}

/** A service for `Server.addService` of grpc-js, and for reflection. */
export interface GrpcService {
  readonly descriptor: DescService
  readonly definition: ServiceDefinition
  implementation(hooks: ServiceHooks): UntypedServiceImplementation
}

interface Method {
  readonly method: DescMethod
  readonly start: (
    hooks: ServiceHooks,
  ) =>
    | handleUnaryCall<Uint8Array, Uint8Array>
    | handleClientStreamingCall<Uint8Array, Uint8Array>
    | handleServerStreamingCall<Uint8Array, Uint8Array>
    | handleBidiStreamingCall<Uint8Array, Uint8Array>
}

/** The same methods under several names: services whose methods and messages differ in the package only. */
export function grpcService(descriptors: readonly DescService[], methods: readonly Method[]): GrpcService[] {
  return descriptors.map((descriptor) => {
    const definition: Record<string, MethodDefinition<Uint8Array, Uint8Array>> = {}
    for (const { name, methodKind } of descriptor.methods) {
      definition[name] = {
        path: `/${descriptor.typeName}/${name}`,
        requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
        responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
        // Handlers read and write the messages, so that a bad one gets a status that says so.
        requestSerialize: asBuffer,
        requestDeserialize: asBytes,
        responseSerialize: asBuffer,
        responseDeserialize: asBytes,
      }
    }
    return {
      descriptor,
      definition,
      implementation: (hooks) =>
        Object.fromEntries<UntypedHandleCall>(methods.map(({ method, start }) => [method.name, start(hooks)])),
    }
  })
}

export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handle: (request: MessageShape<I>, call: ServerCall) => Promise<MessageInitShape<O>>,
): Method {
  return {
    method,
    start: (hooks) => (call: ServerUnaryCall<Uint8Array, Uint8Array>, done: sendUnaryData<Uint8Array>) => {
      const respond = async (): Promise<Uint8Array> => {
        const response = await handle(decodeRequest(method.input, call.request), serverCall(call))
        return toBinary(method.output, create(method.output, response))
      }
      void reply(respond, done, method, hooks)
    },
  }
}

/** @param handle yields encoded messages */
export function serverStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  handle: (request: MessageShape<I>, call: ServerCall) => AsyncIterable<Uint8Array>,
): Method {
  return {
    method,
    start: (hooks) => (call: ServerWritableStream<Uint8Array, Uint8Array>) => {
      const answers = (context: ServerCall): AsyncIterable<Uint8Array> =>
        handle(decodeRequest(method.input, call.request), context)
      void sendAll(call, answers, method, hooks)
    },
  }
}

/** @param handle gets encoded messages */
export function clientStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodClientStreaming<I, O>,
  handle: (messages: AsyncIterable<Uint8Array>, call: ServerCall) => Promise<MessageInitShape<O>>,
): Method {
  return {
    method,
    start: (hooks) => (call: ServerReadableStream<Uint8Array, Uint8Array>, done: sendUnaryData<Uint8Array>) => {
      const context = serverCall(call)
      const respond = async (): Promise<Uint8Array> => {
        const response = await handle(messagesOf(call, context.signal), context)
        return toBinary(method.output, create(method.output, response))
      }
      void reply(respond, done, method, hooks)
    },
  }
}

/** @param handle gets and yields encoded messages */
export function bidiStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O>,
  handle: (messages: AsyncIterable<Uint8Array>, call: ServerCall) => AsyncIterable<Uint8Array>,
): Method {
  return {
    method,
    start: (hooks) => (call: ServerDuplexStream<Uint8Array, Uint8Array>) => {
      void sendAll(call, (context) => handle(messagesOf(call, context.signal), context), method, hooks)
    },
  }
}

/** @throws {CastoreError} `invalid` if the bytes are not a message of this type */
export function decodeRequest<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes)
  } catch (error) {
    throw invalidMessage(schema.name, error)
  }
}

export function invalidMessage(name: string, error: unknown): CastoreError {
  const reason = `not a message of this type: ${error instanceof Error ? error.message : String(error)}`
  return new CastoreError({ code: "invalid", field: name, reason }, { cause: error })
}

/** What the four kinds of calls have in common. */
interface Cancellable {
  readonly cancelled: boolean
  readonly metadata: Metadata
  on(event: "cancelled", listener: () => void): unknown
}

function serverCall(call: Cancellable): ServerCall {
  const controller = new AbortController()
  // Also when a deadline passes, and when the connection breaks.
  call.on("cancelled", () => controller.abort())
  if (call.cancelled) controller.abort()
  return { signal: controller.signal, metadata: call.metadata }
}

async function reply(
  respond: () => Promise<Uint8Array>,
  done: sendUnaryData<Uint8Array>,
  method: DescMethod,
  hooks: ServiceHooks,
): Promise<void> {
  let response: Uint8Array
  try {
    response = await admitted(hooks, respond)
  } catch (error) {
    done(statusOf(error, method, hooks))
    return
  }
  done(null, response)
}

type Sink = ServerWritableStream<Uint8Array, Uint8Array> | ServerDuplexStream<Uint8Array, Uint8Array>

/** Sends answers as fast as the client takes them, and stops asking for more when nobody takes them any longer. */
async function sendAll(
  call: Sink,
  open: (context: ServerCall) => AsyncIterable<Uint8Array>,
  method: DescMethod,
  hooks: ServiceHooks,
): Promise<void> {
  const context = serverCall(call)
  const { signal } = context
  const backlog = new Backlog(PENDING_BYTES_MAX)
  signal.addEventListener("abort", () => backlog.end(), { once: true })
  try {
    await admitted(hooks, async () => {
      for await (const message of open(context)) {
        if (signal.aborted) return
        backlog.add(message.length)
        call.write(message, () => backlog.remove(message.length))
        if (backlog.tooMuch) await backlog.drained()
      }
    })
    call.end()
  } catch (error) {
    if (!signal.aborted) call.emit("error", statusOf(error, method, hooks))
  }
}

async function admitted<T>({ gate }: ServiceHooks, run: () => Promise<T>): Promise<T> {
  gate?.enter()
  try {
    return await run()
  } finally {
    gate?.leave()
  }
}

async function* messagesOf(call: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    // By itself it would destroy the stream at the end, and with it the way back.
    for await (const message of call.iterator({ destroyOnReturn: false })) yield message as Uint8Array
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
  // A connection that breaks looks like an end at first.
  await new Promise(setImmediate)
  signal.throwIfAborted()
}

function statusOf(error: unknown, method: DescMethod, hooks: ServiceHooks): Error & { code: number; details: string } {
  const { code, details } = toStatus(error)
  if (code === GrpcStatusCode.INTERNAL) hooks.onInternalError?.(error, `${method.parent.typeName}/${method.name}`)
  return Object.assign(new Error(details), { code, details })
}
