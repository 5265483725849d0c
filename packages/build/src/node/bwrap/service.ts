import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { statfs } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import type { BlobService, CallOptions, DirectoryService } from "@tvix-ts/castore"
import { checkRequest } from "../../check.ts"
import { isIn, outermost } from "../../paths.ts"
import { BuildError, unsupported } from "../../problem.ts"
import type { BuildRequest } from "../../request.ts"
import type { BuildOptions, BuildOutput, BuildService } from "../../service.ts"
import { launcherProgram, RLIMIT_AS, RLIMIT_NPROC } from "../launcher.ts"
import { LogPipes } from "../log-pipe.ts"
import { asBuildError, importOutput, tellFailed } from "../output.ts"
import { findProgram, nativeSystems } from "../program.ts"
import { removeTree } from "../remove-tree.ts"
import type { Trees } from "../trees.ts"
import { Workspace } from "../workspace.ts"
import { sandboxArguments, type Parts } from "./arguments.ts"
import { writeEtc } from "./etc.ts"
import { memoryGroups, type MemoryGroups } from "./memory.ts"
import { inputMounts, MANY_INPUTS } from "./mounts.ts"
import { personalityOf } from "./personality.ts"
import { closedFolders } from "./reach.ts"
import { runSandbox } from "./run.ts"
import { makeMountPoints, presentPaths, type SandboxPath } from "./sandbox-paths.ts"
import { seccompFilter } from "./seccomp.ts"
import { Starters } from "./starter.ts"

export interface BwrapOptions {
  readonly blobs: BlobService
  readonly directories: DirectoryService
  /** Where the inputs are for the sandbox to show. */
  readonly trees: Trees
  /** Absolute path of a folder for what builds write: everything is there once, before it is stored. */
  readonly dir: string
  /** What is `/bin/sh` where a request wants one: a program that needs no other files. Default: Debian's busybox-static. */
  readonly binSh?: string
  /** What else of the machine builds are shown: {@link parseSandboxPath}. Default: nothing. */
  readonly sandboxPaths?: readonly SandboxPath[]
  /** The program bubblewrap. Default: the first of `PATH`. */
  readonly bwrap?: string
  /** The kinds of machine that builds may want: `x86_64-linux`. Default: those that this one is. */
  readonly systems?: readonly string[]
  /** Processes and threads that a build may have at a time. Default: 8192. */
  readonly processesMax?: number
  /** Bytes of memory that a build may have. Default: what there is. */
  readonly memoryMax?: number
}

const PROCESSES_MAX = 8192
/** Once for all services: looking for them may move us into one. */
let machineGroups: MemoryGroups | undefined

/**
 * Who builds when we are root: the first of the users that C++ Nix gives to builds by itself, or, in containers that have no
 * such number, the first that its installer makes.
 */
const BUILD_USERS = [872_415_232, 30_001]

/** `undefined` for ourselves: if we are not root, or nobody else is known here, so that root is not the machine's. */
function findBuildUser(): number | undefined {
  if (process.getuid?.() !== 0) return undefined
  const ranges = readFileSync("/proc/self/uid_map", "latin1").trim().split("\n")
  return BUILD_USERS.find((user) =>
    ranges.some((range) => {
      const [first = 0, , count = 0] = range.trim().split(/\s+/).map(Number)
      return user >= first && user < first + count
    }),
  )
}

/** What stands for the root of the machine in a build whose folder this is. */
function rootOf(folder: string): string {
  return join(folder, "root")
}

const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"]

/** Below this many bytes a failed build is taken for one that found no room, as C++ Nix does. */
const ROOM_MIN = 8 * 1024 * 1024

/**
 * Builds in a sandbox of this machine, made by bubblewrap: its own user, mount, process, network, host name and IPC
 * namespaces, in which nothing is visible but what the request names, a /dev, a /proc and an /etc of its own.
 *
 * @throws {BuildError} `unsupported` if there is no bubblewrap
 */
export async function bwrapBuildService(options: BwrapOptions): Promise<BuildService> {
  const bwrap = options.bwrap ?? findProgram("bwrap")
  if (bwrap === undefined || !existsSync(bwrap)) {
    throw unsupported(`building in a sandbox needs bubblewrap: ${bwrap ?? "bwrap"} is not there`)
  }
  return new BwrapBuildService(options, bwrap, await Workspace.open(options.dir))
}

