/** Which paths `.gitattributes` marks as `export-ignore`. */
import { gitOrFail, type GitOptions } from "./command.ts"
import { directoriesOf } from "./listing.ts"

const ATTRIBUTES = ".gitattributes"

export function namesAttributes(paths: Iterable<string>): boolean {
  for (const path of paths) if (path === ATTRIBUTES || path.endsWith(`/${ATTRIBUTES}`)) return true
  return false
}

/**
 * Which of `paths` are to be left out, as the index says. What is below a directory that is left out is not asked for.
 *
 * @param repository options of git that say where it is
 * @param asDirectories whether directories count as such, so that patterns like `docs/` are about them. To C++ Nix, they
 *   do where there is a working folder (git_attr_path__init of libgit2)
 */
export async function exportIgnored(
  repository: readonly string[],
  paths: readonly string[],
  asDirectories: boolean,
  options: GitOptions,
): Promise<(path: string) => boolean> {
  const directories = [...directoriesOf(paths)]
  const asked = [...paths, ...directories.map((directory) => (asDirectories ? `${directory}/` : directory))]
  const args = [...repository, "check-attr", "--cached", "--stdin", "-z", "export-ignore"]
  const stdin = asked.map((path) => `${path}\0`).join("")
  const answer = (await gitOrFail("looking up export-ignore", args, { ...options, stdin })).split("\0")
  const ignored = new Set<string>()
  // Triples of path, attribute and value; one with a value of its own does not count.
  for (let i = 0; i + 2 < answer.length; i += 3) {
    if (answer[i + 2] === "set") ignored.add(answer[i]!.replace(/\/$/, ""))
  }
  return (path) => {
    if (ignored.size === 0) return false
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      if (ignored.has(path.slice(0, end))) return true
    }
    return false
  }
}
