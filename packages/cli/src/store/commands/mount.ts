/** `tvix-store mount` */
import { closeSync } from "node:fs"
import { constants } from "node:os"
import { relative, resolve } from "node:path"
import { byteStringOf } from "@tvix-ts/bytes"
import { findProgram } from "@tvix-ts/build/node"
import { FileSystem, FuseError, pathsRoot, storeRoot, type Root } from "@tvix-ts/fuse"
import { mountFolder, PreparedProcess, serveDevice, unmountFolder, type MountedFolder } from "@tvix-ts/fuse/node"
import type { StorePath } from "@tvix-ts/nix-compat"
import { closureOf, type Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { misuse, readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeError, writeOut } from "../../output.ts"
import { isProblem } from "../../problem-sentence.ts"
import { isLocal } from "../local-store.ts"
import { describePath, parsePathWord, STORE_PATH_HELP } from "../lookup.ts"
import { withStore, type Session } from "../session.ts"
import { SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../settings.ts"

interface MountSettings extends StoreSettings {
  closure: boolean
  onlyOwner: boolean
  /** Whoever runs the command, `UID:GID`, if we are in a namespace that was made for it. */
  entered: string | undefined
}

const OPTIONS: readonly Option<MountSettings>[] = [
  {
    names: ["--no-closure"],
    values: [],
    summary: "only the paths that are named, not those that they refer to",
    set: (to) => void (to.closure = false),
  },
  {
    names: ["--only-owner"],
    values: [],
    summary: "let no other user of this machine see it",
    set: (to) => void (to.onlyOwner = true),
  },
  { names: ["--entered"], values: ["UID:GID"], set: (to, ids) => void (to.entered = ids) },
  ...SHARED_OPTIONS,
]

/** How long those may go on after a signal who are in the folder. */
const FAREWELL_MS = 10_000
/** How long the kernel has to let go of us. */
const LETTING_GO_MS = 1000

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: MountSettings = { ...storeSettings(), closure: true, onlyOwner: false, entered: undefined }
  // What is behind it is not ours to read.
  const end = words.indexOf("--")
  const operands = await readOptions(tool, "mount", end < 0 ? words : words.slice(0, end), OPTIONS, settings)
  if (typeof operands === "number") return operands
  const command = end < 0 ? undefined : words.slice(end + 1)
  const [folder, ...paths] = operands
  if (folder === undefined) return misuse(tool, new UsageError("name the folder to mount on"), "mount")
  if (command?.length === 0) return misuse(tool, new UsageError("there is no command after '--'"), "mount")
  if (process.platform !== "linux") return misuse(tool, new UsageError("only Linux can mount"), "mount")
  if (command !== undefined && settings.entered === undefined) enterNamespace(words)
  return withStore(tool, "mount", settings, async (store, session) => {
    if (isLocal(store) && isInside(store.dir, folder)) throw new UsageError(`the store itself is in '${folder}'`)
    if (process.geteuid!() !== 0) {
      const reason = "only root may mount for everybody; for a command everybody may: tvix-store mount DIR -- COMMAND"
      throw new FuseError({ code: "mount-failed", folder, reason })
    }
    const root = await rootOf(paths, settings.closure, store, session)
    const prepared = command && prepareCommand(command, settings.entered!)
    const serving = await serve(folder, root, store, settings, session).catch((error: unknown) => {
      prepared?.dismiss()
      throw error
    })
    if (prepared !== undefined) {
      session.leaveInterrupts()
      return serving.during(() => runCommand(prepared))
    }
    writeOut(byteStringOf(`${serving.mounted.folder}\n`))
    session.note(`serving ${storeAddress(settings)}; Ctrl-C ends it`)
    await serving.untilAsked()
    return 0
  })
}

function isInside(path: string, folder: string): boolean {
  return !relative(resolve(folder), path).startsWith("..")
}

/** What is to be seen. */
async function rootOf(words: readonly string[], closure: boolean, store: Store, session: Session): Promise<Root> {
  if (words.length === 0) return storeRoot(store.pathInfos)
  let paths: StorePath[] = []
  for (const word of words.map(parsePathWord)) paths.push((await describePath(word, store, session)).storePath)
  if (closure) {
    const infos = await closureOf(paths, store.pathInfos, { signal: session.signal })
    paths = Array.from(infos, ({ storePath }) => storePath)
  }
  return pathsRoot(paths, store.pathInfos)
}

interface Serving {
  readonly mounted: MountedFolder
  /** Until somebody wants the command to end, or has unmounted it. */
  untilAsked(): Promise<void>
  /** While something else happens. */
  during<T>(work: () => Promise<T>): Promise<T>
}

async function serve(
  folder: string,
  root: Root,
  store: Store,
  settings: MountSettings,
  session: Session,
): Promise<Serving> {
  const mounted = await mountFolder(folder, { source: storeAddress(settings), allowOther: !settings.onlyOwner })
  const owner = { uid: process.getuid!(), gid: process.getgid!() }
  const fileSystem = new FileSystem(root, store.blobs, store.directories, { owner, onProblem: complainOnce(session) })
  const stop = new AbortController()
  const served = serveDevice(mounted, fileSystem, { devoted: true, signal: stop.signal })
  // It is awaited below; until then something else may fail.
  served.catch(() => undefined)
  // Of a folder that is mounted nowhere any more, the kernel may not be told to let us go: then the end of the process does.
  const letGo = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => setTimeout(resolve, LETTING_GO_MS), { once: true })
  })
  const over = Promise.race([served, letGo])
  over.catch(() => undefined)
  const end = async (): Promise<void> => {
    let farewell: NodeJS.Timeout | undefined
    try {
      if ((await unmountFolder(mounted)) === "busy") {
        session.note(
          `${mounted.folder} is in use: whoever uses it has ${FAREWELL_MS / 1000} seconds; Ctrl-C ends it now`,
        )
      }
      farewell = setTimeout(() => stop.abort(), FAREWELL_MS)
      await over
    } finally {
      clearTimeout(farewell)
      stop.abort()
      await over.catch(() => undefined)
      fileSystem.close()
      closeSync(mounted.fd)
    }
  }
  return {
    mounted,
    async untilAsked() {
      const asked = new Promise<void>((resolve) => {
        if (session.signal.aborted) resolve()
        else session.signal.addEventListener("abort", () => resolve(), { once: true })
      })
      // A closed terminal would leave a folder behind that nobody answers for.
      const hangUp = (): boolean => process.kill(process.pid, "SIGTERM")
      process.on("SIGHUP", hangUp)
      try {
        await Promise.race([asked, served])
      } finally {
        process.off("SIGHUP", hangUp)
        await end()
      }
    },
    async during(work) {
      try {
        return await work()
      } finally {
        await end()
      }
    },
  }
}

