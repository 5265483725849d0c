import { textOf } from "@tvix-ts/bytes"
import { getSystemErrorMessage } from "node:util"

/** What can be wrong with a file tree on disk, or with making one there. `path` is a byte string. */
export type DiskProblem =
  /** Neither file, directory nor symbolic link. */
  | { readonly code: "special-file"; readonly path: string; readonly kind: SpecialFile }
  /** Somebody changed it while it was read. */
  | { readonly code: "changed"; readonly path: string; readonly how: "grew" | "shrank" | "is of another type" }
  /** The path has more bytes than the system takes. */
  | { readonly code: "path-too-long"; readonly path: string; readonly length: number }
  /** What is to be made is there. */
  | { readonly code: "exists"; readonly path: string }
  /** A name that the file system takes for one before it in the same directory: `a` and `A`, on some. */
  | { readonly code: "names-collide"; readonly path: string }
  /** The name, or the target of a link, is none that this system can have. */
  | { readonly code: "name"; readonly path: string; readonly name: string }
  /** The system refused. `error` is its symbol, `EACCES`; `reason` its words. */
  | {
      readonly code: "system"
      readonly path: string
      readonly doing: DiskWork
      readonly error: string
      readonly reason: string
    }

export type SpecialFile = "FIFO" | "socket" | "block device" | "character device" | "file of unknown type"
export type DiskWork = "read" | "write" | "remove"

export class DiskError extends Error {
  override readonly name = "DiskError"
  readonly problem: DiskProblem

  constructor(problem: DiskProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

/** An error of `node:fs` with the path it is about; anything else as it is. */
export function asDiskError(cause: unknown, path: string, doing: DiskWork): unknown {
  if (!(cause instanceof Error) || cause instanceof DiskError) return cause
  const { code: error, errno } = cause as NodeJS.ErrnoException
  if (error === undefined || errno === undefined) return cause
  // Also what a single name too long gives; the length tells the reader which it is.
  if (error === "ENAMETOOLONG") return new DiskError({ code: "path-too-long", path, length: path.length }, { cause })
  return new DiskError({ code: "system", path, doing, error, reason: getSystemErrorMessage(errno) }, { cause })
}

function describe(problem: DiskProblem): string {
  const path = `'${textOf(problem.path)}'`
  switch (problem.code) {
    case "special-file":
      return `${path} is a ${problem.kind}; only files, directories and symbolic links can be stored`
    case "changed":
      return problem.how === "is of another type"
        ? `${path} turned into something else while it was read`
        : `${path} ${problem.how} while it was read`
    case "path-too-long":
      return `a path of ${problem.length} bytes is longer than the system allows: '${shortened(problem.path)}'`
    case "exists":
      return `${path} exists already`
    case "names-collide":
      return `${path} cannot be written: the file system has taken its name for that of another entry`
    case "name":
      return `${path} cannot be written: '${textOf(problem.name)}' is not a name here`
    case "system":
      return `cannot ${problem.doing} ${path}: ${problem.reason}`
  }
}

/** Enough of it to find the place. */
function shortened(path: string): string {
  return path.length <= 120 ? textOf(path) : `${textOf(path.slice(0, 50))}…${textOf(path.slice(-50))}`
}
