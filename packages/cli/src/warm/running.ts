/** The process of `tvix warm`, for whoever asks whether there is one. */
import { connect, type Socket } from "node:net"
import { frame, FrameReader, type Status } from "./frames.ts"
import { distrust, type Place } from "./place.ts"

export interface Running extends Status {
  /** Whether it evaluates just now. */
  readonly busy: boolean
  /** Ends it, and settles when it has. */
  stop(): Promise<void>
  /** Ends the conversation. */
  leave(): void
}

/** It greets when it has a moment: an evaluation gives it one thirty times a second, but for long steps. */
const GREETING_MS = 5000

/** Undefined if there is none. @throws {Error} if it says nothing, or what nobody understands */
export async function findRunning({
  folder,
  socket: path,
}: Pick<Place, "folder" | "socket">): Promise<Running | undefined> {
  const why = distrust(folder)
  if (why !== undefined) throw new Error(`${folder} is not to be trusted: ${why}`)
  const socket = connect(path)
  return new Promise((resolve, reject) => {
    const reader = new FrameReader()
    const give = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(GREETING_MS, () => give(new Error(`the process behind ${path} does not answer`)))
    socket.on("error", ({ code, message }: NodeJS.ErrnoException) => {
      if (code === "ENOENT" || code === "ECONNREFUSED") resolve(undefined)
      else give(new Error(message))
    })
    socket.on("close", () => resolve(undefined))
    socket.on("data", (piece: Buffer) => {
      try {
        for (const { kind, payload } of reader.push(piece)) {
          if (kind !== "ready" && kind !== "busy") throw new Error(`it says ${kind}`)
          const status = JSON.parse(payload.toString()) as Status
          socket.setTimeout(0)
          resolve({ ...status, busy: kind === "busy", stop: async () => stop(socket), leave: () => socket.destroy() })
        }
      } catch (error) {
        give(new Error(`what answers at ${path} is not tvix warm`, { cause: error }))
      }
    })
  })
}

async function stop(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on("close", () => resolve())
  socket.write(frame("stop"))
  return promise
}
