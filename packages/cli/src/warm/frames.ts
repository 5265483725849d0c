/**
 * What is said between `tvix warm` and its clients: frames of a kind, the length of what follows, and that.
 *
 *     u8 kind, u32 length, little-endian, bytes
 *
 * The process greets (`ready` or `busy`); the client sends a `request`, or `stop`; then come `output` and `error` in
 * any number, perhaps `wants-input`, which the client answers with pieces of `input` and an empty one, or `no-input`; and in the end
 * `exit`, or `declined` before anything else.
 */

/** Their numbers are their places. */
const KINDS = [
  "ready", // JSON of a Status
  "busy", // the same
  "request", // JSON of a Request
  "stop",
  "output", // of the command
  "error",
  "wants-input",
  "input",
  "no-input", // why, as text
  "exit", // the code, as text
  "declined",
] as const

export type FrameKind = (typeof KINDS)[number]

export interface Frame {
  readonly kind: FrameKind
  readonly payload: Buffer
}

/** What the process tells of itself. */
export interface Status {
  readonly pid: number
  /** Programs evaluated so far. */
  readonly evaluations: number
  /** Seconds since it was started. */
  readonly age: number
  /** Bytes, all of the process: now, and at most. */
  readonly memory: number
  readonly memoryPeak: number
}

export interface Request {
  readonly program: WarmProgram
  /** As of `exactWords`. */
  readonly words: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly umask: number
  /** See place.ts. */
  readonly whereabouts: string
  /** Which of its standard streams are terminals. */
  readonly terminals: readonly number[]
  readonly columns: number
  readonly rows: number
}

export type WarmProgram = "tvix" | "nix-instantiate"

/** Longer payloads go in several frames. */
export const PAYLOAD_BYTES_MAX = 2 ** 20
/** But for a request: words and environment, of which systems allow some megabytes. */
const REQUEST_BYTES_MAX = 2 ** 26
const HEADER_BYTES = 5

/** Not what we speak. */
export class FrameError extends Error {
  override readonly name = "FrameError"
}

export function frame(kind: FrameKind, payload: Uint8Array | string = ""): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload
  if (bytes.length > limitOf(kind)) throw new FrameError(`${bytes.length} bytes of ${kind} are too many`)
  const framed = Buffer.allocUnsafe(HEADER_BYTES + bytes.length)
  framed[0] = KINDS.indexOf(kind)
  framed.writeUInt32LE(bytes.length, 1)
  framed.set(bytes, HEADER_BYTES)
  return framed
}

/** `bytes` in as many frames as they need; none if there are none. */
export function* frames(kind: "output" | "error" | "input", bytes: Uint8Array): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += PAYLOAD_BYTES_MAX)
    yield frame(kind, bytes.subarray(at, at + PAYLOAD_BYTES_MAX))
}

function limitOf(kind: FrameKind): number {
  return kind === "request" ? REQUEST_BYTES_MAX : PAYLOAD_BYTES_MAX
}

/** Puts frames together from what arrives. */
export class FrameReader {
  #pieces: Buffer[] = []
  #length = 0

  /** The frames that are whole now. @throws {FrameError} for what is none, and before it is kept */
  push(piece: Buffer): Frame[] {
    const whole: Frame[] = []
    this.#pieces.push(piece)
    this.#length += piece.length
    while (this.#length >= HEADER_BYTES) {
      const header = this.#first(HEADER_BYTES)
      const kind = KINDS[header[0]!]
      if (kind === undefined) throw new FrameError(`there is no frame of kind ${header[0]}`)
      const length = header.readUInt32LE(1)
      if (length > limitOf(kind)) throw new FrameError(`${length} bytes of ${kind} are too many`)
      const end = HEADER_BYTES + length
      if (this.#length < end) break
      const bytes = this.#first(end)
      this.#take(end)
      whole.push({ kind, payload: bytes.subarray(HEADER_BYTES) })
    }
    return whole
  }

  #first(count: number): Buffer {
    if (this.#pieces[0]!.length < count) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0]!.subarray(0, count)
  }
  #take(count: number): void {
    this.#pieces[0] = this.#pieces[0]!.subarray(count)
    if (this.#pieces[0].length === 0) this.#pieces.shift()
    this.#length -= count
  }
}