class BwrapBuildService implements BuildService {
  readonly #options: BwrapOptions
  readonly #bwrap: string
  readonly #workspace: Workspace
  readonly #pipes: LogPipes
  readonly #starters: Starters
  /** Paths of what builds share, by what it is for; see {@link Sandbox}. */
  readonly #files = new Map<string, string | undefined>()
  /** Of builds without a network, which all have the same. */
  #etc: string | undefined
  readonly #groups: MemoryGroups | undefined
  /** Limits of each process, by number. */
  readonly #limits = new Map<number, number>()
  readonly #user = findBuildUser()
  readonly #canMount = ["unshare", "mount"].every((name) => findProgram(name) !== undefined)

  constructor(options: BwrapOptions, bwrap: string, workspace: Workspace) {
    this.#options = options
    this.#bwrap = bwrap
    this.#workspace = workspace
    this.#pipes = new LogPipes(workspace)
    this.#starters = new Starters(workspace.folder)
    const { memoryMax, processesMax = PROCESSES_MAX } = options
    this.#limits.set(RLIMIT_NPROC, processesMax)
    if (memoryMax === undefined) return
    this.#groups = machineGroups ??= memoryGroups()
    if (this.#groups === undefined) this.#limits.set(RLIMIT_AS, memoryMax)
  }

  async build(request: BuildRequest, options: BuildOptions = {}): Promise<readonly BuildOutput[]> {
    checkRequest(request)
    const { system, availablePaths } = request.constraints
    const systems = this.#options.systems ?? nativeSystems()
    if (!systems.includes(system)) {
      throw unsupported(`a '${system}' is needed to build this, and this machine is a '${systems.join("', '")}'`)
    }
    for (const path of availablePaths) {
      if (!existsSync(Buffer.from(path, "latin1")))
        throw unsupported(`this machine has no ${path}, which the build needs`)
    }
    const folder = this.#workspace.fresh()
    try {
      return await this.#buildIn(folder, request, options)
    } catch (error) {
      tellFailed(`${rootOf(folder)}/${request.workingDir}`, options)
      throw asBuildError(error)
    } finally {
      await removeTree(folder)
    }
  }

  async close(): Promise<void> {
    this.#starters.close()
    await this.#workspace.close()
  }

  async #buildIn(folder: string, request: BuildRequest, options: BuildOptions): Promise<readonly BuildOutput[]> {
    const inputs = await this.#place(request, options)
    const user = this.#user
    const parts = await this.#prepare(folder, request, inputs, user)
    let mounts: string | undefined
    if (parts.mounted) {
      mounts = join(folder, "mounts")
      writeFileSync(mounts, inputMounts(`${parts.root}/${request.inputsDir}`, request, inputs), "latin1")
      chmodSync(mounts, 0o644)
    }
    const filter = this.#shared("filter", () => seccompFilter(process.arch), 0o644)
    const launcher = this.#launcherFor(request.constraints.system)
    const words = sandboxArguments(request, parts, { filtered: filter !== undefined })
    const closed =
      user === undefined
        ? []
        : closedFolders([
            folder,
            // Its own is below its folder, which is closed, but not to the build.
            ...(request.constraints.network ? [] : [parts.etc]),
            ...inputs.values(),
            this.#bwrap,
            ...(parts.binSh === undefined ? [] : [parts.binSh]),
            ...parts.shown.map(({ source }) => source),
          ])
    const sandbox = {
      bwrap: this.#bwrap,
      folder,
      words,
      command: request.command,
      mounts,
      filter,
      launcher: launcher === undefined ? undefined : { program: launcher, failure: join(folder, "failure") },
      user,
      closed,
      outerLimits: launcher === undefined ? this.#outerLimits() : [],
      memoryMax: this.#options.memoryMax,
      groups: this.#groups,
    }
    const problem = await this.#pipes.use((log) => runSandbox(sandbox, this.#starters, log, options))
    if (problem !== undefined) throw await this.#inWhatRoom(new BuildError(problem))
    const outputs: BuildOutput[] = []
    for (const path of request.outputs) {
      try {
        outputs.push(await importOutput({ root: parts.root, path, needles: request.needles }, this.#options, options))
      } catch (error) {
        // Many programs end well that could write nothing.
        const isMissing = error instanceof BuildError && error.problem.code === "output-missing"
        throw isMissing ? await this.#inWhatRoom(error) : error
      }
    }
    return outputs
  }

  /** The failure of a build; or the reason of that, if there is no room left. */
  async #inWhatRoom(failure: BuildError): Promise<BuildError> {
    const { dir } = this.#options
    const { bavail, bsize } = await statfs(dir)
    if (bavail * bsize >= ROOM_MIN) return failure
    return new BuildError({ code: "disk-full", reason: `${dir} has no room left` }, { cause: failure })
  }

  /** The path of a file that is written once. */
  #shared(name: string, contents: () => Uint8Array | undefined, mode: number): string | undefined {
    if (this.#files.has(name)) return this.#files.get(name)
    const bytes = contents()
    const path = bytes === undefined ? undefined : this.#workspace.fresh()
    if (bytes !== undefined && path !== undefined) {
      writeFileSync(path, bytes)
      chmodSync(path, mode)
    }
    this.#files.set(name, path)
    return path
  }

  #launcherFor(system: string): string | undefined {
    const settings = { personality: personalityOf(system), limits: this.#limits }
    return this.#shared(`launcher for ${system}`, () => launcherProgram(settings), 0o755)
  }

  /** For machines that there is no launcher for. Around the sandbox, what else the user runs counts, too. */
  #outerLimits(): string[] {
    const prlimit = findProgram("prlimit")
    if (prlimit === undefined) return []
    const memory = this.#limits.get(RLIMIT_AS)
    const words = [prlimit, `--nproc=${this.#limits.get(RLIMIT_NPROC)}`]
    return memory === undefined ? words : [...words, `--as=${memory}`]
  }

