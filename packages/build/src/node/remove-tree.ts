import { chmodSync, lstatSync, readdirSync } from "node:fs"
import { rm } from "node:fs/promises"

const OWNER = 0o700
const OWNER_READS = 0o400

/** Removes what is at `path`, if anything is, whatever permissions its folders have. */
export async function removeTree(path: string | Buffer): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (!isRefused(error)) throw error
    makeReadable(path, { removable: true })
    await rm(path, { recursive: true, force: true })
  }
}

/**
 * Lets the owner read all of what is at `path`, as builds may leave it in any state. Links are not followed.
 *
 * @param path also of a name that is no UTF-8
 */
export function makeReadable(path: string | Buffer, { removable = false } = {}): void {
  const folders = [Buffer.from(path as string)]
  const first = lstatSync(path, { throwIfNoEntry: false })
  if (first?.isFile() === true && !removable) letRead(path, first.mode)
  if (first?.isDirectory() !== true) return
  const needed = removable ? OWNER : OWNER & ~0o200
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { mode } = lstatSync(folder)
    if ((mode & needed) !== needed) chmodSync(folder, (mode & 0o7777) | needed)
    for (const entry of readdirSync(folder, { withFileTypes: true, encoding: "buffer" })) {
      const below = Buffer.concat([folder, SLASH, entry.name])
      if (entry.isDirectory()) folders.push(below)
      else if (entry.isFile() && !removable) letRead(below, lstatSync(below).mode)
    }
  }
}

const SLASH = Buffer.from("/")

function letRead(file: string | Buffer, mode: number): void {
  if ((mode & OWNER_READS) === 0) chmodSync(file, (mode & 0o777) | OWNER_READS)
}

function isRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === "EACCES" || code === "EPERM" || code === "ENOTEMPTY"
}
