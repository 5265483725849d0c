/**
 * Makes files on disk of a tree. They appear beside the destination first, in a folder of a name nobody else uses, and move
 * there when all is complete; what is not completed is removed.
 *
 * Permissions are those of any new file, less what the umask takes away: 0666, executable ones and directories 0777. Times
 * and owners are not part of trees, so they are those of the moment.
 */
import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { platform } from "node:process"
import type { TreeSink } from "../../tree.ts"
import { directoryPrefix, diskPath } from "./disk-path.ts"
import { asDiskError, DiskError, type DiskWork } from "./problem.ts"
import { TimeSlice } from "./time-slice.ts"

const FILE_MODE = 0o666
const EXECUTABLE_MODE = 0o777
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)
const NOTHING = -1

/** Takes one tree. {@link finish} puts it in its place; {@link abort}, also after an error, leaves nothing of it. */
export class WriteTree implements TreeSink {
  /** A byte string. */
  readonly destination: string
  readonly #draft: string
  readonly #slice = new TimeSlice()
  /** Of the open directories; each ends in a slash. */
  readonly #prefixes: string[] = []
  /** Where the next node goes. */
  #path: string
  #file = NOTHING
  #left = 0
  #rootIsDirectory = false
  #begun = false

  /**
   * @param destination a byte string; its parent has to be there, and itself not
   * @throws {DiskError}
   */
  constructor(destination: string) {
    this.destination = destination.replace(/(?<=[^/])\/+$/, "")
    if (exists(this.destination)) throw new DiskError({ code: "exists", path: this.destination })
    const slash = this.destination.lastIndexOf("/")
    const unique = crypto.randomUUID().slice(0, 13)
    this.#draft = `${this.destination.slice(0, slash + 1)}.tvix-${unique}`
    this.#path = this.#draft
  }

  file(size: number, executable: boolean): void {
    this.#file = this.#making(() =>
      openSync(diskPath(this.#path), OPEN_FLAGS, executable ? EXECUTABLE_MODE : FILE_MODE),
    )
    this.#left = size
    if (size === 0) this.#close()
  }

  contents(bytes: Uint8Array): void | Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += this.#making(() => writeSync(this.#file, bytes, at))
    }
    this.#left -= bytes.length
    if (this.#left <= 0) this.#close()
    return this.#slice.over ? this.#slice.rest() : undefined
  }

  symlink(target: string): void {
    this.#making(() => symlinkSync(diskPath(target), diskPath(this.#path)))
  }

  directory(): void {
    this.#making(() => mkdirSync(diskPath(this.#path), EXECUTABLE_MODE))
    if (this.#prefixes.length === 0) this.#rootIsDirectory = true
    this.#prefixes.push(directoryPrefix(this.#path))
  }

  entry(name: string): void {
    const prefix = this.#prefixes.at(-1)!
    this.#path = prefix + name
    // Castores have no such names, but this is where they would do harm.
    if (!isName(name)) throw new DiskError({ code: "name", path: this.#shown(this.#path), name })
  }

  endDirectory(): void {
    this.#prefixes.pop()
  }

  /**
   * Puts the tree in its place.
   *
   * @throws {DiskError} `exists` if something has appeared there meanwhile
   */
  finish(): void {
    const draft = diskPath(this.#draft)
    const destination = diskPath(this.destination)
    try {
      if (!this.#rootIsDirectory) {
        // Linking refuses what a rename would replace. Not every file system has links.
        if (linked(draft, destination)) return unlinkSync(draft)
        if (exists(this.destination)) throw new DiskError({ code: "exists", path: this.destination })
        return renameSync(draft, destination)
      }
      // Making the directory is what says that it is not there; a rename then replaces it, if it is still empty.
      mkdirSync(destination)
      if (platform === "win32") rmdirSync(destination)
      renameSync(draft, destination)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EEXIST" || code === "ENOTEMPTY") {
        throw new DiskError({ code: "exists", path: this.destination }, { cause: error })
      }
      throw asDiskError(error, this.destination, "write")
    }
  }

  /** Removes what has been written. Nothing may be called afterwards. */
  abort(): void {
    this.#close()
    if (!this.#begun) return
    try {
      rmSync(diskPath(this.#draft), { recursive: true, force: true })
    } catch (error) {
      throw asDiskError(error, this.#draft, "remove")
    }
  }

  #close(): void {
    if (this.#file !== NOTHING) closeSync(this.#file)
    this.#file = NOTHING
  }

  /** Does `work`; its errors are told with the path that the thing would have had. */
  #making<T>(work: () => T, doing: DiskWork = "write"): T {
    this.#begun = true
    try {
      return work()
    } catch (error) {
      const path = this.#shown(this.#path)
      // The folder is ours alone, so it was us who made the other one, under a name that is the same here.
      if ((error as NodeJS.ErrnoException).code === "EEXIST") {
        throw new DiskError({ code: "names-collide", path }, { cause: error })
      }
      throw asDiskError(error, path, doing)
    }
  }

  /** `path` of the draft as it will be. */
  #shown(path: string): string {
    return this.destination + path.slice(this.#draft.length)
  }
}

const NOT_NAMES = platform === "win32" ? /[/\\:\0]/ : /[/\0]/
function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !NOT_NAMES.test(name)
}

function exists(path: string): boolean {
  try {
    return lstatSync(diskPath(path), { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw asDiskError(error, path, "write")
  }
}

/** Whether a second name for the file could be made. @throws {Error} if there is something of that name */
function linked(path: string | Buffer, name: string | Buffer): boolean {
  try {
    linkSync(path, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error
    return false
  }
}
