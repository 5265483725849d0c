/**
 * The message `BlobChunk`, which carries the contents of blobs, without protobuf-es in between: it would copy them.
 *
 *     BlobChunk = 0x0a varint(length) bytes
 */
import { BlobChunkSchema } from "@tvix-ts/protos"
import { fromBinary } from "@bufbuild/protobuf"

const DATA = 0x0a

/** Bytes in front of the contents, at most: the tag, and a length below 2^28. */
const HEADER_BYTES_MAX = 5

/** Copies the bytes. */
export function encodeBlobChunk(bytes: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(headerLength(bytes.length) + bytes.length)
  message.set(bytes, writeHeader(message, bytes.length))
  return message
}

/** The contents, which share the message's memory. @throws for bytes that are not a message */
export function decodeBlobChunk(message: Uint8Array): Uint8Array {
  if (message[0] === DATA) {
    let length = 0
    for (let at = 1, shift = 0; at < HEADER_BYTES_MAX && at < message.length; at++, shift += 7) {
      const byte = message[at]!
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (at + 1 + length === message.length) return message.subarray(at + 1)
        break
      }
    }
  }
  // Absent contents, fields that we do not know, or a field that comes twice.
  return fromBinary(BlobChunkSchema, message).data
}

/** Collects bytes into messages of one size, into whose memory they are copied. */
export class BlobChunkBuffer {
  readonly #capacity: number
  #message: Buffer | undefined
  #length = 0

  /** @param capacity bytes of contents in a full message, below 2^28 */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get length(): number {
    return this.#length
  }

  /** Takes as many of the bytes as there is room for, and gives their number. */
  add(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.#capacity - this.#length)
    const needed = HEADER_BYTES_MAX + this.#length + taken
    if (this.#message === undefined || this.#message.length < needed) this.#grow(needed)
    this.#message!.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), HEADER_BYTES_MAX + this.#length)
    this.#length += taken
    return taken
  }

  get full(): boolean {
    return this.#length === this.#capacity
  }

  /** What was collected, in memory that the buffer goes on to use. */
  get contents(): Uint8Array {
    return this.#message?.subarray(HEADER_BYTES_MAX, HEADER_BYTES_MAX + this.#length) ?? new Uint8Array()
  }

  /** The message of what was collected; the buffer is empty then. */
  take(): Uint8Array {
    const length = this.#length
    const message = this.#message ?? Buffer.allocUnsafe(HEADER_BYTES_MAX)
    this.#message = undefined
    this.#length = 0
    // Right before the contents, wherever that is.
    const start = HEADER_BYTES_MAX - headerLength(length)
    writeHeader(message.subarray(start), length)
    return message.subarray(start, HEADER_BYTES_MAX + length)
  }

  /** Small blobs need little, and a large one gets all the room at once. */
  #grow(needed: number): void {
    const room = needed > this.#capacity / 4 ? HEADER_BYTES_MAX + this.#capacity : Math.max(2 * needed, 4096)
    const grown = Buffer.allocUnsafe(room)
    if (this.#message !== undefined) grown.set(this.#message.subarray(0, HEADER_BYTES_MAX + this.#length))
    this.#message = grown
  }
}

function headerLength(length: number): number {
  if (length < 2 ** 7) return 2
  if (length < 2 ** 14) return 3
  return length < 2 ** 21 ? 4 : HEADER_BYTES_MAX
}

/** Gives the offset after it. */
function writeHeader(out: Uint8Array, length: number): number {
  out[0] = DATA
  let at = 1
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80
  out[at++] = rest
  return at
}
