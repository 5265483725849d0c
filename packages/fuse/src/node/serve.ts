import { read, readSync, statfs, writeSync, writevSync } from "node:fs"
import { join } from "node:path"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Answer } from "../file-system.ts"
import { PAGE, REQUEST_MAX, SIZE, WAKE_UP_NAME } from "../protocol.ts"
import { encodeHeader, encodeWakeUp, FAILED, type Reply } from "../reply.ts"
import { decodeRequest, type Request } from "../request.ts"
import { Alarm } from "./alarm.ts"
import type { MountedFolder } from "./device.ts"

export interface ServeOptions {
  /**
   * Whether this thread has nothing better to do. While requests come one after the other, it then waits for each in a call
   * that blocks, up to 40 ms at a time: that answers three times as many. Programs that look at the files themselves would
   * wait for themselves.
   */
  readonly devoted?: boolean
  /** Ends it. Who has a file open then is told that nobody answers, once the device is closed. */
  readonly signal?: AbortSignal
}

/** How long requests may keep everything else waiting. */
const SLICE_MS = 5
/** How long an answer is waited for by looking again and again: most that are not at hand come from a disk nearby. */
const IMPATIENCE_MS = 0.5

/** What answers requests: a `FileSystem`. */
export interface Server {
  answer(request: Request): Answer
  readonly wakeUpId: number | undefined
  readonly isBusy: boolean
}

/**
 * Answers what comes from the device until what it belongs to is mounted nowhere any more, and nobody has a file of it open.
 *
 * @throws {FuseError} `protocol`
 */
export async function serveDevice(
  { fd, folder }: Pick<MountedFolder, "fd" | "folder">,
  server: Server,
  { devoted = false, signal }: ServeOptions = {},
): Promise<void> {
  const alarm = new Alarm(fd, join(folder, WAKE_UP_NAME))
  const device = new Device(fd, server)
  // Node does not end before its threads do, of which one is reading. If that cannot be ended, another program can end for us.
  const onExit = (code: number): void => {
    if (!device.stop()) process.execve!("/bin/sh", ["sh", "-c", `exit ${code}`])
  }
  const onAbort = (): void => {
    device.stop()
    // The same, if the kernel has forgotten the file.
    statfs(folder, () => undefined)
  }
  process.once("exit", onExit)
  signal?.addEventListener("abort", onAbort, { once: true })
  try {
    for (let taken: Taken = signal?.aborted === true ? "ended" : "answered"; taken !== "ended";) {
      if (server.wakeUpId === undefined) alarm.lookUp()
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      taken = await device.takeSoon()
      // oxlint-disable-next-line no-await-in-loop
      if (devoted && taken === "answered") taken = await takeNow(device, server, alarm)
    }
  } finally {
    process.off("exit", onExit)
    signal?.removeEventListener("abort", onAbort)
    // It may be waiting for an answer that nobody gives any more, until the device is closed.
    void alarm.close()
  }
}

/** Answers requests as long as they come at once, the answers are at hand, and there is a way to be woken up. */
async function takeNow(device: Device, server: Server, alarm: Alarm): Promise<Taken> {
  try {
    let taken: Taken = "answered"
    let began = performance.now()
    for (let id = server.wakeUpId; id !== undefined && taken === "answered" && device.waiting === 0;) {
      alarm.set(id)
      taken = device.takeNow()
      id = server.wakeUpId
      if (device.waiting === 0 && !server.isBusy && performance.now() - began < SLICE_MS) continue
      alarm.stop()
      began = performance.now()
      do {
        // oxlint-disable-next-line no-await-in-loop -- that is the purpose
        await nextTurn()
      } while (device.waiting > 0 && performance.now() - began < IMPATIENCE_MS)
    }
    return taken
  } finally {
    alarm.stop()
  }
}

type Taken = "answered" | "woken" | "ended"