  async #place({ inputs }: BuildRequest, { signal }: CallOptions): Promise<Map<string, string>> {
    const { trees } = this.#options
    const placed = new Map<string, string>()
    for (const [name, node] of inputs) {
      if (node.type !== "symlink")
        placed.set(name, await trees.place(name, node, signal === undefined ? {} : { signal }))
    }
    return placed
  }

  /** Makes the folders and files of a build that are its own. */
  async #prepare(
    folder: string,
    request: BuildRequest,
    inputs: ReadonlyMap<string, string>,
    user: number | undefined,
  ): Promise<Parts> {
    const { scratchPaths, workingDir, additionalFiles, constraints } = request
    const shown = presentPaths(this.#options.sandboxPaths ?? [], request)
    const own = (path: string | Buffer): void => {
      if (user !== undefined) chownSync(path, user, user)
    }
    const root = rootOf(folder)
    const tmp = join(folder, "tmp")
    for (const path of [folder, root, tmp]) {
      mkdirSync(path)
      chmodSync(path, path === folder ? 0o700 : path === tmp ? 0o1777 : 0o755)
      own(path)
    }
    const etc = constraints.network
      ? writeEtc(join(folder, "etc"), constraints)
      : (this.#etc ??= writeEtc(this.#workspace.fresh(), constraints))
    makeMountPoints(etc, shown)
    // As C++ Nix has them.
    const modes = new Map([
      [request.inputsDir, 0o1775],
      [workingDir, 0o700],
    ])
    const made = new Set<string>()
    const make = (path: string): void => {
      const names = path.split("/")
      for (let count = 1; count <= names.length; count++) {
        const one = names.slice(0, count).join("/")
        if (made.has(one)) continue
        made.add(one)
        const place = Buffer.from(`${root}/${one}`, "latin1")
        mkdirSync(place)
        chmodSync(place, modes.get(one) ?? 0o755)
        own(place)
      }
    }
    for (const path of outermost(scratchPaths)) make(path)
    for (const path of scratchPaths) make(path)
    if (isIn(workingDir, scratchPaths)) make(workingDir)
    const mounted = inputs.size >= MANY_INPUTS && this.#canMount
    if (mounted) make(request.inputsDir)
    for (const [path, contents] of additionalFiles) {
      if (path.includes("/")) make(path.slice(0, path.lastIndexOf("/")))
      const place = Buffer.from(`${root}/${path}`, "latin1")
      writeFileSync(place, contents, { flag: "wx" })
      chmodSync(place, 0o644)
      own(place)
    }
    const ownShell = constraints.binSh && !shown.some(({ path }) => path === "/bin/sh")
    return { root, etc, tmp, inputs, mounted, binSh: ownShell ? this.#shell() : undefined, shown }
  }

  #shell(): string {
    const shell = this.#options.binSh ?? BUSYBOX.find((path) => existsSync(path))
    if (shell !== undefined) return shell
    throw unsupported(
      "the build needs a /bin/sh, for which Debian's busybox-static would do: /bin/busybox is not there",
    )
  }
}
