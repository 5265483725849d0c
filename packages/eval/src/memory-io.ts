import { byteStringFrom, byteStringOf, textOf } from "@tvix-ts/bytes"
import { IoError, type EvalIO, type FileType } from "./io.ts"

/** A file's contents, text as UTF-8; or where a symbolic link points to. */
export type MemoryFile = string | Uint8Array | { readonly symlink: string }

export interface MemoryIoOptions {
  /** What `builtins.getEnv` finds. */
  readonly env?: Readonly<Record<string, string>>
  /** Seconds since 1970. */
  readonly time?: number
}

/** As many links in a row as Linux follows. */
const LINKS_MAX = 40

/** Files that exist in memory only, by absolute path. Directories are there because something is in them. */
export function memoryIo(files: Readonly<Record<string, MemoryFile>>, options: MemoryIoOptions = {}): EvalIO {
  const { env = {}, time = 0 } = options
  const variables = new Map(Object.entries(env).map(([name, value]) => [byteStringOf(name), byteStringOf(value)]))
  const contents = new Map<string, MemoryFile>()
  const directories = new Map<string, Map<string, FileType>>([["/", new Map()]])
  for (const [path, file] of Object.entries(files)) {
    if (!/^(\/[^/]+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path))
      throw new TypeError(`not an absolute path of a file: ${path}`)
    contents.set(byteStringOf(path), file)
    const names = byteStringOf(path).slice(1).split("/")
    let directory = "/"
    names.forEach((name, i) => {
      const here = `${directory === "/" ? "" : directory}/${name}`
      const last = i === names.length - 1
      const type: FileType = !last ? "directory" : isLink(file) ? "symlink" : "regular"
      const known = directories.get(directory)!.get(name)
      if (known !== undefined && known !== type) throw new TypeError(`both a file and a directory: ${textOf(here)}`)
      directories.get(directory)!.set(name, type)
      if (!last && !directories.has(here)) directories.set(here, new Map())
      directory = here
    })
  }

  const typeAt = (path: string): FileType | undefined => {
    if (directories.has(path)) return "directory"
    const file = contents.get(path)
    return file === undefined ? undefined : isLink(file) ? "symlink" : "regular"
  }
  const follow = (path: string): string => {
    let left = path.split("/").filter((name) => name !== "")
    let real = ""
    for (let links = 0; left.length > 0;) {
      const name = left.shift()!
      if (name === ".") continue
      if (name === "..") {
        real = real.slice(0, Math.max(real.lastIndexOf("/"), 0))
        continue
      }
      const file = contents.get(`${real}/${name}`)
      if (file === undefined || !isLink(file)) {
        real += `/${name}`
        continue
      }
      if (++links > LINKS_MAX) throw new IoError(`getting status of '${path}': Too many levels of symbolic links`)
      const target = byteStringOf(file.symlink)
      if (target.startsWith("/")) real = ""
      left = [...target.split("/").filter((part) => part !== ""), ...left]
    }
    return real === "" ? "/" : real
  }

  /** `path` with the links on the way to it followed, though not one it is itself. */
  const entryAt = (path: string): string => {
    const slash = path.lastIndexOf("/")
    return `${follow(path.slice(0, slash)).replace(/^\/$/, "")}${path.slice(slash)}`
  }

  return {
    readFile(path) {
      const real = follow(path)
      const file = contents.get(real)
      if (directories.has(real)) throw new IoError(`reading from file '${path}': Is a directory`)
      if (file === undefined || isLink(file)) throw new IoError(`opening file '${path}': No such file or directory`)
      return typeof file === "string" ? byteStringOf(file) : byteStringFrom(file)
    },
    readDir(path) {
      const entries = directories.get(follow(path))
      if (entries === undefined) throw new IoError(`reading directory '${path}': No such file or directory`)
      return [...entries]
    },
    fileType: (path) => (path === "/" ? "directory" : typeAt(entryAt(path))),
    realPath: follow,
    readLink(path) {
      const file = contents.get(entryAt(path))
      if (file === undefined || !isLink(file)) throw new IoError(`reading symbolic link '${path}': Invalid argument`)
      return byteStringOf(file.symlink)
    },
    getEnv: (name) => variables.get(name) ?? "",
    currentTime: () => time,
  }
}

function isLink(file: MemoryFile): file is { readonly symlink: string } {
  return typeof file === "object" && "symlink" in file
}
