import { byteStringFrom } from "@tvix-ts/bytes"
import { FuseError } from "./problem.ts"
import { CHANGING_OPCODES, OPCODE, SIZE } from "./protocol.ts"

/** What the kernel asks for. */
export interface Request {
  /** What the answer is recognised by. */
  readonly unique: number
  /** The file that it is about: a number that it was given. */
  readonly id: number
  readonly body: RequestBody
}

export type RequestBody =
  | {
      readonly op: "init"
      readonly major: number
      readonly minor: number
      readonly readahead: number
      readonly flags: number
    }
  /** `name` is a byte string. */
  | { readonly op: "lookup"; readonly name: string }
  /** It forgets that it was given each of these numbers so many times. There is no answer. */
  | { readonly op: "forget"; readonly counts: readonly (readonly [id: number, count: number])[] }
  | { readonly op: "getattr" }
  | { readonly op: "readlink" }
  /** At most so many bytes from there. */
  | { readonly op: "read"; readonly offset: number; readonly size: number }
  | { readonly op: "statfs" }
  | { readonly op: "opendir" }
  /** Entries from the one after `offset`, which an entry said, or from the first (0), with their attributes. */
  | { readonly op: "readdirplus"; readonly handle: number; readonly offset: number; readonly size: number }
  | { readonly op: "releasedir"; readonly handle: number }
  /** Whoever waits for the answer of `unique` wants to wait no longer. There is no answer to this. */
  | { readonly op: "interrupt"; readonly unique: number }
  | { readonly op: "destroy" }
  /** The answer to what was written to wake up the reader. There is none to this. */
  | { readonly op: "notify-reply" }
  /** Whatever would change something. */
  | { readonly op: "change" }
  | { readonly op: "unknown"; readonly opcode: number }

/**
 * Takes a request apart. Nothing of it is retained.
 *
 * @param bytes what one `read` of the device gave
 * @throws {FuseError} `protocol` if it is shorter than what it says it is
 */
export function decodeRequest(bytes: Uint8Array): Request {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  need(bytes, SIZE.inHeader, "header")
  const length = view.getUint32(0, true)
  if (length !== bytes.length) throw malformed(`a request of ${bytes.length} bytes says that it has ${length}`)
  const opcode = view.getUint32(4, true)
  return { unique: u64(view, 8), id: u64(view, 16), body: decodeBody(opcode, bytes, view) }
}

function decodeBody(opcode: number, bytes: Uint8Array, view: DataView): RequestBody {
  const start = SIZE.inHeader
  switch (opcode) {
    case OPCODE.lookup:
      return { op: "lookup", name: nameIn(bytes) }
    case OPCODE.forget:
      need(bytes, start + 8, "FORGET")
      return { op: "forget", counts: [[u64(view, 16), u64(view, start)]] }
    case OPCODE.batchForget:
      return { op: "forget", counts: forgotten(bytes, view) }
    case OPCODE.getattr:
      return { op: "getattr" }
    case OPCODE.readlink:
      return { op: "readlink" }
    case OPCODE.read:
      need(bytes, start + SIZE.readIn, "READ")
      return { op: "read", offset: u64(view, start + 8), size: view.getUint32(start + 16, true) }
    case OPCODE.statfs:
      return { op: "statfs" }
    case OPCODE.init: {
      need(bytes, start + SIZE.initIn, "INIT")
      const [major, minor, readahead, flags] = [0, 4, 8, 12].map((at) => view.getUint32(start + at, true))
      return { op: "init", major: major!, minor: minor!, readahead: readahead!, flags: flags! }
    }
    case OPCODE.opendir:
      return { op: "opendir" }
    case OPCODE.readdirplus: {
      need(bytes, start + SIZE.readIn, "READDIRPLUS")
      const [handle, offset] = [u64(view, start), u64(view, start + 8)]
      return { op: "readdirplus", handle, offset, size: view.getUint32(start + 16, true) }
    }
    case OPCODE.releasedir:
      need(bytes, start + 8, "RELEASEDIR")
      return { op: "releasedir", handle: u64(view, start) }
    case OPCODE.interrupt:
      need(bytes, start + 8, "INTERRUPT")
      return { op: "interrupt", unique: u64(view, start) }
    case OPCODE.destroy:
      return { op: "destroy" }
    case OPCODE.notifyReply:
      return { op: "notify-reply" }
  }
  return CHANGING_OPCODES.has(opcode) ? { op: "change" } : { op: "unknown", opcode }
}

/** The name that ends the request: bytes up to the NUL. */
function nameIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0, SIZE.inHeader)
  if (end !== bytes.length - 1) throw malformed("a name does not end where the request does")
  return byteStringFrom(bytes.subarray(SIZE.inHeader, end))
}

function forgotten(bytes: Uint8Array, view: DataView): (readonly [number, number])[] {
  const start = SIZE.inHeader + 8
  need(bytes, start, "BATCH_FORGET")
  const count = view.getUint32(SIZE.inHeader, true)
  need(bytes, start + 16 * count, "BATCH_FORGET")
  return Array.from({ length: count }, (_, i) => [u64(view, start + 16 * i), u64(view, start + 16 * i + 8)])
}

/** Numbers of requests and files stay far below 2^53; offsets above it are rounded, and beyond the end of every file. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

function need(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length < length) throw malformed(`${what} of ${bytes.length} bytes, which has ${length}`)
}

function malformed(reason: string): FuseError {
  return new FuseError({ code: "protocol", reason })
}
