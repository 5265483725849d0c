import { chmodSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { textOf } from "@tvix-ts/bytes"
import type { BuildProblem } from "../../problem.ts"
import type { BuildOptions } from "../../service.ts"
import { problemOfStatus } from "../exit-status.ts"
import { LAUNCH_FAILED, launched, launchFailure, openLauncherLine, type Launcher } from "../launcher.ts"
import type { LogPipe } from "../log-pipe.ts"
import { LAUNCH_LINES, quoted } from "../shell.ts"
import { runCommand, type Ended, type Running } from "../run-command.ts"
import { killProcess, processEnd, processId, type ProcessId } from "../wait-for-process.ts"
import { ARGUMENTS_FD, FILTER_FD } from "./arguments.ts"
import type { MemoryGroups } from "./memory.ts"
import { enterLine } from "./mounts.ts"
import { openingScript, type ClosedFolder } from "./reach.ts"
import { STATUS_FD, TELL_FD, type Starters, type Status } from "./starter.ts"

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
  /** What becomes the command, if there is such a thing for this machine. */
  readonly launcher: Launcher | undefined
  /** Who runs it, if not we. */
  readonly user: number | undefined
  /** What that user does not get to. */
  readonly closed: readonly ClosedFolder[]
  /** A program and words that run bubblewrap with limits, where the launcher cannot set them: none for no limits. */
  readonly outerLimits: readonly string[]
  /** Bytes that all processes may have together. */
  readonly memoryMax: number | undefined
  /** With which they are counted; without, each process has that limit. */
  readonly groups: MemoryGroups | undefined
}

/** What bubblewrap says of the sandbox as it goes on. */
interface SandboxStatus extends Status {
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
  starters: Starters,
  log: LogPipe,
  options: BuildOptions,
): Promise<BuildProblem | undefined> {
  const { memoryMax } = sandbox
  const group = memoryMax === undefined ? undefined : sandbox.groups?.make(memoryMax)
  const changesUser = writeLaunch(sandbox, group !== undefined)
  /** The first process of the sandbox, and the number with which the command ended. */
  let first: ProcessId | undefined
  let exitCode: number | undefined

  try {
    return await starters.use(changesUser ? undefined : sandbox.user, async (starter) => {
      const start = (fail: (error: unknown) => void): Running => {
        let isOver = false
        const script = `${basename(sandbox.folder)}/launch`
        const exit = starter.run(script, log, (said: SandboxStatus) => {
          exitCode = said["exit-code"] ?? exitCode
          const pid = said["child-pid"]
          if (pid === undefined) return
          first = processId(pid)
          if (group === undefined) return
          try {
            group.add(pid)
            starter.tell("\n")
          } catch (error) {
            fail(error)
          }
        })
        return {
          exit: exit.finally(() => (isOver = true)),
          kill() {
            // Without a number, nobody knows how far it got.
            if (!isOver || exitCode === undefined) starter.kill()
            // Bubblewrap takes the rest with it, but not before it has asked for that.
            if (first !== undefined) killProcess(first)
          },
          async gone() {
            if (exitCode === undefined) await starter.gone()
            if (first !== undefined) await processEnd(first)
          },
        }
      }
      const ended = await runCommand(start, log, options)
      if (group?.exceeded === true) return { code: "memory", limit: memoryMax! }
      return problemOf(sandbox, ended, exitCode)
    })
  } finally {
    group?.remove()
  }
}

/**
 * Writes a script that opens what bubblewrap needs and becomes it: so words can be any bytes, which Node's cannot.
 *
 * @param waits whether bubblewrap goes on only when it is told
 * @returns whether the script makes itself the user who builds
 */
function writeLaunch(sandbox: Sandbox, waits: boolean): boolean {
  const { folder, words, command, mounts, filter, launcher, bwrap, user, closed, outerLimits } = sandbox
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, Buffer.from(text, "latin1"))
    chmodSync(path, 0o644)
    return quoted(path)
  }
  const changesUser = user !== undefined && closed.length > 0
  const become = changesUser ? `setpriv --reuid ${user} --regid ${user} --clear-groups ` : ""
  const blocking = waits ? ["--block-fd", String(TELL_FD)] : []
  const given = ["--json-status-fd", String(STATUS_FD), ...blocking, ...words].map((word) => `${word}\0`)
  const lines = [...LAUNCH_LINES, `exec ${ARGUMENTS_FD}<${write("arguments", given.join(""))}`]
  if (!waits) lines.push(`exec ${TELL_FD}<&-`)
  if (filter !== undefined) lines.push(`exec ${FILTER_FD}<${quoted(filter)}`)
  if (launcher !== undefined) lines.push(openLauncherLine(launcher))
  if (changesUser) lines.push(...openingScript(closed, join(folder, "stage")))
  const start = launcher === undefined ? command : launched(command)
  const bubblewrap = [...outerLimits, bwrap, "--args", String(ARGUMENTS_FD), "--", ...start].map(quoted).join(" ")
  if (mounts === undefined) lines.push(`exec ${become}${bubblewrap}`)
  else {
    const inner = write("enter", `mount --all --fstab ${quoted(mounts)} && exec ${bubblewrap}\n`)
    lines.push(enterLine(become, inner))
  }
  const script = `cd /\n${lines.join("\n")}\n`
  if (!changesUser) write("launch", script)
  else write("launch", `exec unshare --mount --propagation private /bin/sh ${write("opening", script)}\n`)
  return changesUser
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
    const problem = status === undefined ? undefined : problemOfStatus(status)
    if (problem?.code === "signal") return problem
    return { code: "start", reason: `the sandbox ended with status ${status}: ${textOf(lastLine)}` }
  }
  return problemOfStatus(exitCode)
}
