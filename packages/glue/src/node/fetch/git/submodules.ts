/** Repositories within repositories, as `.gitmodules` names them. */
import { git, type GitOptions } from "./command.ts"

export interface Submodule {
  /** Where it is in the tree. */
  readonly path: string
  readonly url: string
  /** `.` stands for the branch of the repository around it. */
  readonly branch: string | undefined
}

/** Submodules within submodules. */
export const SUBMODULE_DEPTH_MAX = 16

/** @param source options of `git config` that say what to read */
export async function readSubmodules(
  repository: readonly string[],
  source: readonly string[],
  options: GitOptions,
): Promise<Submodule[]> {
  const pattern = "^submodule\\..*\\.(path|url|branch)$"
  const { status, stdout } = await git([...repository, "config", ...source, "-z", "--get-regexp", pattern], options)
  if (status !== 0) return []
  const sections = new Map<string, Map<string, string>>()
  for (const record of stdout.split("\0")) {
    const [, section, key, value] = /^submodule\.(.*)\.(path|url|branch)\n(.*)$/s.exec(record) ?? []
    if (section === undefined) continue
    const values = sections.get(section) ?? new Map<string, string>()
    sections.set(section, values.set(key!, value!))
  }
  const submodules: Submodule[] = []
  for (const values of sections.values()) {
    const path = values.get("path")
    const url = values.get("url")
    if (path === undefined || url === undefined) continue
    submodules.push({ path: path.replace(/\/+$/, ""), url, branch: values.get("branch") })
  }
  return submodules
}

/** `url`, where it begins with `./` or `../`, seen from the address of the repository around it. */
export function resolveSubmoduleUrl(url: string, base: string): string {
  if (!/^\.\.?\//.test(url)) return url
  let above = base.replace(/\/+$/, "")
  let rest = url
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2)
    else if (rest.startsWith("../")) {
      rest = rest.slice(3)
      // Of `user@host:path`, the colon is where the path begins.
      const cut = Math.max(above.lastIndexOf("/"), above.lastIndexOf(":"))
      above = above.slice(0, Math.max(cut, 0))
    } else return `${above}/${rest}`
  }
}