/** Reads requests, writes answers, and knows which are not answered yet. */
class Device {
  private readonly fd: number
  private readonly server: Server
  private readonly request = Buffer.allocUnsafeSlow(REQUEST_MAX)
  private readonly unanswered = new Set<number>()
  private stopped = false
  private failure: { readonly error: unknown } | undefined
  /** For short answers, which are most, and the header of others. */
  private readonly buffer = Buffer.alloc(PAGE)
  private readonly view = new DataView(this.buffer.buffer, this.buffer.byteOffset)
  private readonly header = this.buffer.subarray(0, SIZE.outHeader)

  constructor(fd: number, server: Server) {
    this.fd = fd
    this.server = server
  }

  /** Answers that are being worked out. */
  get waiting(): number {
    return this.unanswered.size
  }

  /** Waits for the next request and answers it. */
  takeSoon(): Promise<Taken> {
    return new Promise((resolve, reject) => {
      read(this.fd, this.request, 0, this.request.length, null, (error, length) => {
        try {
          resolve(this.take(error, length))
        } catch (problem) {
          reject(problem)
        }
      })
    })
  }

  /** The same, and nothing else happens in this thread meanwhile. */
  takeNow(): Taken {
    let length = 0
    try {
      length = readSync(this.fd, this.request)
    } catch (error) {
      return this.take(error as NodeJS.ErrnoException, 0)
    }
    return this.take(null, length)
  }

  /** Whoever waits for a request is told that there are no more. The result is whether they can be. */
  stop(): boolean {
    this.stopped = true
    const id = this.server.wakeUpId
    if (id === undefined) return false
    try {
      writeSync(this.fd, encodeWakeUp(id))
      return true
    } catch (error) {
      // Nothing is mounted any more: then nobody waits. Else the kernel has forgotten the file meanwhile.
      return (error as NodeJS.ErrnoException).code === "ENODEV"
    }
  }

  private take(error: NodeJS.ErrnoException | null, length: number): Taken {
    if (this.failure !== undefined) throw this.failure.error
    if (this.stopped || error?.code === "ENODEV") return "ended"
    // A request that was taken back, or a signal.
    if (error?.code === "ENOENT" || error?.code === "EINTR" || error?.code === "EAGAIN") return "answered"
    if (error !== null) throw error
    const request = decodeRequest(this.request.subarray(0, length))
    const { body, unique } = request
    if (body.op === "notify-reply") return "woken"
    if (body.op === "interrupt") this.interrupt(body.unique)
    else {
      const answer = this.server.answer(request)
      if (answer instanceof Promise) void this.writeLater(unique, answer)
      else if (answer !== undefined) this.write(unique, answer)
    }
    return "answered"
  }

  /** Whoever waits for the answer has been told to stop. */
  private interrupt(unique: number): void {
    if (this.unanswered.delete(unique)) this.write(unique, FAILED.EINTR)
  }

  private async writeLater(unique: number, answer: Promise<() => Reply>): Promise<void> {
    this.unanswered.add(unique)
    try {
      const reply = await answer
      if (this.unanswered.delete(unique)) this.write(unique, reply())
    } catch (error) {
      this.failure = { error }
    }
  }

  private write(unique: number, reply: Reply): void {
    const pieces = "errno" in reply ? [] : reply.pieces
    let length = 0
    for (const piece of pieces) length += piece.length
    encodeHeader(this.view, unique, "errno" in reply ? reply.errno : 0, length)
    try {
      if (SIZE.outHeader + length <= this.buffer.length) {
        let at = SIZE.outHeader
        for (const piece of pieces) {
          this.buffer.set(piece, at)
          at += piece.length
        }
        writeSync(this.fd, this.buffer, 0, at)
      } else {
        writevSync(this.fd, [this.header, ...(pieces.length <= PIECES_MAX ? pieces : [Buffer.concat(pieces)])])
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Nobody waits for it any more; or nothing is mounted any more, which the next read says as well.
      if (code !== "ENOENT" && code !== "ENODEV") throw error
    }
  }
}

/** An answer is one call, which takes no more pieces than that (IOV_MAX is 1024). */
const PIECES_MAX = 1000
