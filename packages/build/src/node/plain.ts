import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from "node:fs"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { textOf } from "@tvix-ts/bytes"
import type { BlobService, DirectoryService } from "@tvix-ts/castore"
import { checkRequest } from "../check.ts"
import { isBelow, isIn, outermost } from "../paths.ts"
import { BuildError, unsupported } from "../problem.ts"
import type { BuildRequest } from "../request.ts"
import type { BuildOptions, BuildOutput, BuildService } from "../service.ts"
import { LAUNCH_FAILED, launched, launcherProgram, launchFailure, openLauncherLine } from "./launcher.ts"
import { LogPipes, type LogPipe } from "./log-pipe.ts"
import { asBuildError, importOutput, tellFailed } from "./output.ts"
import { nativeSystems } from "./program.ts"
import { removeTree } from "./remove-tree.ts"
import { runCommand, startProcess, type Running } from "./run-command.ts"
import { LAUNCH_LINES, quoted } from "./shell.ts"
import type { Trees } from "./trees.ts"
import { killIfThere } from "./wait-for-process.ts"
import { Workspace } from "./workspace.ts"

export interface PlainOptions {
  readonly blobs: BlobService
  readonly directories: DirectoryService
  /** It has to have the inputs exactly where requests want them: without a sandbox, they cannot be shown elsewhere. */
  readonly trees: Trees
  /** Absolute path of a folder for what is needed while something is built. */
  readonly dir: string
  /** As of `BwrapOptions`. */
  readonly systems?: readonly string[]
}

/**
 * Builds without any isolation: the root of every build is that of the machine, the build is whoever we are and can do what
 * we can. For machines that have no other way, and for those who ask for it.
 *
 * Scratch paths are made on the machine and removed again; only that of the inputs may be there before. Builds that want the
 * same ones wait for each other.
 */
export async function plainBuildService(options: PlainOptions): Promise<BuildService> {
  return new PlainBuildService(options, await Workspace.open(options.dir))
}

