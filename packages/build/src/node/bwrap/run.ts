import { execFile } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { textOf } from "@tvix-ts/bytes"
import type { BuildProblem } from "../../problem.ts"
import type { BuildOptions } from "../../service.ts"
import type { LogPipe } from "../log-pipe.ts"
import { LAUNCH_LINES, quoted } from "../shell.ts"
import { runCommand, type Ended, type Started } from "../run-command.ts"
import { processEnd, processId, type ProcessId } from "../wait-for-process.ts"
import { ARGUMENTS_FD, FILTER_FD } from "./arguments.ts"
import type { MemoryGroup, MemoryGroups } from "./memory.ts"
import { enterLine } from "./mounts.ts"
import { openingScript, type ClosedFolder } from "./reach.ts"

export interface Sandbox {
  readonly bwrap: string
  /** The build's own, in which files may be written. */
  readonly folder: string
  /** Of bubblewrap; byte strings, as the command's. */
  readonly words: readonly string[]
  readonly command: readonly string[]
  /** Path of a table of mounts that have to be there before; see mounts.ts. */
  readonly mounts: string | undefined
  /** Path of the system calls' filter. */
  readonly filter: string | undefined
  /** Who runs it, if not we. */
  readonly user: number | undefined
  /** What that user does not get to. */
  readonly closed: readonly ClosedFolder[]
  readonly limits: SandboxLimits
}

export interface SandboxLimits {
  /** Processes and threads that there may be at a time. */
  readonly processesMax: number
  /** Bytes: of all processes together, where the machine can be told that, and otherwise of each. */
  readonly memoryMax: number | undefined
  readonly groups: MemoryGroups | undefined
  /** The program that sets limits of a process. */
  readonly prlimit: string | undefined
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
  const launch = writeLaunch(sandbox)
  const { limits, user } = sandbox
  const group = limits.memoryMax === undefined ? undefined : limits.groups?.make(limits.memoryMax)
  /** The first process of the sandbox, and the number with which the command ended. */
  let first: ProcessId | undefined
  let exitCode: number | undefined
  let statusEnd: Promise<unknown> = Promise.resolve()

  try {
    const ended = await runCommand(launch.program, launch.words, log, {
      ...options,
      spawn: {
        cwd: "/",
        env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
        ...(user === undefined || launch.changesUser ? {} : { uid: user, gid: user }),
      },
      // STATUS_FD and START_FD.
      channels: 2,
      onStart({ channels }, fail) {
        const [status, start] = channels
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
            // It waits until it is told to go on.
            limit(pid, sandbox, group).then(() => start!.end("\n"), fail)
          }
        })
      },
      kill({ pid }: Started) {
        // Bubblewrap takes the rest with it, but not before it has asked for that.
        for (const one of [first?.pid, pid]) if (one !== undefined) killIfThere(one)
      },
      async gone() {
        await statusEnd
        if (first !== undefined) await processEnd(first)
      },
    })
    if (group?.exceeded === true) return { code: "memory", limit: limits.memoryMax! }
    return problemOf(ended, exitCode)
  } finally {
    group?.remove()
  }
}

/** Limits the first process of a sandbox, and so all that come from it. */
async function limit(pid: number, { limits, user }: Sandbox, group: MemoryGroup | undefined): Promise<void> {
  const { processesMax, memoryMax, prlimit } = limits
  group?.add(pid)
  if (prlimit === undefined) return
  // From outside, as a limit of processes set before there is the user namespace counts what else the user has.
  const words = ["--pid", String(pid), `--nproc=${processesMax}`]
  if (memoryMax !== undefined && group === undefined) words.push(`--as=${memoryMax}`)
  // Who it belongs to may always do that; root only where it has all of its rights.
  await promisify(execFile)(prlimit, words, user === undefined ? {} : { uid: user, gid: user })
}

interface Launch {
  readonly program: string
  readonly words: readonly string[]
  /** Whether it becomes the user who builds by itself. */
  readonly changesUser: boolean
}

/** A script that opens what bubblewrap needs and becomes it: so words can be any bytes, which Node's cannot. */
function writeLaunch({ folder, words, command, mounts, filter, bwrap, user, closed }: Sandbox): Launch {
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, Buffer.from(text, "latin1"))
    chmodSync(path, 0o644)
    return quoted(path)
  }
  const changesUser = user !== undefined && closed.length > 0
  const lines = [
    ...LAUNCH_LINES,
    `exec ${ARGUMENTS_FD}<${write("arguments", words.map((word) => `${word}\0`).join(""))}`,
  ]
  if (filter !== undefined) lines.push(`exec ${FILTER_FD}<${quoted(filter)}`)
  if (changesUser) lines.push(...openingScript(closed, join(folder, "stage")))
  const become = changesUser ? `setpriv --reuid ${user} --regid ${user} --clear-groups ` : ""
  const bubblewrap = `${quoted(bwrap)} --args ${ARGUMENTS_FD} -- ${command.map(quoted).join(" ")}`
  if (mounts === undefined) lines.push(`exec ${become}${bubblewrap}`)
  else {
    const inner = write("enter", `mount --all --fstab ${quoted(mounts)} && exec ${bubblewrap}\n`)
    lines.push(enterLine(become, inner))
  }
  write("launch", `${lines.join("\n")}\n`)
  const script = join(folder, "launch")
  return changesUser
    ? { program: "unshare", words: ["--mount", "--propagation", "private", "/bin/sh", script], changesUser }
    : { program: "/bin/sh", words: [script], changesUser }
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
