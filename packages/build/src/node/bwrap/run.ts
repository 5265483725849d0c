import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { textOf } from "@tvix-ts/bytes"
import { BuildError, type BuildProblem } from "../../problem.ts"
import type { BuildOptions } from "../../service.ts"
import { problemOfStatus } from "../exit-status.ts"
import { LAUNCH_FAILED, launched, launchFailure, openLauncherLine, type Launcher } from "../launcher.ts"
import type { LogPipe } from "../log-pipe.ts"
import { LAUNCH_LINES, quoted } from "../shell.ts"
import { runCommand, type Ended, type Started } from "../run-command.ts"
import { processEnd, processId, type ProcessId } from "../wait-for-process.ts"
import { ARGUMENTS_FD, FILTER_FD, LIMITS_FD, START_FD, STATUS_FD } from "./arguments.ts"
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
  /** What becomes bubblewrap, having made the kernel what the build expects of it: words of a shell. */
  readonly personality: string
  /** Path of a table of mounts that have to be there before; see mounts.ts. */
  readonly mounts: string | undefined
  /** Path of the system calls' filter. */
  readonly filter: string | undefined
  /** What becomes the command, if there is such a thing for this machine. */
  readonly launcher: Launcher | undefined
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
  const { limits, user } = sandbox
  const group = limits.memoryMax === undefined ? undefined : limits.groups?.make(limits.memoryMax)
  const launch = writeLaunch(sandbox, group)
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
      // STATUS_FD, START_FD and LIMITS_FD.
      channels: 3,
      onStart({ channels }, fail) {
        const [status, start, limiter] = channels
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
            try {
              group?.add(pid)
            } catch (error) {
              fail(error)
            }
            limiter!.write(`${pid}\n`)
          }
        })
        // It waits until it is told to go on.
        limiter!.once("data", () => start!.end("\n"))
        limiter!.once("end", () => start!.writableEnded || fail(new BuildError(UNLIMITED)))
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
    return problemOf(sandbox, ended, exitCode)
  } finally {
    group?.remove()
  }
}

/** The answer of {@link limiter} fails to come, too, if the sandbox could not be made. */
const UNLIMITED: BuildProblem = { code: "start", reason: "the sandbox cannot be made, or not be limited" }

/**
 * The line of a script for a process that waits for the number of the sandbox's first process, limits it, and so all that
 * come from it, and says that it has. From outside, as a limit of processes that is set before there is the user namespace
 * counts what else the user has; and from here, as starting a process costs Node more than a shell.
 */
function limiter({ limits }: Sandbox, group: MemoryGroup | undefined, become: string): string {
  const { processesMax, memoryMax, prlimit } = limits
  const memory = memoryMax !== undefined && group === undefined ? ` --as=${memoryMax}` : ""
  // Who it belongs to may always do that; root only where it has all of its rights.
  const set = prlimit === undefined ? ":" : `${become}${quoted(prlimit)} --pid "$pid" --nproc=${processesMax}${memory}`
  return `{ read -r pid && ${set} && echo; } <&${LIMITS_FD} >&${LIMITS_FD} 2>/dev/null ${closing([STATUS_FD, START_FD, LIMITS_FD])} &`
}

function closing(files: readonly number[]): string {
  return files.map((file) => `${file}>&-`).join(" ")
}

interface Launch {
  readonly program: string
  readonly words: readonly string[]
  /** Whether it becomes the user who builds by itself. */
  readonly changesUser: boolean
}

/** A script that opens what bubblewrap needs and becomes it: so words can be any bytes, which Node's cannot. */
function writeLaunch(sandbox: Sandbox, group: MemoryGroup | undefined): Launch {
  const { folder, words, command, personality, mounts, filter, launcher, bwrap, user, closed } = sandbox
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, Buffer.from(text, "latin1"))
    chmodSync(path, 0o644)
    return quoted(path)
  }
  const changesUser = user !== undefined && closed.length > 0
  const become = changesUser ? `setpriv --reuid ${user} --regid ${user} --clear-groups ` : ""
  const lines = [
    ...LAUNCH_LINES,
    limiter(sandbox, group, become),
    `exec ${closing([LIMITS_FD])} ${ARGUMENTS_FD}<${write("arguments", words.map((word) => `${word}\0`).join(""))}`,
  ]
  if (filter !== undefined) lines.push(`exec ${FILTER_FD}<${quoted(filter)}`)
  if (launcher !== undefined) lines.push(openLauncherLine(launcher))
  if (changesUser) lines.push(...openingScript(closed, join(folder, "stage")))
  const start = launcher === undefined ? command : launched(command)
  const bubblewrap = `${personality}${quoted(bwrap)} --args ${ARGUMENTS_FD} -- ${start.map(quoted).join(" ")}`
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

/** Bubblewrap ends as its command did, or complains. */
function problemOf(
  { launcher, command }: Sandbox,
  { status, signal, lastWords }: Ended,
  exitCode: number | undefined,
): BuildProblem | undefined {
  if (exitCode === 0) return undefined
  if (launcher !== undefined && exitCode === LAUNCH_FAILED) {
    const problem = launchFailure(command, launcher)
    if (problem !== undefined) return problem
  }
  const lastLine = Buffer.from(lastWords).toString("latin1").trimEnd().split("\n").at(-1)!
  const complaint = /^bwrap: (.*)/.exec(lastLine)?.[1]
  if (complaint !== undefined && (exitCode === undefined || (exitCode === 1 && complaint.startsWith("execvp ")))) {
    return { code: "start", reason: textOf(complaint.replace(/^execvp /, "cannot execute ")) }
  }
  if (exitCode === undefined) {
    if (signal !== undefined) return { code: "signal", signal }
    return { code: "start", reason: `the sandbox ended with status ${status}: ${textOf(lastLine)}` }
  }
  return problemOfStatus(exitCode)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}
