/**
 * Where the process that `tvix warm` keeps is found:
 *
 *     $XDG_RUNTIME_DIR/tvix/      or TMP/tvix-UID/; of this user, and nobody else may enter it
 *       warm-<of the sources>     the socket: who has other sources, and might answer otherwise, is not even asked
 *       warm-<of the sources>.log what went wrong in it
 */
import { lstatSync, readlinkSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { isAbsolute, join } from "node:path"
import { SOURCES, VERSION } from "../version.ts"

export interface Place {
  readonly folder: string
  readonly socket: string
  readonly log: string
}

const DIGITS = 12
const OTHERS = 0o077

/** Undefined where there are no such sockets. */
export function warmPlace(env: Readonly<Record<string, string | undefined>> = process.env): Place | undefined {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  const runtime = env["XDG_RUNTIME_DIR"]
  const folder = runtime !== undefined && isAbsolute(runtime) ? join(runtime, "tvix") : join(tmpdir(), `tvix-${uid}`)
  const socket = join(folder, `warm-${SOURCES?.slice(0, DIGITS) ?? VERSION}`)
  return { folder, socket, log: `${socket}.log` }
}

/** Why the folder is not one to trust; undefined if it is, or there is none. */
export function distrust(folder: string): string | undefined {
  const stats = lstatSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (!stats.isDirectory()) return "it is not a folder"
  if (stats.uid !== process.getuid!()) return "it is another user's"
  if ((stats.mode & OTHERS) !== 0) return "others may enter it"
  return undefined
}

/**
 * What a process sees where: the same of two processes if a path, an address and a permission mean the same to both. Containers
 * may share a folder for sockets with what is outside, and nothing else.
 */
export function whereabouts(): string {
  const { dev, ino } = statSync("/")
  const spaces =
    process.platform === "linux" ? ["mnt", "net", "user"].map((name) => readlinkSync(`/proc/self/ns/${name}`)) : []
  return JSON.stringify([dev, ino, ...spaces, process.getuid!(), process.getgid!(), process.getgroups!()])
}
