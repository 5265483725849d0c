/** A worker as the command sees it: a process that is sent batches and answers in lines. */
import { spawn, type ChildProcessByStdio } from "node:child_process"
import { availableParallelism } from "node:os"
import { extname } from "node:path"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { formatRequest, LineReader, parseAnswer, ProtocolError, type Answer, type Batch } from "./protocol.ts"

/** How it ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface WorkerBounds {
  /** What the process may take. */
  readonly memoryMiB: number
  /** How many there are, this one included. */
  readonly workers: number
}

export interface WorkerEvents {
  readonly answer: (answer: Answer) => void
  /** What it, or the program, wrote to standard error. */
  readonly message: (bytes: Buffer) => void
  /** It is gone: nothing comes any more. */
  readonly end: (end: End) => void
}

/** What an engine without memory says before it dies, with its stack behind it, of which nobody can make use. */
const LAST_WORDS = /\n?<--- Last few GCs --->|FATAL ERROR: /

export class WorkerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  /** @param words of the command line */
  constructor(words: readonly string[], bounds: WorkerBounds, events: WorkerEvents) {
    const program = fileURLToPath(new URL(`./jobs-worker${extname(import.meta.url)}`, import.meta.url))
    const child = spawn(process.execPath, [...engineFlags(bounds), program], { stdio: ["pipe", "pipe", "pipe"] })
    this.#child = child
    const reader = new LineReader((line) => events.answer(parseAnswer(line)))
    child.stdout.on("data", (bytes: Buffer) => {
      try {
        reader.push(bytes)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        // Not our worker's words: as good as dead.
        this.kill()
      }
    })
    let dying = false
    child.stderr.on("data", (bytes: Buffer) => {
      if (dying) return
      const end = bytes.toString("latin1").search(LAST_WORDS)
      dying = end >= 0
      if (end !== 0) events.message(dying ? bytes.subarray(0, end) : bytes)
    })
    // It may have died meanwhile, which `close` tells.
    child.stdin.on("error", () => {})
    let failed = false
    child.on("error", () => {
      if (child.pid !== undefined || failed) return
      failed = true
      events.end({ code: null, signal: null })
    })
    child.on("close", (code, signal) => {
      if (!failed) events.end({ code, signal })
    })
    child.stdin.write(formatRequest({ words }), "latin1")
  }

  get pid(): number | undefined {
    return this.#child.pid
  }
  send(batch: Batch): void {
    this.#child.stdin.write(formatRequest(batch), "latin1")
  }
  /** Lets it end when it has done what it was told. */
  dismiss(): void {
    this.#child.stdin.end()
  }
  kill(): void {
    this.#child.kill("SIGKILL")
  }
}

/** What a process takes besides its heap: compiled code, the runtime. */
const BESIDES_MIB = 96

/**
 * Of a young generation, MiB, of which there are two halves: it begins as small as the launcher has it, which suits the first
 * seconds, and grows. A heap of gigabytes is looked through at each of its collections, which then had better be few.
 */
const YOUNG_MIB = 64
/** Where all is to take less than {@link SMALL_MIB}. */
const YOUNG_SMALL_MIB = 32
const SMALL_MIB = 1024

/**
 * What the old generation may grow to before it is looked through, MiB: what is in there is in use, mostly. V8 takes half of
 * the largest size where this is more, as it always is; a number for each size would have V8's code kept for each apart.
 */
const INITIAL_OLD_MIB = 65_536

/** Our own flags, `--conditions=source` among them, with a heap of another size. */
function engineFlags({ memoryMiB, workers }: WorkerBounds): readonly string[] {
  const own = process.execArgv.filter((flag) => !/^--(?:max-old-space-size|input-type|test)/.test(flag))
  const young = memoryMiB < SMALL_MIB ? YOUNG_SMALL_MIB : YOUNG_MIB
  const old = memoryMiB - 2 * young - BESIDES_MIB
  const heap = [`--max-semi-space-size=${young}`, `--initial-old-space-size=${INITIAL_OLD_MIB}`]
  // More threads that compile and collect would take turns with the other workers.
  const threads = workers < availableParallelism() ? [] : ["--single-threaded"]
  return [...own, ...heap, `--max-old-space-size=${old}`, ...threads]
}
