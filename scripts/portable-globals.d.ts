/**
 * The globals that portable code may use: those which Node, browsers and workers share. Nothing else of a host is
 * visible to it (tsconfig.portable.json). Declared here and not taken from lib.dom, which would let `document` in.
 */

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, into: Uint8Array): { read: number; written: number }
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: ArrayBufferView | ArrayBufferLike, options?: { stream?: boolean }): string
}

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: "abort", listener: () => void): void
}
declare const AbortSignal: {
  timeout(ms: number): AbortSignal
  any(signals: Iterable<AbortSignal>): AbortSignal
  abort(reason?: unknown): AbortSignal
}
declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

declare const performance: { now(): number }

declare function queueMicrotask(callback: () => void): void
declare function structuredClone<T>(value: T): T
declare function setTimeout(callback: () => void, ms?: number): unknown
declare function clearTimeout(handle: unknown): void

/** As much of fetch as is asked for. Bodies are read by their readers: not every browser can iterate over them. */
interface Response {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null; has(name: string): boolean }
  readonly body: {
    getReader(): {
      read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array<ArrayBuffer> }>
      cancel(reason?: unknown): Promise<void>
    }
  } | null
  text(): Promise<string>
  arrayBuffer(): Promise<ArrayBuffer>
}
declare const Response: {
  new (
    body: Uint8Array<ArrayBuffer> | string | ReadableStream | null,
    init: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  ): Response
}
/** As a server gets it. */
interface Request {
  readonly body: Response["body"]
  readonly signal: AbortSignal
}
interface ReadableStreamController {
  /** How much more is wanted before it is pulled again. */
  readonly desiredSize: number | null
  enqueue(bytes: Uint8Array): void
  close(): void
  error(reason: unknown): void
}
declare class ReadableStream<R = unknown> {
  constructor(source: {
    start(controller: ReadableStreamController): void
    pull?(): void
    cancel?(reason: unknown): void
  })
  /** Node alone has it. */
  static from<R>(source: AsyncIterable<R>): ReadableStream<R>
  [Symbol.asyncIterator](): AsyncIterator<R>
}
declare function fetch(
  url: string,
  init?: {
    readonly method?: string
    readonly headers?: Iterable<readonly [string, string]> | Readonly<Record<string, string>>
    readonly body?: Uint8Array<ArrayBuffer> | string | null
    readonly signal?: AbortSignal | null
    readonly redirect?: "error" | "follow" | "manual"
  },
): Promise<Response>

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module, imports?: object)
    readonly exports: Readonly<Record<string, unknown>>
  }
  class Memory {
    constructor(limits: { initial: number; maximum?: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
}

/** Web Crypto, as far as it is asked for: what is missing here is missing for Node's code too. */
interface CryptoKey {
  readonly type: string
}
declare const crypto: {
  getRandomValues<T extends Uint8Array>(bytes: T): T
  randomUUID(): string
  readonly subtle: {
    digest(algorithm: "SHA-256", bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>
    generateKey(
      algorithm: "Ed25519",
      extractable: boolean,
      usages: readonly string[],
    ): Promise<{ readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }>
    importKey(
      format: "pkcs8" | "raw",
      bytes: Uint8Array<ArrayBuffer>,
      algorithm: "Ed25519",
      extractable: boolean,
      usages: readonly string[],
    ): Promise<CryptoKey>
    exportKey(format: "pkcs8" | "raw", key: CryptoKey): Promise<ArrayBuffer>
    sign(algorithm: "Ed25519", key: CryptoKey, bytes: Uint8Array): Promise<ArrayBuffer>
    verify(algorithm: "Ed25519", key: CryptoKey, signature: Uint8Array, bytes: Uint8Array): Promise<boolean>
  }
}
