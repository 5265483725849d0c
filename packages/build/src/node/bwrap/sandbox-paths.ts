/** What of the machine every build is shown, because whoever runs the builder says so: a compiler's cache, a device. */
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { isIn } from "../../paths.ts"
import { unsupported } from "../../problem.ts"
import type { BuildRequest } from "../../request.ts"

export interface SandboxPath {
  /** Where builds see it. Both are absolute, without `.`, `..` and superfluous slashes; byte strings. */
  readonly path: string
  /** Where it is on the machine. */
  readonly source: string
  /** Whether builds do without it where it is not there. */
  readonly optional: boolean
}

const CLEAN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/

/**
 * A word of C++ Nix's setting `sandbox-paths`: a path, `=` and where it is if that is somewhere else, and a question mark if
 * it need not be there. Undefined if it is no such word.
 */
export function parseSandboxPath(word: string): SandboxPath | undefined {
  const optional = word.endsWith("?")
  const text = optional ? word.slice(0, -1) : word
  const equals = text.indexOf("=")
  const path = equals < 0 ? text : text.slice(0, equals)
  const source = text.slice(equals + 1)
  return [path, source].every((one) => CLEAN_PATH.test(one)) ? { path, source, optional } : undefined
}

/** Those that are there. @throws {BuildError} `unsupported` if one is missing, or is where the build has something itself */
export function presentPaths(
  paths: readonly SandboxPath[],
  { inputsDir, workingDir, scratchPaths }: Pick<BuildRequest, "inputsDir" | "workingDir" | "scratchPaths">,
): readonly SandboxPath[] {
  const own = [inputsDir, workingDir, ...scratchPaths, "proc", "etc", "tmp", "dev"]
  return paths.filter(({ path, source, optional }) => {
    const hidden = own.find((one) => isIn(one, [path.slice(1)]))
    if (hidden !== undefined)
      throw unsupported(`builds cannot be shown ${source} as ${path}: they have a /${hidden} of their own`)
    if (existsSync(Buffer.from(source, "latin1"))) return true
    if (!optional) throw unsupported(`this machine has no ${source}, which builds are to be shown as ${path}`)
    return false
  })
}

/** Makes a place for what is to be seen in `/etc`, which is a folder of ours that the sandbox cannot write to. */
export function makeMountPoints(etc: string, paths: readonly SandboxPath[]): void {
  for (const { path, source } of paths) {
    const [root, ...names] = path.slice(1).split("/")
    if (root !== "etc") continue
    const isFolder = statSync(Buffer.from(source, "latin1")).isDirectory()
    for (let count = 1; count <= names.length; count++) {
      const place = Buffer.from([etc, ...names.slice(0, count)].join("/"), "latin1")
      if (existsSync(place)) continue
      const isFile = count === names.length && !isFolder
      if (isFile) writeFileSync(place, "")
      else mkdirSync(place)
      chmodSync(place, isFile ? 0o644 : 0o755)
    }
  }
}
