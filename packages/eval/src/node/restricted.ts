/** The file system with most of it out of bounds. */
import { AccessError, type EvalIO } from "../io.ts"
import { followLinks } from "./links.ts"

export interface Restriction {
  /** Paths that may be read, with everything below them. What leads there can be walked through, and shows only that. */
  readonly allowed: readonly string[]
  /** Ends the sentence "access to absolute path '/x' is forbidden …". */
  readonly why: string
}

/** `io`, which must answer at once, as far as `restriction` lets it; without environment variables. */
export function restricted(io: EvalIO, { allowed, why }: Restriction): EvalIO {
  // A root that is a link counts by either name.
  const roots = [...new Set(allowed.flatMap((root) => [root, followLinks(root)]))]
  const isAllowed = (path: string): boolean =>
    roots.some((root) => root === path || root === "/" || path.startsWith(`${root}/`))
  const leadsThere = (path: string): boolean => path === "/" || roots.some((root) => root.startsWith(`${path}/`))
  const check = (path: string): void => {
    // Where links lead counts, too, and a link itself is where its folder is.
    const parent = followLinks(path.slice(0, path.lastIndexOf("/")) || "/")
    const real =
      parent === "/" ? `/${path.slice(path.lastIndexOf("/") + 1)}` : parent + path.slice(path.lastIndexOf("/"))
    for (const each of [path, real]) {
      if (isAllowed(each) || (roots.length > 0 && leadsThere(each))) continue
      throw new AccessError(`access to absolute path '${path}' is forbidden ${why}`)
    }
  }
  const checked = <T>(path: string, answer: () => T): T => {
    check(path)
    return answer()
  }
  return {
    ...io,
    readFile(path) {
      check(path)
      check(followLinks(path))
      return io.readFile(path)
    },
    openFile(path) {
      check(path)
      check(followLinks(path))
      return io.openFile!(path)
    },
    stamp(path) {
      try {
        check(path)
        check(followLinks(path))
      } catch {
        // Whoever reads the file will say so.
        return undefined
      }
      return io.stamp?.(path)
    },
    readDir(path) {
      check(path)
      const entries = io.readDir(path) as Awaited<ReturnType<EvalIO["readDir"]>>
      const prefix = path === "/" ? "/" : `${path}/`
      return entries.filter(([name]) => isAllowed(prefix + name) || leadsThere(prefix + name))
    },
    fileType: (path) => checked(path, () => io.fileType(path)),
    realPath(path) {
      check(path)
      const real = followLinks(path)
      check(real)
      return real
    },
    readLink: (path) => checked(path, () => io.readLink!(path)),
    isExecutable: (path) => checked(path, () => io.isExecutable!(path)),
    getEnv: () => "",
  }
}