/** Whoever reads is told no more than that it failed, each time that it does. */
function complainOnce(session: Session): (error: unknown) => void {
  let last: string | undefined
  return (error) => {
    const text = String(error)
    if (text === last) return
    last = text
    if (isProblem(error)) session.complain(error)
    else writeError(byteStringOf(`internal error: ${text}\n`))
  }
}

/** Begins again in a mount namespace of its own, in which whoever may not mount is root. */
function enterNamespace(words: readonly string[]): never {
  const unshare = findProgram("unshare")
  if (unshare === undefined)
    throw new FuseError({ code: "no-device", reason: "there is no 'unshare' in PATH (util-linux)" })
  const [uid, gid] = [process.getuid!(), process.getgid!()]
  const namespaces = uid === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"]
  const self = [process.execPath, ...process.execArgv, process.argv[1]!, "mount", "--entered", `${uid}:${gid}`]
  process.execve!(unshare, ["unshare", ...namespaces, "--propagation", "private", "--", ...self, ...words], process.env)
  throw new Error("execve came back")
}

/** The command, as the user who asked for it. */
function prepareCommand(command: readonly string[], entered: string): PreparedProcess {
  const [uid, gid] = entered.split(":")
  const asUser = uid === "0" ? [] : ["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`, "--"]
  return new PreparedProcess([...asUser, ...command], ["inherit", "inherit", "inherit"])
}

/** The result is its exit code, as a shell tells it. */
async function runCommand(command: PreparedProcess): Promise<number> {
  const { child } = command
  // Ctrl-C is for all who are at the terminal, the command among them; what is sent to us alone is handed on.
  const ignore = (): void => undefined
  const handOn = (name: NodeJS.Signals): boolean => child.kill(name)
  process.on("SIGINT", ignore).on("SIGTERM", handOn).on("SIGHUP", handOn)
  try {
    return await new Promise((resolve, reject) => {
      command.go()
      child.on("error", reject)
      child.on("exit", (status, name) => resolve(status ?? 128 + constants.signals[name!]))
    })
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", handOn).off("SIGHUP", handOn)
  }
}

export const command: Command = {
  usage: "tvix-store mount DIR [OPTION...] [STOREPATH...] [-- COMMAND...]",
  details: `Offers the store under DIR by FUSE, as /nix/store has it: read-only, each file fetched when somebody reads it. With
STOREPATHs, only these and what they refer to. Prints DIR when it is ready, and serves until SIGINT or SIGTERM, or until it is
unmounted; whoever uses it then has ten seconds. What a server left behind that was killed is cleared away first.

With a COMMAND nobody else sees it, and it needs no rights: it is mounted in a mount namespace of its own, for as long as
the command runs, whose exit code is the result.

Mounting for everybody takes root (CAP_SYS_ADMIN), and either takes /dev/fuse.
${STORE_PATH_HELP}

Examples:
  tvix-store mount /mnt/store
  tvix-store mount /nix/store s66mzxpvicwk07gjbjfw9izjfa797vsw-hello -- hello --greeting Hi
  tvix-store mount /mnt/store --store 'cache(/var/cache/tvix,nix+https://cache.example.org)' -- ls /mnt/store/…-hello
  umount /mnt/store`,
  options: OPTIONS,
  operands: "files",
  run,
}
