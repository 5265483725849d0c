/** Bytes that come from outside, in one piece of memory that is used again and again: garbage adds up over gigabytes. */
import { CastoreError } from "@tvix-ts/castore"
import { closeSync, fstatSync, openSync, read } from "node:fs"
import { Socket } from "node:net"
import { promisify } from "node:util"
import { wordPath } from "../command-line.ts"

const FILE_LENGTH = 1 << 20
/** What a pipe holds. */
const PIPE_LENGTH = 65_536

const STDIN = 0

/**
 * The bytes of `file`; `-` is standard input. A piece is good until the next is asked for.
 *
 * @throws {unknown} the signal's reason, when it is aborted
 */
export async function* inputPieces(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const descriptor = file === "-" ? STDIN : openSync(wordPath(file), "r")
  const stats = fstatSync(descriptor)
  if (stats.isDirectory()) throw new CastoreError({ code: "invalid", field: `'${file}'`, reason: "is a directory" })
  // As long as nobody writes to a pipe, a thread that reads it would keep the process from ending.
  if (stats.isFIFO() || stats.isSocket()) return yield* pipePieces(descriptor, signal)
  const readInto = promisify(read)
  const buffer = new Uint8Array(FILE_LENGTH)
  try {
    for (;;) {
      const { bytesRead } = await readInto(descriptor, buffer, 0, FILE_LENGTH, null)
      signal.throwIfAborted()
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    if (descriptor !== STDIN) closeSync(descriptor)
  }
}

async function* pipePieces(descriptor: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = new Uint8Array(PIPE_LENGTH)
  let length = 0
  let ended = false
  let problem: Error | undefined
  let wake = (): void => {}
  const socket = new Socket({
    fd: descriptor,
    readable: true,
    writable: false,
    onread: {
      buffer,
      callback(bytes) {
        length = bytes
        wake()
        // No more until this is used.
        return false
      },
    },
  })
  const stop = (): void => {
    ended = true
    wake()
  }
  socket.on("end", stop).on("close", stop)
  socket.on("error", (error) => void (problem = error))
  signal.addEventListener("abort", stop, { once: true })
  try {
    for (;;) {
      length = 0
      socket.resume()
      if (!ended) await new Promise<void>((resolve) => void (wake = resolve))
      signal.throwIfAborted()
      if (problem !== undefined) throw problem
      if (length > 0) yield buffer.subarray(0, length)
      else if (ended) return
    }
  } finally {
    signal.removeEventListener("abort", stop)
    socket.destroy()
  }
}
