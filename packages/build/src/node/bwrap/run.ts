import { writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { textOf } from "@tvix-ts/bytes"
import type { BuildProblem } from "../../problem.ts"
import type { BuildOptions } from "../../service.ts"
import type { LogPipe } from "../log-pipe.ts"
import { runCommand, type Ended, type Started } from "../run-command.ts"
import { processEnd, processId, type ProcessId } from "../wait-for-process.ts"
import { ARGUMENTS_FD, FILTER_FD } from "./arguments.ts"

export interface Sandbox {
  readonly bwrap: string
  /** The build's own, in which files may be written. */
  readonly folder: string
  /** Of bubblewrap; byte strings, as the command's. */
  readonly words: readonly string[]
  readonly command: readonly string[]
  /** Path of the system calls' filter. */
  readonly filter: string | undefined
  /** Who runs it, if not we. */
  readonly user: number | undefined
}

/** What bubblewrap says of the sandbox as it goes on: JSON documents, one a line. */
interface Status {
  readonly "child-pid"?: number
  readonly "exit-code"?: number
}

/**
 * Runs the command in the sandbox, to the end of the last process in it.
 *
 * @returns what went wrong with the command, if anything did
 * @throws {BuildError} for what ended it from outside
 */
export async function runSandbox(
  sandbox: Sandbox,
  log: LogPipe,
  options: BuildOptions,
): Promise<BuildProblem | undefined> {
  const script = writeLaunch(sandbox)
  /** The first process of the sandbox, and the number with which the command ended. */
  let first: ProcessId | undefined
  let exitCode: number | undefined
  let statusEnd: Promise<unknown> = Promise.resolve()

  const ended = await runCommand("/bin/sh", [script], log, {
    ...options,
    spawn: {
      cwd: "/",
      env: {},
      ...(sandbox.user === undefined ? {} : { uid: sandbox.user, gid: sandbox.user }),
    },
    // STATUS_FD and START_FD; the two before are opened by the script.
    channels: 4,
    onStart({ channels }) {
      const [, , status, start] = channels
      let text = ""
      statusEnd = new Promise((resolve) => status!.once("close", resolve))
      status!.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1")
        const lines = text.split("\n")
        text = lines.pop()!
        for (const line of lines) {
          const said = JSON.parse(line) as Status
          exitCode = said["exit-code"] ?? exitCode
          const pid = said["child-pid"]
          if (pid === undefined) continue
          first = processId(pid)
          start!.end("\n")
        }
      })
    },
    kill({ pid }: Started) {
      // Bubblewrap takes the rest with it, but not before it has asked for that.
      for (const one of [first?.pid, pid]) if (one !== undefined) killIfThere(one)
    },
    async gone() {
      if (first !== undefined) await processEnd(first)
      await statusEnd
    },
  })
  return problemOf(ended, exitCode)
}

/** A script that opens what bubblewrap needs and becomes it: so words can be any bytes, which Node's cannot. */
function writeLaunch({ folder, words, command, filter, bwrap }: Sandbox): string {
  const argumentsFile = join(folder, "arguments")
  writeFileSync(argumentsFile, Buffer.from(words.map((word) => `${word}\0`).join(""), "latin1"), { mode: 0o644 })
  const lines = ["umask 022", "ulimit -S -c 0", `exec ${ARGUMENTS_FD}<${quoted(argumentsFile)}`]
  if (filter !== undefined) lines.push(`exec ${FILTER_FD}<${quoted(filter)}`)
  lines.push(`exec ${quoted(bwrap)} --args ${ARGUMENTS_FD} -- ${command.map(quoted).join(" ")}`)
  const script = join(folder, "launch")
  writeFileSync(script, Buffer.from(`${lines.join("\n")}\n`, "latin1"), { mode: 0o644 })
  return script
}

/** A word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

const SIGNAL_BASE = 128
const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** Bubblewrap ends with the status of the command, and as shells do with 128 more than the signal that ended it. */
function problemOf({ status, signal, lastWords }: Ended, exitCode: number | undefined): BuildProblem | undefined {
  if (exitCode === 0) return undefined
  const lastLine = Buffer.from(lastWords).toString("latin1").trimEnd().split("\n").at(-1)!
  const complaint = /^bwrap: (.*)/.exec(lastLine)?.[1]
  if (complaint !== undefined && (exitCode === undefined || (exitCode === 1 && complaint.startsWith("execvp ")))) {
    return { code: "start", reason: textOf(complaint.replace(/^execvp /, "cannot execute ")) }
  }
  if (exitCode === undefined) {
    if (signal !== undefined) return { code: "signal", signal }
    return { code: "start", reason: `the sandbox ended with status ${status}: ${textOf(lastLine)}` }
  }
  const name = SIGNAL_NAMES.get(exitCode - SIGNAL_BASE)
  return name === undefined ? { code: "exit", status: exitCode } : { code: "signal", signal: name }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}
