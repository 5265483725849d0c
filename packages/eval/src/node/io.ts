/** The file system, environment and clock of this process. Symbolic links in paths are followed, as the kernel does. */
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, type Dirent } from "node:fs"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { IoError, type EvalIO, type FileType } from "../io.ts"

export interface NodeIoOptions {
  /** Absolute paths of what may be read, with everything below; everything if absent. */
  readonly allowed?: readonly string[]
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** An {@link EvalIO} that answers at once. */
export function nodeIo({ allowed, env = process.env }: NodeIoOptions = {}): EvalIO {
  const check = (path: string): void => {
    if (allowed === undefined) return
    const inside = (root: string): boolean => path === root || root === "/" || path.startsWith(`${root}/`)
    // What leads to something allowed may be walked through.
    const above = (root: string): boolean => path === "/" || root.startsWith(`${path}/`)
    if (!allowed.some((root) => inside(root) || above(root))) {
      throw new IoError(`access to absolute path '${path}' is forbidden in restricted mode`)
    }
  }
  const links: Links = new Map()
  return {
    readFile(path) {
      check(path)
      return readBytes(path)
    },
    readDir(path) {
      check(path)
      try {
        const entries = readdirSync(nativePath(path), { withFileTypes: true, encoding: "buffer" })
        return entries.map((entry) => [entry.name.toString("latin1"), typeOfEntry(entry)] as const)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOTDIR" && isThere(path)) {
          throw new IoError(`cannot read directory "${path}": Not a directory`)
        }
        throw ioError("opening directory", path, error)
      }
    },
    fileType(path) {
      check(path)
      try {
        return typeOfEntry(lstatSync(nativePath(path)))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === "ENOENT" || code === "ENOTDIR") return undefined
        throw ioError("getting status of", path, error)
      }
    },
    realPath(path) {
      check(path)
      const real = followLinks(path, links)
      check(real)
      return real
    },
    readLink(path) {
      check(path)
      try {
        return readlinkSync(nativePath(path), "latin1")
      } catch (error) {
        throw ioError("reading symbolic link", path, error)
      }
    },
    getEnv: (name) => byteStringOf(env[textOf(name)] ?? ""),
    currentTime: () => Math.floor(Date.now() / 1000),
  }
}

/** What `node:fs` takes: text where the name is text, else the bytes. */
function nativePath(path: string): string | Buffer {
  // A NUL ends a path for the kernel; Node refuses it with a message of its own.
  return /[^\x00-\x7f]/.test(path) ? Buffer.from(path, "latin1") : path
}

function readBytes(path: string): string {
  let file: number
  try {
    file = openSync(nativePath(path), "r")
  } catch (error) {
    throw ioError("opening file", path, error)
  }
  try {
    return readFileSync(file, "latin1")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") throw new IoError("read of 4096 bytes: Is a directory")
    throw ioError("reading file", path, error)
  } finally {
    closeSync(file)
  }
}

type Kind = Pick<Dirent, "isFile" | "isDirectory" | "isSymbolicLink">
function typeOfEntry(entry: Kind): FileType {
  if (entry.isSymbolicLink()) return "symlink"
  if (entry.isDirectory()) return "directory"
  return entry.isFile() ? "regular" : "unknown"
}

/** As many as C++ Nix follows. */
const LINKS_MAX = 1024

/** What is known of paths: where they link to, undefined if they are no links. Paths share most of their components. */
type Links = Map<string, string | undefined>

/** All symbolic links in `path` followed, as far as the path exists. A relative one starts in the working directory. */
function followLinks(path: string, links: Links = new Map()): string {
  let followed = 0
  let real = path.startsWith("/") ? "" : byteStringOf(process.cwd())
  const todo = path.split("/").reverse()
  while (todo.length > 0) {
    const name = todo.pop()!
    if (name === "" || name === ".") continue
    if (name === "..") {
      real = real.slice(0, Math.max(0, real.lastIndexOf("/")))
      continue
    }
    const next = `${real}/${name}`
    let target = links.get(next)
    if (target === undefined && !links.has(next)) links.set(next, (target = linkTarget(next)))
    if (target === undefined) {
      real = next
      continue
    }
    if (++followed > LINKS_MAX) throw new IoError(`infinite symlink recursion in path '${path}'`)
    if (target.startsWith("/")) real = ""
    todo.push(...target.split("/").reverse())
  }
  return real === "" ? "/" : real
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(nativePath(path), "latin1")
  } catch {
    // EINVAL: not a link; ENOENT and the like: whoever opens it will say so.
    return undefined
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(nativePath(path))
    return true
  } catch {
    return false
  }
}

/** In the words of C++ Nix: what was done, to which path, and strerror's text. */
function ioError(doing: string, path: string, error: unknown): IoError {
  const { code = "" } = error as NodeJS.ErrnoException
  // Also ENOTDIR: what is below a file does not exist either. Links are followed before anything is opened.
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new IoError(`path '${followLinks(path)}' does not exist`, { cause: error })
  }
  if (code === "ELOOP") return new IoError(`infinite symlink recursion in path '${path}'`, { cause: error })
  return new IoError(`${doing} '${path}': ${STRERROR[code] ?? (code === "" ? String(error) : code)}`, { cause: error })
}
const STRERROR: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  EMFILE: "Too many open files",
  ENAMETOOLONG: "File name too long",
  ENOMEM: "Cannot allocate memory",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  ERR_INVALID_ARG_VALUE: "Invalid argument",
}
