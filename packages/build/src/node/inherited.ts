import { openSync, readdirSync, readFileSync } from "node:fs"
import type { StdioOptions } from "node:child_process"

/** As /proc writes it: octal, O_CLOEXEC of Linux. */
const CLOSE_ON_EXEC = 0o2000000
/** Beyond, there is nothing: systems allow no more by default, by far. */
const FILES_MAX = 1 << 16

let inherited: { readonly files: readonly number[]; readonly nowhere: number } | undefined

/**
 * `stdio` with everything covered that our own parent left open for all of its descendants: in a sandbox, a folder that is
 * open is a way out of it.
 */
export function withoutInherited(stdio: Exclude<StdioOptions, string>): StdioOptions {
  inherited ??= { files: findInherited(), nowhere: openSync("/dev/null", "r+") }
  const covered = [...stdio]
  for (const file of inherited.files) {
    if (file < stdio.length) continue
    while (covered.length < file) covered.push("ignore")
    covered[file] = inherited.nowhere
  }
  return covered
}

/** Node opens nothing that those whom it starts inherit: what is like that is from before. */
function findInherited(): number[] {
  const files: number[] = []
  for (const name of readdirSync("/proc/self/fd")) {
    const file = Number(name)
    if (file <= 2 || file >= FILES_MAX) continue
    try {
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "latin1"))?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) files.push(file)
    } catch {
      // The one that listed them.
    }
  }
  return files
}
