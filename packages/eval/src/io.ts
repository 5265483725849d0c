/**
 * All an evaluation can learn of the world. Every method may answer at once or with a promise; evaluation pauses until
 * it settles, and an answer at once costs nothing. Paths are absolute and, like all strings of the evaluator, byte
 * strings.
 */
import type { FileStamp } from "./unit-cache.ts"

export type Awaitable<T> = T | PromiseLike<T>

export function isPromise<T>(answer: Awaitable<T>): answer is PromiseLike<T> {
  return typeof answer === "object" && answer !== null && typeof (answer as PromiseLike<T>).then === "function"
}

export type FileType = "regular" | "directory" | "symlink" | "unknown"

/** A regular file, to be read piece by piece. */
export interface OpenedFile {
  /** Bytes. */
  readonly size: number
  /** Whether its owner may execute it. */
  readonly executable: boolean
  /** So many bytes, in order, to be asked for once. Whoever takes a piece may keep it. Throws {@link IoError}. */
  readonly pieces: Iterable<Uint8Array>
  /** As {@link EvalIO.stamp}, from before anything was read; absent if that is not known. */
  readonly stamp?: FileStamp
}

export interface DerivationOutputName {
  /** Its store path. */
  readonly derivation: string
  readonly output: string
}

export interface EvalIO {
  /** The file's bytes. Rejects or throws {@link IoError}. */
  readFile(path: string): Awaitable<string>
  /**
   * The same for a regular file, for whoever wants bytes and no string, for which a file may be too large. Absent where files
   * are strings. Who wraps an EvalIO to see or to change what is read does so here, too, or leaves it out.
   */
  openFile?(path: string): Awaitable<OpenedFile>
  /** Names and types of a directory's entries, in any order. */
  readDir(path: string): Awaitable<readonly (readonly [name: string, type: FileType])[]>
  /** What is at `path`, a symbolic link not followed; undefined if nothing is. */
  fileType(path: string): Awaitable<FileType | undefined>
  /** `path` with all symbolic links followed, as far as it exists. */
  realPath(path: string): Awaitable<string>
  /** Where the symbolic link at `path` points, as it is written there. Absent where there are no links. */
  readLink?(path: string): Awaitable<string>
  /** Whether its owner may execute the file at `path`. Absent where no file is executable. */
  isExecutable?(path: string): Awaitable<boolean>
  /** An environment variable; "" if it is not set. */
  getEnv(name: string): string
  /** Seconds since 1970. */
  currentTime(): number
  /**
   * What tells whether the regular file or the folder at `path`, a link not followed, has changed, its permissions
   * included, at once; undefined if nothing does.
   * Who has this lets a cache answer in place of {@link readFile}: who wraps an EvalIO to see what is read leaves it out.
   */
  stamp?(path: string): FileStamp | undefined
  /**
   * Copies a file tree to the store. The result is its store path, which becomes the string's only context. Absent where
   * there is no store.
   */
  copyToStore?(path: string): Awaitable<string>
  /** The store paths that the store object at or above `path` refers to. Absent where there is no store. */
  references?(path: string): Awaitable<readonly string[]>
  /** Fails unless the store object at `path` is there. Absent where store paths are only computed. */
  ensureStorePath?(path: string): Awaitable<void>
  /**
   * Makes these outputs of derivations be there, for a program that reads what they are: "import from derivation". Absent
   * where nothing is built.
   */
  realise?(outputs: readonly DerivationOutputName[]): Awaitable<void>
  /** Answers from now on are of the world as it is by then. Absent where nothing is remembered. */
  forget?(): void
}

/** What went wrong with a file, in C++ Nix's words: "opening file '/x': No such file or directory". */
export class IoError extends Error {
  override readonly name = "IoError"
}

/** A file that the evaluation may not see: to `pathExists` it is not there. */
export class AccessError extends IoError {}

/** Nothing exists and nothing is set: what an evaluation sees unless it is given something else. */
export const noIo: EvalIO = {
  readFile: (path) => refuse(path),
  readDir: (path) => refuse(path),
  fileType: () => undefined,
  realPath: (path) => path,
  getEnv: () => "",
  currentTime: () => 0,
}
function refuse(path: string): never {
  throw new AccessError(`access to path '${path}' is forbidden: this evaluation was given no I/O`)
}