class PlainBuildService implements BuildService {
  readonly #options: PlainOptions
  readonly #workspace: Workspace
  readonly #pipes: LogPipes
  #launcher: string | undefined
  /** By scratch path: the last of those who want it. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: PlainOptions, workspace: Workspace) {
    this.#options = options
    this.#workspace = workspace
    this.#pipes = new LogPipes(workspace)
  }

  async build(request: BuildRequest, options: BuildOptions = {}): Promise<readonly BuildOutput[]> {
    checkRequest(request)
    const { constraints, scratchPaths, inputsDir } = request
    const systems = this.#options.systems ?? nativeSystems()
    if (!systems.includes(constraints.system)) {
      throw unsupported(`a '${constraints.system}' is needed to build this, and this machine is a '${systems[0]}'`)
    }
    for (const path of [...constraints.availablePaths, ...(constraints.binSh ? ["/bin/sh"] : [])]) {
      if (!existsSync(onDisk(path))) throw unsupported(`this machine has no ${textOf(path)}, which the build needs`)
    }
    for (const path of request.additionalFiles.keys()) {
      if (scratchPaths.some((scratch) => isBelow(path, scratch))) continue
      throw unsupported(`without a sandbox there can be no file of the build's at /${textOf(path)}`)
    }
    await this.#checkInputs(request, options)
    const own = scratchPaths.filter((path) => path !== inputsDir && !isBelow(inputsDir, path))
    return this.#inTurn(own, async () => {
      try {
        return await this.#buildThere(own, request, options)
      } catch (error) {
        throw asBuildError(error)
      }
    })
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#turns.values())
    await this.#workspace.close()
  }

  async #checkInputs({ inputs, inputsDir }: BuildRequest, { signal }: BuildOptions): Promise<void> {
    for (const [name, node] of inputs) {
      const wanted = `/${inputsDir}/${name}`
      if (node.type === "symlink") {
        if (linkAt(wanted) === node.target) continue
      } else if ((await this.#options.trees.place(name, node, signal === undefined ? {} : { signal })) === wanted)
        continue
      throw unsupported(`without a sandbox the build sees what this machine has, and that has no ${textOf(wanted)}`)
    }
  }

  async #inTurn<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = paths.map((path) => this.#turns.get(path) ?? Promise.resolve())
    const turn = Promise.allSettled(before).then(work)
    for (const path of paths) this.#turns.set(path, turn)
    try {
      return await turn
    } finally {
      for (const path of paths) if (this.#turns.get(path) === turn) this.#turns.delete(path)
    }
  }

  async #buildThere(own: readonly string[], request: BuildRequest, options: BuildOptions): Promise<BuildOutput[]> {
    for (const path of [...outermost(own), ...request.outputs]) {
      if (isThere(`/${path}`)) throw unsupported(`/${textOf(path)} is there already; is something else building?`)
    }
    const folder = this.#workspace.fresh()
    mkdirSync(folder)
    const made: string[] = []
    try {
      for (const path of [...request.scratchPaths, request.workingDir]) makeFolders(path, made)
      for (const [path, contents] of request.additionalFiles) {
        makeFolders(path.slice(0, path.lastIndexOf("/")), made)
        writeFileSync(onDisk(`/${path}`), contents, { flag: "wx" })
        chmodSync(onDisk(`/${path}`), 0o644)
      }
      await this.#run(folder, request, own, options)
      const outputs: BuildOutput[] = []
      for (const path of request.outputs) {
        outputs.push(await importOutput({ root: "", path, needles: request.needles }, this.#options, options))
      }
      return outputs
    } catch (error) {
      tellFailed(`/${request.workingDir}`, options)
      throw error
    } finally {
      for (const path of [...outermost(own), ...request.outputs]) await removeTree(onDisk(`/${path}`))
      for (const path of made.toReversed()) removeIfEmpty(`/${path}`)
      await removeTree(folder)
    }
  }

  async #run(folder: string, request: BuildRequest, own: readonly string[], options: BuildOptions): Promise<void> {
    const { command, environment, workingDir } = request
    this.#launcher ??= this.#writeLauncher()
    const launcher =
      this.#launcher === undefined ? undefined : { program: this.#launcher, failure: `${folder}/failure` }
    if (launcher === undefined) checkProgram(command[0]!)
    const start = launcher === undefined ? command : launched(command)
    // A shell would lose variables whose names are none to it: it only begins, and hands over without.
    const words = ["-i", "--", ...[...environment].map(([key, value]) => `${key}=${value}`), ...start]
    const lines = [...LAUNCH_LINES, `cd -P -- ${quoted(`/${workingDir}`)}`]
    if (launcher !== undefined) lines.push(openLauncherLine(launcher))
    lines.push(`exec env ${words.map(quoted).join(" ")}`)
    const script = `${folder}/launch`
    writeFileSync(script, Buffer.from(`${lines.join("\n")}\n`, "latin1"))
    const { status, signal } = await this.#pipes.use((log) =>
      runCommand(() => startScript(script, log, own), log, options),
    )
    if (signal !== undefined) throw new BuildError({ code: "signal", signal })
    if (status === 0) return
    const failure = launcher && status === LAUNCH_FAILED ? launchFailure(command, launcher) : undefined
    throw new BuildError(failure ?? { code: "exit", status: status ?? -1 })
  }

  #writeLauncher(): string | undefined {
    const launcher = launcherProgram()
    if (launcher === undefined) return undefined
    const path = this.#workspace.fresh()
    writeFileSync(path, launcher)
    chmodSync(path, 0o755)
    return path
  }
}

/** @param own folders of the build */
function startScript(script: string, log: LogPipe, own: readonly string[]): Running {
  const options = { cwd: "/", env: { PATH: "/usr/bin:/bin" }, detached: true }
  const { pid, exit } = startProcess("/bin/sh", [script], log, options)
  return {
    exit,
    kill() {
      if (pid !== undefined) killIfThere(-pid)
      for (const stray of strays(log.path, own)) killIfThere(stray)
    },
    async gone() {
      while (strays(log.path, own).length > 0) {
        for (const stray of strays(log.path, own)) killIfThere(stray)
        await sleep(2)
      }
    },
  }
}

/** Whether env(1) can start it. */
function checkProgram(program: string): void {
  if (program.includes("=")) throw unsupported("without a sandbox, a program's path cannot have a '='")
  if (existsSync(onDisk(program))) return
  throw new BuildError({ code: "start", reason: `cannot execute ${textOf(program)}: it is not there` })
}

/** Makes the folder, and says which were not there before: the outer ones first. */
function makeFolders(path: string, made: string[]): void {
  for (let slash = path.indexOf("/"); ; slash = path.indexOf("/", slash + 1)) {
    const folder = slash < 0 ? path : path.slice(0, slash)
    if (!isThere(`/${folder}`)) {
      mkdirSync(onDisk(`/${folder}`))
      chmodSync(onDisk(`/${folder}`), 0o755)
      made.push(folder)
    }
    if (slash < 0) return
  }
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(onDisk(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error
  }
}

function isThere(path: string): boolean {
  return lstatSync(onDisk(path), { throwIfNoEntry: false }) !== undefined
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(onDisk(path), "latin1")
  } catch {
    return undefined
  }
}

/**
 * Processes of the build that left its group: by what they write to, or where they are. One that has closed the one and left
 * the other is not found, nor are any where there is no /proc.
 */
function strays(log: string, folders: readonly string[]): number[] {
  if (process.platform !== "linux") return []
  const isOurs = (link: string): boolean => link === log || folders.some((folder) => isIn(link.slice(1), [folder]))
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((name) => [1, 2].some((file) => isOurs(linkOf(`${name}/fd/${file}`))) || isOurs(linkOf(`${name}/cwd`)))
    .map(Number)
}

function linkOf(name: string): string {
  return linkAt(`/proc/${name}`) ?? ""
}

function onDisk(path: string): Buffer {
  return Buffer.from(path, "latin1")
}
