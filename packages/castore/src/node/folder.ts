import { mkdirSync, statSync } from "node:fs"
import { dirname } from "node:path"

/**
 * Makes the folder at `path`, and those on the way to it, if they are not there.
 *
 * Instead of mkdirSync with `recursive`, which never returns where the system says of a folder in one that exists that it
 * does not exist: below /proc, in Node 20 to 26.
 */
export function makeFolder(path: string, mode = 0o777): void {
  const missing = [path]
  for (let next = missing.pop(); next !== undefined; next = missing.pop()) {
    try {
      mkdirSync(next, { mode })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const parent = dirname(next)
      if (code === "ENOENT" && parent !== next && !exists(parent)) missing.push(next, parent)
      else if (!isFolder(next)) throw error
    }
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
