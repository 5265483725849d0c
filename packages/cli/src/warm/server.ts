/**
 * The process that `tvix warm` keeps: it evaluates for others, one after the other, in one and the same V8, which has compiled and
 * optimised the evaluator by then. Nothing else is kept from one to the next: docs/decisions/0014-warm-process.md.
 */
import { existsSync, renameSync, rmSync, statSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { byteStringOf } from "@tvix-ts/bytes"
import { Declined, setCaller, type Caller } from "../caller.ts"
import { exitCodeOf } from "../main.ts"
import { writeError } from "../output.ts"
import {
  frame,
  FrameError,
  FrameReader,
  frames,
  type FrameKind,
  type Request,
  type Status,
  type WarmProgram,
} from "./frames.ts"
import { collectGarbage, collectOnTheWay, heapUsed } from "./garbage.ts"
import { whereabouts, type Place } from "./place.ts"

export interface WarmOptions {
  readonly place: Place
  /** What each program does with its words. */
  readonly programs: Readonly<Record<WarmProgram, (words: readonly string[]) => Promise<number>>>
  /** Without anything to do for so long, it ends; Infinity for never. */
  readonly idleMs: number
  /** Bytes of heap that may be in use between evaluations. */
  readonly memoryMax: number
}

/** Why it ended. */
export type WarmEnd = "stopped" | "idle" | "outdated" | "full"

/** Who was greeted and asks for nothing is not waited for. */
const REQUEST_MS = 1000
/** Of messages that a client has not read yet. */
const BACKLOG_BYTES_MAX = 2 ** 26
/** Longer than any string can be. */
const INPUT_BYTES_MAX = 2 ** 29
/** How often it is looked whether anybody can still find us. */
const LOOK_MS = 60_000

export class WarmServer {
  readonly #options: WarmOptions
  readonly #server: Server = createServer((socket) => this.#greet(socket))
  readonly #startedAt = performance.now()
  #evaluations = 0
  /** Whoever is served, or was just told that he would be. */
  #current: Socket | undefined
  #lastUse = performance.now()
  #inode = 0n
  readonly #ended = Promise.withResolvers<WarmEnd>()
  #end: WarmEnd | undefined
  readonly #sockets = new Set<Socket>()

  constructor(options: WarmOptions) {
    this.#options = options
  }

  /** From here on it is found. @throws what the system has to say */
  async listen(): Promise<void> {
    const { socket } = this.#options.place
    // Under another name first: so there is one at any time, whoever else starts just now.
    const draft = `${socket}.${process.pid}`
    rmSync(draft, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(draft, () => {
        this.#server.off("error", reject)
        resolve()
      })
    })
    this.#inode = statSync(draft, { bigint: true }).ino
    renameSync(draft, socket)
    const { idleMs } = this.#options
    const look = setInterval(() => this.#look(), Math.min(LOOK_MS, Math.max(1, idleMs / 4)))
    void this.#ended.promise.then(() => clearInterval(look))
  }

  /** Settles when it serves nobody any more. */
  async ended(): Promise<WarmEnd> {
    return this.#ended.promise
  }

  close(why: WarmEnd = "stopped"): void {
    if (this.#end !== undefined) return
    this.#end = why
    if (this.#isFound()) rmSync(this.#options.place.socket, { force: true })
    this.#server.close(() => this.#ended.resolve(why))
    for (const socket of this.#sockets) socket.destroy()
  }

  #look(): void {
    if (!this.#isFound() || isOutdated()) this.close("outdated")
    else if (this.#current === undefined && performance.now() - this.#lastUse > this.#options.idleMs) this.close("idle")
  }
  #isFound(): boolean {
    return statSync(this.#options.place.socket, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode
  }

  #status(): Status {
    return {
      pid: process.pid,
      evaluations: this.#evaluations,
      age: Math.round((performance.now() - this.#startedAt) / 1000),
      memory: process.memoryUsage.rss(),
      memoryPeak: process.resourceUsage().maxRSS * 1024,
    }
  }

  #greet(socket: Socket): void {
    this.#sockets.add(socket)
    const gone = new AbortController()
    socket.on("close", () => {
      this.#sockets.delete(socket)
      gone.abort(new Error("interrupted"))
      if (this.#current === socket && call === undefined) this.#current = undefined
    })
    // Its end tells.
    socket.on("error", () => {})
    let call: ClientCall | undefined
    const isFirst = this.#current === undefined
    if (isFirst) {
      this.#current = socket
      socket.setTimeout(REQUEST_MS, () => socket.destroy())
    }
    const reader = new FrameReader()
    socket.on("data", (piece: Buffer) => {
      try {
        for (const { kind, payload } of reader.push(piece)) {
          if (kind === "stop") this.close()
          else if (kind === "request" && isFirst && call === undefined) {
            socket.setTimeout(0)
            const request = JSON.parse(payload.toString()) as Request
            call = new ClientCall(socket, request, gone.signal)
            void this.#serve(call, request)
          } else if (call !== undefined) call.take(kind, payload)
          else throw new FrameError(`nobody waits for ${kind}`)
        }
      } catch {
        // Not one of ours: this socket is no more use.
        socket.destroy()
      }
    })
    socket.write(frame(isFirst ? "ready" : "busy", JSON.stringify(this.#status())))
  }

  async #serve(call: ClientCall, request: Request): Promise<void> {
    const { programs, memoryMax } = this.#options
    // It would lack a part of itself half-way.
    if (isOutdated()) return this.close("outdated")
    const over = collectOnTheWay()
    try {
      const exitCode = await inPlaceOf(request, call, async () =>
        exitCodeOf(async () => programs[request.program](request.words)),
      )
      this.#evaluations++
      call.end("exit", String(exitCode))
    } catch (error) {
      call.end("declined")
      if (!(error instanceof Declined)) writeError(byteStringOf(`${new Date().toISOString()} ${stackOf(error)}\n`))
    } finally {
      over()
      this.#current = undefined
      this.#lastUse = performance.now()
    }
    if (heapUsed() > memoryMax) {
      collectGarbage()
      if (heapUsed() > memoryMax) this.close("full")
    }
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Whether what is loaded when it is first needed is gone: bundles are, when there is a new one. */
function isOutdated(): boolean {
  return !existsSync(fileURLToPath(import.meta.url))
}

/** Runs `work` as if the client had started this process. @throws {Declined} if that cannot be */
async function inPlaceOf<T>(request: Request, caller: Caller, work: () => Promise<T>): Promise<T> {
  if (request.whereabouts !== whereabouts()) throw new Declined()
  const own = { ...process.env }
  const umask = process.umask()
  setCaller(caller)
  try {
    try {
      process.chdir(request.cwd)
      process.umask(request.umask)
      replaceEnvironment(request.env)
    } catch {
      throw new Declined()
    }
    return await work()
  } finally {
    setCaller(undefined)
    replaceEnvironment(own)
    process.umask(umask)
    process.chdir("/")
  }
}

function replaceEnvironment(to: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in to)) delete process.env[name]
  for (const [name, value] of Object.entries(to)) if (process.env[name] !== value) process.env[name] = value
}

/** A client while it is served. */
class ClientCall implements Caller {
  readonly calledAt = performance.now()
  readonly columns: number
  readonly rows: number
  readonly signal: AbortSignal
  readonly #socket: Socket
  readonly #terminals: readonly number[]
  #input: { readonly pieces: Buffer[]; length: number; readonly whole: PromiseWithResolvers<Uint8Array> } | undefined

  constructor(socket: Socket, { terminals, columns, rows }: Request, signal: AbortSignal) {
    this.#socket = socket
    this.#terminals = terminals
    this.columns = columns
    this.rows = rows
    this.signal = signal
  }

  write(file: 1 | 2, bytes: Uint8Array): void {
    // What is printed is kept anyway; messages have no end in a program that traces without end.
    if (file === 2 && this.#socket.writableLength > BACKLOG_BYTES_MAX) this.#socket.destroy()
    for (const each of frames(file === 1 ? "output" : "error", bytes)) this.#socket.write(each)
  }
  isTerminal(file: number): boolean {
    return this.#terminals.includes(file)
  }
  async readInput(): Promise<Uint8Array> {
    if (this.#input === undefined) {
      const whole = Promise.withResolvers<Uint8Array>()
      this.#input = { pieces: [], length: 0, whole }
      this.signal.addEventListener("abort", () => whole.reject(this.signal.reason), { once: true })
      this.#socket.write(frame("wants-input"))
      return whole.promise
    }
    // As the end of a stream stays where it is.
    return new Uint8Array()
  }

  /** @throws {FrameError} if it is not time for that */
  take(kind: FrameKind, payload: Buffer): void {
    const input = this.#input
    if (input === undefined || (kind !== "input" && kind !== "no-input"))
      throw new FrameError(`nobody waits for ${kind}`)
    if (kind === "no-input") input.whole.reject(new Error(payload.toString()))
    else if (payload.length === 0) input.whole.resolve(Buffer.concat(input.pieces))
    else {
      input.length += payload.length
      if (input.length > INPUT_BYTES_MAX) throw new FrameError(`more than ${INPUT_BYTES_MAX} bytes of input`)
      input.pieces.push(payload)
    }
  }
  end(kind: "exit" | "declined", payload = ""): void {
    this.#socket.end(frame(kind, payload))
  }
}
