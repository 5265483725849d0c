/**
 * A command that lets the process of `tvix warm` do its work, if there is one that can. It must be quick to find out that there
 * is none: every evaluation begins here.
 */
import { lstatSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { byteStringOf } from "@tvix-ts/bytes"
import { REPLACEMENT } from "../command-line.ts"
import { CLEAR_LINE, isTerminal, terminalSize, writeError, writeErrorBytes, writeOutBytes } from "../output.ts"
import { frame, FrameError, FrameReader, frames, type Frame, type Request, type WarmProgram } from "./frames.ts"
import { distrust, warmPlace, whereabouts } from "./place.ts"

/** Commands of `tvix` that gain by it; those that build, ask or show wait for other things than V8. */
const SERVED: ReadonlySet<string | undefined> = new Set(["eval", "instantiate"])
/** Who has not greeted by then is busy, or about to end. */
const GREETING_MS = 100

/** The exit code; undefined if the command has to run here. */
export async function throughWarmProcess(program: WarmProgram, words: readonly string[]): Promise<number | undefined> {
  if (program === "tvix" && !SERVED.has(words[0])) return undefined
  if (process.env["TVIX_WARM"] === "0") return undefined
  const place = warmPlace()
  if (place === undefined) return undefined
  let request: Request
  try {
    if (lstatSync(place.socket, { throwIfNoEntry: false }) === undefined) return undefined
    if (distrust(place.folder) !== undefined) return undefined
    request = { program, words, ...surroundings() }
  } catch {
    // Nobody may look, or there is nowhere to be.
    return undefined
  }
  // What is not text would be another folder there.
  if (request.cwd.includes(REPLACEMENT)) return undefined
  return new Call(request, place.log).result(connect(place.socket))
}

/** @throws if the system does not tell */
function surroundings(): Omit<Request, "program" | "words"> {
  const terminals = [0, 1, 2].filter(isTerminal)
  return {
    cwd: process.cwd(),
    env: Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value!])),
    umask: process.umask(),
    whereabouts: whereabouts(),
    terminals,
    ...(terminals.includes(2) ? terminalSize() : { columns: 0, rows: 0 }),
  }
}

class Call {
  readonly #request: Request
  readonly #log: string
  readonly #reader = new FrameReader()
  /** Whether the command cannot begin anew: its standard input was read, or something was printed. */
  #committed = false
  #exitCode: number | undefined

  constructor(request: Request, log: string) {
    this.#request = request
    this.#log = log
  }

  async result(socket: Socket): Promise<number | undefined> {
    const greeting = setTimeout(() => socket.destroy(), GREETING_MS)
    const isShown = this.#request.terminals.includes(2)
    const interrupt = (name: NodeJS.Signals): void => {
      socket.destroy()
      // What it said last may be how far it is.
      if (isShown) writeError(CLEAR_LINE)
      release()
      process.kill(process.pid, name)
    }
    const hold = (): void => void process.on("SIGINT", interrupt).on("SIGTERM", interrupt)
    const release = (): void => void process.off("SIGINT", interrupt).off("SIGTERM", interrupt)
    const answer = ({ kind, payload }: Frame): void => {
      switch (kind) {
        case "ready":
          clearTimeout(greeting)
          hold()
          socket.write(frame("request", JSON.stringify(this.#request)))
          break
        case "output":
          this.#committed = true
          writeOutBytes(payload)
          break
        case "error":
          writeErrorBytes(payload)
          break
        case "wants-input":
          this.#committed = true
          // Nobody looks at signals while it is read.
          release()
          sendInput(socket)
          hold()
          break
        case "exit":
          this.#exitCode = Number(payload.toString())
          socket.end()
          break
        default:
          // Busy, or not to be done there.
          socket.destroy()
      }
    }
    await new Promise<void>((resolve, reject) => {
      socket.on("data", (piece: Buffer) => {
        try {
          for (const each of this.#reader.push(piece)) answer(each)
        } catch (error) {
          // What is no frame ends it; that there is no room for what is printed has to be said.
          if (!(error instanceof FrameError)) reject(error)
          socket.destroy()
        }
      })
      // Refused or broken, which its end tells.
      socket.on("error", () => {})
      socket.on("close", () => resolve())
    })
    clearTimeout(greeting)
    release()
    if (this.#exitCode !== undefined || !this.#committed) return this.#exitCode
    writeError(byteStringOf(`error: the process that 'tvix warm' started has ended; ${this.#log} may say why\n`))
    return 1
  }
}

function sendInput(socket: Socket): void {
  try {
    for (const each of frames("input", readFileSync(0))) socket.write(each)
    socket.write(frame("input"))
  } catch (error) {
    socket.write(frame("no-input", error instanceof Error ? error.message : String(error)))
  }
}
