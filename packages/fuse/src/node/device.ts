import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, constants, lstatSync, openSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { FuseError } from "../problem.ts"
import { READ_MAX } from "../protocol.ts"
import { PreparedProcess } from "./prepared-process.ts"

const DEVICE = "/dev/fuse"
/** What a table of mounts calls what is mounted here: `fuse.` and the name of the program. */
const TYPE = "fuse.tvix-store"

export interface MountOptions {
  /** Shown as the source in tables of mounts. */
  readonly source: string
  /** Whether users may see it other than the one who mounts it. */
  readonly allowOther: boolean
}

/** A folder that something is mounted on. */
export interface MountedFolder {
  /** The device, from which its requests are read. */
  readonly fd: number
  /** Absolute. */
  readonly folder: string
  /** Which of the file systems of this machine it is, as tables of mounts have it: `0:52`. */
  readonly number: string
  /** What takes it away again. */
  readonly unmounter: PreparedProcess
}

/**
 * Mounts on a folder; nothing answers yet. What a server left there that was killed is removed first.
 *
 * @throws {FuseError}
 */
export async function mountFolder(path: string, options: MountOptions): Promise<MountedFolder> {
  const folder = resolve(path)
  const device = openDevice()
  let unmounter: PreparedProcess | undefined
  try {
    await prepare(folder)
    unmounter = new PreparedProcess(["/bin/sh", "-c", UNMOUNT, "sh", folder], ["ignore", "ignore", "pipe"])
    const { uid, gid } =
      process.geteuid === undefined ? { uid: 0, gid: 0 } : { uid: process.geteuid(), gid: process.getegid!() }
    const words = ["ro", "nosuid", "nodev", "noatime", "default_permissions", "rootmode=40000", "fd=3"]
    words.push(`user_id=${uid}`, `group_id=${gid}`, `max_read=${READ_MAX}`)
    if (options.allowOther) words.push("allow_other")
    const source = options.source.replaceAll(/[,\s]/g, "_")
    const problem = await runTool(["mount", "-i", "-t", TYPE, "-o", words.join(","), source, folder], device)
    if (problem !== undefined) throw new FuseError({ code: "mount-failed", folder, reason: problem })
    const number = mountsOn(folder).at(-1)?.number
    if (number === undefined)
      throw new FuseError({ code: "mount-failed", folder, reason: "it is not there afterwards" })
    return { fd: device, folder, number, unmounter }
  } catch (error) {
    unmounter?.dismiss()
    closeSync(device)
    throw error
  }
}

/**
 * Takes the mount away from its folder; whoever is in it or has a file of it open keeps that.
 *
 * @throws {FuseError} `unmount-failed`
 */
export async function unmountFolder({ folder, number, unmounter }: MountedFolder): Promise<"unmounted" | "busy"> {
  // Somebody else has.
  if (!isMounted({ folder, number })) {
    unmounter.dismiss()
    return "unmounted"
  }
  const ended = endOf(unmounter.child)
  unmounter.go()
  const { status, complaint } = await ended
  if (status === 0) return "unmounted"
  if (status !== LAZILY && isMounted({ folder, number })) {
    throw new FuseError({ code: "unmount-failed", folder, reason: complaint || `'umount' ended with ${status}` })
  }
  return "busy"
}

const LAZILY = 10
/** Takes the mount away from a folder, lazily if it is in use. */
const UNMOUNT = `
export LC_ALL=C
umount -i "$1" 2>/dev/null && exit
umount -i -l "$1" && exit ${LAZILY}`

function isMounted({ folder, number }: Pick<MountedFolder, "folder" | "number">): boolean {
  return mountsOn(folder).some((mount) => mount.number === number)
}

function openDevice(): number {
  try {
    return openSync(DEVICE, constants.O_RDWR)
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    const reason =
      code === "ENOENT"
        ? `there is no ${DEVICE}: this system has no FUSE ('modprobe fuse' where it is a module; containers need --device ${DEVICE})`
        : code === "EACCES" || code === "EPERM"
          ? `${DEVICE} may not be opened here: its permissions or this container do not allow it`
          : `${DEVICE} cannot be opened: ${code}`
    throw new FuseError({ code: "no-device", reason }, { cause: error })
  }
}

/** @throws {FuseError} `mount-failed` unless it is a folder, or was one before something was mounted there and died */
async function prepare(folder: string): Promise<void> {
  const fail = (reason: string): FuseError => new FuseError({ code: "mount-failed", folder, reason })
  for (;;) {
    try {
      if (!lstatSync(folder).isDirectory()) throw fail("it is not a folder")
      return
    } catch (error) {
      if (error instanceof FuseError) throw error
      const { code = "" } = error as NodeJS.ErrnoException
      if (code === "ENOENT" || code === "ENOTDIR") throw fail("there is no such folder")
      // The first one who asks may have been heard by a server that died since.
      if (code === "ECONNABORTED") continue
      if (code !== "ENOTCONN") throw fail(code)
      if (mountsOn(folder).at(-1)?.type !== TYPE)
        throw fail(`what is mounted there does not answer: umount '${folder}'`)
      // oxlint-disable-next-line no-await-in-loop -- there may be several, one above the other
      const problem = await runTool(["umount", "-i", "-l", folder])
      if (problem !== undefined) throw fail(`what is mounted there does not answer, and cannot be removed: ${problem}`)
    }
  }
}

/** What is mounted on a folder, what hides the others last. Source: proc_pid_mountinfo(5). */
function mountsOn(folder: string): { readonly number: string; readonly type: string }[] {
  const mounts: { readonly number: string; readonly type: string }[] = []
  for (const line of readFileSync("/proc/self/mountinfo", "latin1").split("\n")) {
    const [fields = "", rest = ""] = line.split(" - ")
    const [, , number = "", , path = ""] = fields.split(" ")
    const unescaped = path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    if (Buffer.from(unescaped, "latin1").toString() === folder) mounts.push({ number, type: rest.split(" ")[0]! })
  }
  return mounts
}

/**
 * Runs a program of the system to its end, when nothing of ours is mounted yet.
 *
 * @param device its file descriptor 3
 * @returns what it complains of, if it fails
 */
async function runTool([program = "", ...words]: readonly string[], device?: number): Promise<string | undefined> {
  const child = spawn(program, words, {
    stdio: ["ignore", "ignore", "pipe", ...(device === undefined ? [] : [device])],
    env: { ...process.env, LC_ALL: "C" },
  })
  const { status, complaint } = await endOf(child)
  if (typeof status === "string") {
    return status === "ENOENT" ? `there is no program '${program}'` : `'${program}' cannot be run: ${status}`
  }
  return status === 0 ? undefined : complaint || `'${program}' ended with ${status}`
}

interface End {
  /** An exit code; or why it was not started, as Node has it. */
  readonly status: number | string | null
  /** The first line that it wrote to standard error. */
  readonly complaint: string
}

function endOf(child: ChildProcess): Promise<End> {
  let text = ""
  child.stderr!.setEncoding("utf8").on("data", (more: string) => (text += more))
  return new Promise((settle) => {
    const end = (status: End["status"]): void => {
      const [first = ""] = text.trim().split("\n")
      settle({ status, complaint: first.replace(/^u?mount: /, "") })
    }
    child.on("error", ({ code = "" }: NodeJS.ErrnoException) => end(code))
    child.on("close", end)
  })
}
