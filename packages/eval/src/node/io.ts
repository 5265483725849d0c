/** The file system, environment and clock of this process. Symbolic links in paths are followed, as the kernel does. */
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Dirent,
} from "node:fs"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { IoError, type EvalIO, type FileType } from "../io.ts"
import { followLinks, nativePath, type Links } from "./links.ts"
import { restricted, type Restriction } from "./restricted.ts"

export interface NodeIoOptions {
  /** What may be read; everything if absent. */
  readonly restriction?: Restriction
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** An {@link EvalIO} that answers at once. */
export function nodeIo({ restriction, env = process.env }: NodeIoOptions = {}): EvalIO {
  const links: Links = new Map()
  const io: EvalIO = {
    readFile: readBytes,
    readDir(path) {
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
      try {
        return typeOfEntry(lstatSync(nativePath(path)))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === "ENOENT" || code === "ENOTDIR") return undefined
        throw ioError("getting status of", path, error)
      }
    },
    realPath: (path) => followLinks(path, links),
    readLink(path) {
      try {
        return readlinkSync(nativePath(path), "latin1")
      } catch (error) {
        throw ioError("reading symbolic link", path, error)
      }
    },
    isExecutable(path) {
      try {
        return (lstatSync(nativePath(path)).mode & constants.S_IXUSR) !== 0
      } catch (error) {
        throw ioError("getting status of", path, error)
      }
    },
    getEnv: (name) => byteStringOf(env[textOf(name)] ?? ""),
    currentTime: () => Math.floor(Date.now() / 1000),
  }
  return restriction === undefined ? io : restricted(io, restriction)
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
