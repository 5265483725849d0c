/**
 * Builds of root run as another user, who may not get as far as the folders that they need: /root is closed to everybody
 * else. Then they are shown to that user at the same paths, in a mount namespace of the build's, with nothing around them.
 */
import { statSync } from "node:fs"
import { dirname } from "node:path"
import { quoted } from "../shell.ts"

const OTHERS_PASS = 0o001

/** A folder that is closed, and the paths below it at which there is something to be shown. */
export interface ClosedFolder {
  readonly folder: string
  readonly shown: readonly string[]
}

/** The outermost folders in which somebody without rights cannot get to `paths`, which are absolute. */
export function closedFolders(paths: Iterable<string>): ClosedFolder[] {
  const passable = new Map<string, boolean>()
  const passes = (folder: string): boolean => {
    const known = passable.get(folder)
    if (known !== undefined) return known
    const passed = (statSync(Buffer.from(folder, "latin1")).mode & OTHERS_PASS) !== 0
    passable.set(folder, passed)
    return passed
  }
  const closed = new Map<string, Set<string>>()
  for (const path of paths) {
    let outermost: string | undefined
    let shown: string | undefined
    for (let place = path, folder = dirname(path); folder !== place; place = folder, folder = dirname(folder)) {
      if (passes(folder)) continue
      outermost = folder
      // Below the innermost one that is closed, all is open.
      shown ??= place
    }
    if (outermost === undefined || shown === undefined) continue
    const others = closed.get(outermost)
    if (others === undefined) closed.set(outermost, new Set([shown]))
    else others.add(shown)
  }
  return [...closed].map(([folder, shown]) => ({ folder, shown: [...shown] }))
}

/**
 * Lines of a shell script, for root in a mount namespace of its own.
 *
 * @param stage path of a folder that may be made
 */
export function openingScript(closed: readonly ClosedFolder[], stage: string): string[] {
  const lines = ["set -e", `mkdir ${quoted(stage)}`]
  for (const { folder, shown } of closed) {
    // Made apart and moved there, since it hides what it is made of.
    lines.push(`mount -t tmpfs -o mode=0755,size=1m tvix-build ${quoted(stage)}`)
    for (const path of shown) {
      const place = quoted(stage + path.slice(folder.length))
      const source = quoted(path)
      lines.push(`mkdir -p "$(dirname ${place})"`)
      lines.push(`if [ -d ${source} ]; then mkdir -p ${place}; else : >${place}; fi`)
      lines.push(`mount --bind ${source} ${place}`)
    }
    lines.push(`mount --move ${quoted(stage)} ${quoted(folder)}`)
  }
  return lines
}
