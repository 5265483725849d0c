/** What is in the working folder of a repository, and part of it: files that git knows, as they are now. */
import { stat } from "node:fs/promises"
import type { TreeSink } from "@tvix-ts/castore"
import { readTree } from "@tvix-ts/castore/node"
import { FetchError } from "../../../fetch/problem.ts"
import { exportIgnored, namesAttributes } from "./attributes.ts"
import { git, gitOrFail, type GitOptions } from "./command.ts"
import { directoriesOf } from "./listing.ts"
import { readSubmodules, SUBMODULE_DEPTH_MAX } from "./submodules.ts"

export interface Worktree {
  /** The commit that is checked out, if there is one. */
  readonly head: string | undefined
  readonly isDirty: boolean
  /** Of files and symbolic links, those of submodules among them. */
  readonly paths: ReadonlySet<string>
}

export async function readWorktree(
  folder: string,
  { exportIgnore, submodules }: { readonly exportIgnore: boolean; readonly submodules: boolean },
  options: GitOptions,
  depth = 0,
): Promise<Worktree> {
  const repository = localRepository(folder)
  const head = await git([...repository, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"], options)
  const status = ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames"]
  const message = `getting working directory status of '${folder}'`
  const changes = await gitOrFail(message, [...repository, ...status], options)
  const deleted = new Set(
    (await gitOrFail(message, [...repository, "ls-files", "-z", "--deleted"], options)).split("\0"),
  )
  const staged = await gitOrFail(message, [...repository, "ls-files", "-z", "--stage"], options)
  const all = new Set<string>()
  for (const record of staged.split("\0")) {
    const [, mode, path] = /^([0-7]+) [0-9a-f]+ [0-3]\t(.*)$/s.exec(record) ?? []
    // Other repositories are no files of this one.
    if (mode !== undefined && mode !== "160000" && !deleted.has(path!)) all.add(path!)
  }
  const isIgnored =
    exportIgnore && namesAttributes(all) ? await exportIgnored(repository, [...all], true, options) : () => false
  const paths = new Set([...all].filter((path) => !isIgnored(path)))
  let isDirty = changes !== ""
  if (submodules && all.has(".gitmodules")) {
    if (depth === SUBMODULE_DEPTH_MAX)
      throw new FetchError({ code: "git", message: `submodules are nested too deeply in '${folder}'` })
    for (const { path } of await readSubmodules(repository, ["--file", `${folder}/.gitmodules`], options)) {
      const inner = `${folder}/${path}`
      if (!isBelow(path) || !(await isRepository(inner))) {
        throw new FetchError({
          code: "git",
          message: `Failed to fetch git repository 'file://${inner}': it is not checked out`,
        })
      }
      const module = await readWorktree(inner, { exportIgnore, submodules }, options, depth + 1)
      isDirty ||= module.isDirty
      for (const each of module.paths) paths.add(`${path}/${each}`)
    }
  }
  return { head: head.status === 0 ? head.stdout.trim() : undefined, isDirty, paths }
}

/** Whether nothing in a path leads out of where it starts. */
function isBelow(path: string): boolean {
  return path.split("/").every((name) => name !== "" && name !== "." && name !== "..")
}

/** Tells what is at `paths` in `folder`. */
export async function tellWorktree(folder: string, paths: ReadonlySet<string>, sink: TreeSink): Promise<void> {
  const directories = directoriesOf(paths)
  await readTree(folder, sink, {
    filter: (path, kind) => (kind === "directory" ? directories.has(path) : paths.has(path)),
  })
}

/** Options of git for a repository with a working folder of this machine. It has to be one: git would look above it. */
export function localRepository(folder: string): readonly string[] {
  return ["-C", folder]
}

export function isRepository(folder: string): Promise<boolean> {
  return exists(`${folder}/.git`)
}

/** Whether there is something at `path`, a byte string, that we may see. */
export function exists(path: string): Promise<boolean> {
  return stat(Buffer.from(path, "latin1")).then(
    () => true,
    () => false,
  )
}
