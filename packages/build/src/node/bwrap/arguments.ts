import { isIn, outermost } from "../../paths.ts"
import type { BuildRequest } from "../../request.ts"
import type { SandboxPath } from "./sandbox-paths.ts"

/** Where the parts of a sandbox are on the machine: absolute paths, byte strings. */
export interface Parts {
  /** What can be written to: scratch paths, and what the request puts there, by their paths in the build. */
  readonly root: string
  readonly etc: string
  readonly tmp: string
  /** The inputs that are files or directories, by name. */
  readonly inputs: ReadonlyMap<string, string>
  /** Whether they are below `root` when bubblewrap starts, and links, too. */
  readonly mounted: boolean
  /** A shell that needs no other files. */
  readonly binSh: string | undefined
  /** What else of the machine is shown; all of it is there. */
  readonly shown: readonly SandboxPath[]
}

/** Who a build is in its sandbox: what C++ Nix calls it, too. */
export const SANDBOX_UID = 1000
export const SANDBOX_GID = 100

/** Files that the script opens which becomes bubblewrap. */
export const ARGUMENTS_FD = 6
export const FILTER_FD = 7

/** What bubblewrap is to do, as words of its command line; byte strings. Later ones cover earlier ones. */
export function sandboxArguments(request: BuildRequest, parts: Parts, { filtered }: { filtered: boolean }): string[] {
  const { inputs, inputsDir, scratchPaths, workingDir, environment, constraints, additionalFiles } = request
  const words = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
  if (!constraints.network) words.push("--unshare-net")
  words.push("--uid", String(SANDBOX_UID), "--gid", String(SANDBOX_GID), "--hostname", "localhost")
  // Only root has any to drop, and bubblewrap lets root keep them unless told.
  words.push("--cap-drop", "ALL", "--new-session", "--die-with-parent")
  if (filtered) words.push("--seccomp", String(FILTER_FD))

  words.push("--clearenv")
  for (const [key, value] of environment) words.push("--setenv", key, value)

  words.push("--dev", "/dev", "--proc", "/proc", "--ro-bind", parts.etc, "/etc", "--bind", parts.tmp, "/tmp")
  // What bubblewrap makes on the way to a place is its own alone.
  const folders = new Set([inputsDir, workingDir, ...foldersAbove([...scratchPaths, ...additionalFiles.keys()])])
  if (parts.binSh !== undefined) folders.add("bin")
  for (const path of [...foldersAbove([...folders]), ...folders]) words.push("--dir", `/${path}`)
  const bound = outermost(scratchPaths)
  // A folder that may not be written to comes before those in it that may.
  if (parts.mounted && !isIn(inputsDir, bound)) words.push("--ro-bind", `${parts.root}/${inputsDir}`, `/${inputsDir}`)
  for (const path of bound) words.push("--bind", `${parts.root}/${path}`, `/${path}`)
  for (const path of additionalFiles.keys()) {
    if (!isIn(path, scratchPaths)) words.push("--ro-bind", `${parts.root}/${path}`, `/${path}`)
  }
  for (const [name, node] of parts.mounted ? [] : inputs) {
    const path = `/${inputsDir}/${name}`
    // A link cannot be bound to a place, only what it leads to here.
    if (node.type === "symlink") words.push("--symlink", node.target, path)
    else words.push("--ro-bind", parts.inputs.get(name)!, path)
  }
  if (parts.binSh !== undefined) words.push("--ro-bind", parts.binSh, "/bin/sh")
  for (const path of constraints.availablePaths) {
    words.push(path.startsWith("/dev/") ? "--dev-bind" : "--ro-bind", path, path)
  }
  // As C++ Nix has them: to be written to, by who may.
  for (const { path, source } of parts.shown)
    words.push(path.startsWith("/dev/") ? "--dev-bind" : "--bind", source, path)
  words.push("--remount-ro", "/", "--chdir", `/${workingDir}`)
  return words
}

/** `a` and `a/b` for `a/b/c`: each once, the outer ones first. */
function foldersAbove(paths: readonly string[]): Set<string> {
  const folders = new Set<string>()
  for (const path of paths) {
    for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
      folders.add(path.slice(0, slash))
    }
  }
  return folders
}
