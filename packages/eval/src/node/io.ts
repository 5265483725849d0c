/** The file system, environment and clock of this process. Symbolic links in paths are followed, as the kernel does. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { IoError, type EvalIO } from "../io.ts"
import type { FileStamp } from "../unit-cache.ts"
import { followLinks, Links, nativePath } from "./links.ts"
import { restricted, type Restriction } from "./restricted.ts"

export interface NodeIoOptions {
  /** What may be read; everything if absent. */
  readonly restriction?: Restriction
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * An {@link EvalIO} that answers at once. What it has learned of folders and links it does not ask again, until it is told
 * to forget it.
 */
export function nodeIo({ restriction, env = process.env }: NodeIoOptions = {}): EvalIO {
  const links = new Links()
  const io: EvalIO = {
    readFile: (path) => reading(path, (file) => textIn(file, links.sizeOf(path))),
    openFile: (path) =>
      reading(path, (file) => {
        const stats = fstatSync(file)
        const { size } = stats
        const known = { executable: isExecutable(stats), stamp: stampOf(stats) }
        if (size > COPIED_MAX) return { ...known, size, pieces: piecesOf(path, size) }
        const contents = bytesIn(file, size)
        return { ...known, size: contents.length, pieces: [contents] }
      }),
    readDir(path) {
      try {
        return links.list(path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOTDIR" && isThere(path)) {
          throw new IoError(`cannot read directory "${path}": Not a directory`)
        }
        throw ioError("opening directory", path, error)
      }
    },
    fileType(path) {
      try {
        return links.type(path)
      } catch (error) {
        throw ioError("getting status of", path, error)
      }
    },
    realPath: (path) => links.follow(path),
    readLink(path) {
      try {
        return readlinkSync(nativePath(path), "latin1")
      } catch (error) {
        throw ioError("reading symbolic link", path, error)
      }
    },
    isExecutable(path) {
      let stats
      try {
        stats = links.examine(path)
      } catch (error) {
        throw ioError("getting status of", path, error)
      }
      if (stats === undefined) throw new IoError(`path '${path}' does not exist`)
      return isExecutable(stats)
    },
    stamp(path) {
      try {
        const stats = links.examineAgain(path)
        return stats?.isFile() === true || stats?.isDirectory() === true ? stampOf(stats) : undefined
      } catch {
        return undefined
      }
    },
    getEnv: (name) => byteStringOf(env[textOf(name)] ?? ""),
    currentTime: () => Math.floor(Date.now() / 1000),
    forget() {
      links.forget()
    },
  }
  return restriction === undefined ? io : restricted(io, restriction)
}

function isExecutable({ mode }: Stats): boolean {
  return (mode & constants.S_IXUSR) !== 0
}
function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): FileStamp {
  return { device: dev, inode: ino, size, modified: mtimeMs, changed: ctimeMs }
}

/**
 * Bytes of the files that programs are made of, and then some: they are read in one call, into memory that is there. Of more
 * Node makes strings outside of V8's heap, and optimized code has to ask the runtime for each character of those.
 */
const buffer = Buffer.allocUnsafeSlow(1_000_000)
/** Bytes of a file that are copied from there, if it is bytes that are wanted. */
const COPIED_MAX = 2 ** 17

function openForReading(path: string): number {
  try {
    return openSync(nativePath(path), "r")
  } catch (error) {
    throw ioError("opening file", path, error)
  }
}

/** Bytes that C++ Nix reads at once. */
const READ_MAX = 65_536

function textIn(file: number, sizeExpected: number | undefined): string {
  for (let text = ""; ;) {
    const count = readSync(file, buffer)
    text += buffer.toString("latin1", 0, count)
    if (isAll(count, sizeExpected)) return text
  }
}
function bytesIn(file: number, sizeExpected: number): Uint8Array {
  const first = readSync(file, buffer)
  const start = Buffer.from(buffer.subarray(0, first))
  return isAll(first, sizeExpected) ? start : Buffer.concat([start, readFileSync(file)])
}
/**
 * Whether `count` bytes, as many as there were to be had at once, are the last of a file. Of what is no file on a disk there
 * may be more to be had, and only nothing means its end; but then it does not say that it has so many.
 */
function isAll(count: number, sizeExpected: number | undefined): boolean {
  return count === 0 || (count === sizeExpected && count < buffer.length)
}

/** Opens the file for as long as `use` takes, and tells what goes wrong in C++ Nix's words. */
function reading<T>(path: string, use: (file: number) => T): T {
  const file = openForReading(path)
  try {
    return use(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") {
      // As much as C++ Nix would have read of it at once.
      const size = Math.min(fstatSync(file).size, READ_MAX)
      throw new IoError(`read of ${size} bytes: Is a directory`)
    }
    throw ioError("reading file", path, error)
  } finally {
    closeSync(file)
  }
}

/** Bytes of a file that are read at once, of one that is read in pieces. */
const PIECE = 2 ** 20

/** The first `size` bytes of a file. It is open only while somebody asks for them. */
function* piecesOf(path: string, size: number): Generator<Uint8Array, void, undefined> {
  const file = openForReading(path)
  try {
    for (let left = size; left > 0;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(left, PIECE))
      const count = readPiece(file, piece, path)
      if (count === 0) throw new IoError(`reading file '${path}': it has become shorter meanwhile`)
      left -= count
      yield count === piece.length ? piece : piece.subarray(0, count)
    }
  } finally {
    closeSync(file)
  }
}

function readPiece(file: number, piece: Uint8Array, path: string): number {
  try {
    return readSync(file, piece)
  } catch (error) {
    throw ioError("reading file", path, error)
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
