import { spawn } from "node:child_process"
import { closeSync, constants, lstatSync, openSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { FuseError } from "../problem.ts"
import { READ_MAX } from "../protocol.ts"

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
}

/**
 * Mounts on a folder; nothing answers yet. What a server left there that was killed is removed first.
 *
 * @throws {FuseError}
 */
export async function mountFolder(path: string, options: MountOptions): Promise<MountedFolder> {
  const folder = resolve(path)
  const device = openDevice()
  try {
    await prepare(folder)
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
    return { fd: device, folder, number }
  } catch (error) {
    closeSync(device)
    throw error
  }
}

/**
 * Takes the mount away from its folder; whoever is in it or has a file of it open keeps that.
 *
 * @throws {FuseError} `unmount-failed`
 */
export async function unmountFolder({ folder, number }: MountedFolder): Promise<"unmounted" | "busy"> {
  // Somebody else has.
  if (!isMounted({ folder, number })) return "unmounted"
  if ((await runTool(["umount", "-i", folder])) === undefined) return "unmounted"
  const problem = await runTool(["umount", "-i", "-l", folder])
  if (problem !== undefined && isMounted({ folder, number })) {
    throw new FuseError({ code: "unmount-failed", folder, reason: problem })
  }
  return "busy"
}

function isMounted({ folder, number }: Omit<MountedFolder, "fd">): boolean {
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
 * Runs a program of the system to its end. That it is waited for in the background matters: programs look at the folder,
 * which is us.
 *
 * @param device its file descriptor 3
 * @returns what it complains of, if it fails
 */
async function runTool([program = "", ...words]: readonly string[], device?: number): Promise<string | undefined> {
  const child = spawn(program, words, {
    stdio: ["ignore", "ignore", "pipe", ...(device === undefined ? [] : [device])],
    env: { ...process.env, LC_ALL: "C" },
  })
  let complaint = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (complaint += text))
  return new Promise((settle) => {
    child.on("error", ({ code }: NodeJS.ErrnoException) => {
      settle(code === "ENOENT" ? `there is no program '${program}'` : `'${program}' cannot be run: ${code}`)
    })
    child.on("close", (status) => {
      const [first = ""] = complaint.trim().split("\n")
      settle(status === 0 ? undefined : first.replace(/^u?mount: /, "") || `'${program}' ended with ${status}`)
    })
  })
}
