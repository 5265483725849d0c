/**
 * Shells that start builds. Whoever starts a process copies the tables of all of its own memory: Node takes 4 ms for that, in
 * which it does nothing else, and a shell a tenth of one.
 *
 * A shell runs one script after the other. It leads a process group that ends with us: another process of the group waits
 * for the end of a channel that only we have open at the other side, and then kills the group.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { basename } from "node:path"
import type { Duplex } from "node:stream"
import { BuildError } from "../../problem.ts"
import { withoutInherited } from "../inherited.ts"
import type { LogPipe } from "../log-pipe.ts"
import { killIfThere } from "../wait-for-process.ts"

/** What a script has open: a channel to which it writes JSON documents, one a line, and one that tells it something. */
export const STATUS_FD = 3
export const TELL_FD = 4

/** Reads lines: names of a script, and of a pipe for what it says. The script may become another program. */
const LOOP = `
{ read -r _ <&${STATUS_FD}; kill -9 0; } ${TELL_FD}<&- &
while read -r script log; do
  ( . "./$script" ) </dev/null >"$log" 2>&1
  echo "{\\"ended\\":$?}" >&${STATUS_FD}
done`

/** What a script, or what it became, says of itself. */
export type Status = Readonly<Record<string, unknown>>

/** How a script ended: with a number as shells have it, or killed with its shell. */
export interface ScriptEnd {
  readonly status: number | undefined
  readonly signal: string | undefined
}

interface Script {
  readonly log: LogPipe
  readonly onStatus: (status: Status) => void
  readonly resolve: (end: ScriptEnd) => void
  readonly reject: (error: unknown) => void
}

export class Starter {
  readonly #child: ChildProcess
  readonly #status: Duplex
  readonly #tell: Duplex
  readonly #closed: Promise<unknown>
  #script: Script | undefined
  #isThere = true

  /** @param user who it is, if not we */
  constructor(folder: string, user: number | undefined) {
    this.#child = spawn("/bin/sh", ["-c", LOOP], {
      cwd: folder,
      env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
      detached: true,
      ...(user !== undefined && { uid: user, gid: user }),
      stdio: withoutInherited(["pipe", "ignore", "ignore", "pipe", "pipe"]),
    })
    this.#status = this.#child.stdio[STATUS_FD] as Duplex
    this.#tell = this.#child.stdio[TELL_FD] as Duplex
    // They break when the shell ends, which is said elsewhere.
    for (const channel of this.#child.stdio) channel?.on("error", () => {})
    this.#closed = once(this.#status, "close")
    let text = ""
    this.#status.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1")
      const lines = text.split("\n")
      text = lines.pop()!
      for (const line of lines) this.#hear(JSON.parse(line) as Status)
    })
    this.#child.once("exit", (code, signal) => {
      this.#isThere = false
      // Whoever ended it, the others of its group wait for this.
      this.#status.end()
      this.#script?.resolve({ status: code ?? undefined, signal: signal ?? undefined })
    })
    this.#child.once("error", (error) => {
      this.#isThere = false
      const reason = `/bin/sh cannot be started: ${error.message}`
      this.#script?.reject(new BuildError({ code: "start", reason }, { cause: error }))
    })
  }

  /** Whether it goes on. */
  get isThere(): boolean {
    return this.#isThere
  }

  /**
   * Runs a script, one at a time.
   *
   * @param script its name in the folder: a word for a shell, as is that of the log's pipe
   */
  async run(script: string, log: LogPipe, onStatus: (status: Status) => void): Promise<ScriptEnd> {
    try {
      return await new Promise((resolve, reject) => {
        this.#script = { log, onStatus, resolve, reject }
        this.#child.stdin!.write(`${script} ${basename(log.path)}\n`)
      })
    } finally {
      log.closeInput()
      this.#script = undefined
    }
  }

  tell(bytes: string): void {
    this.#tell.write(bytes)
  }

  /** Ends it, and the script that it runs. */
  kill(): void {
    if (this.#isThere && this.#child.pid !== undefined) killIfThere(-this.#child.pid)
  }

  /** Resolves when no process has its channels open. */
  async gone(): Promise<void> {
    await this.#closed
  }

  #hear(status: Status): void {
    const script = this.#script
    if (script === undefined) return
    // It has the pipe open by now.
    script.log.closeInput()
    if (typeof status["ended"] === "number") script.resolve({ status: status["ended"], signal: undefined })
    else script.onStatus(status)
  }
}

/** Makes shells as they are needed, and uses them again. */
export class Starters {
  readonly #folder: string
  /** That do nothing, by who they are. */
  readonly #free = new Map<number | undefined, Starter[]>()

  /** @param folder where the scripts are, and the pipes */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** @param work when it is done, no script runs any more, unless it fails */
  async use<T>(user: number | undefined, work: (starter: Starter) => Promise<T>): Promise<T> {
    const free = this.#free.get(user) ?? []
    this.#free.set(user, free)
    let starter = free.pop()
    while (starter?.isThere === false) starter = free.pop()
    starter ??= new Starter(this.#folder, user)
    try {
      const result = await work(starter)
      if (starter.isThere) free.push(starter)
      return result
    } catch (error) {
      starter.kill()
      throw error
    }
  }

  close(): void {
    for (const starter of [...this.#free.values()].flat()) starter.kill()
    this.#free.clear()
  }
}
