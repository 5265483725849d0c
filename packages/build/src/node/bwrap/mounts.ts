/**
 * Inputs by the hundred. Bubblewrap reads the list of all mounts again for each that it makes, which for a thousand takes
 * seconds, and takes no more than 9000 words. So they are mounted before, by one call of mount(8), in a user and mount
 * namespace around that of bubblewrap, which then finds them below what it shows.
 */
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import type { BuildRequest } from "../../request.ts"

/** From how many on that is faster; measured: both take 80 ms for 120. */
export const MANY_INPUTS = 120

/**
 * Makes the places of the inputs in `folder`, which is what will be seen as their folder.
 *
 * @param places of the inputs that are no links, by name
 * @returns the lines of a table of mounts, as in fstab(5)
 */
export function inputMounts(folder: string, { inputs }: BuildRequest, places: ReadonlyMap<string, string>): string {
  let table = ""
  for (const [name, node] of inputs) {
    const path = `${folder}/${name}`
    const onDisk = Buffer.from(path, "latin1")
    if (node.type === "symlink") {
      symlinkSync(Buffer.from(node.target, "latin1"), onDisk)
      continue
    }
    const source = places.get(name)!
    if (lstatSync(Buffer.from(source, "latin1")).isDirectory()) mkdirSync(onDisk)
    else writeFileSync(onDisk, "")
    table += `${escaped(source)} ${escaped(path)} none bind,ro 0 0\n`
  }
  return table
}

/** A line of the launching script: becomes a shell in new namespaces, in which we are root, that runs `script`. */
export function enterLine(before: string, script: string): string {
  return `exec ${before}unshare --user --map-root-user --mount --propagation private -- /bin/sh ${script}`
}

/** Words of a table of mounts are what is between blanks; other bytes are octal. */
function escaped(path: string): string {
  return path.replaceAll(/[^\w./+-]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`)
}
