/** Symbolic links, followed by us and not by the kernel: messages have to name where they led. */
import { lstatSync, readdirSync, readlinkSync, type Dirent, type Stats } from "node:fs"
import { byteStringOf } from "@tvix-ts/bytes"
import { IoError, type FileType } from "../io.ts"

/** What `node:fs` takes: text where the path is ASCII, else the bytes. */
export function nativePath(path: string): string | Buffer {
  return /[^\x00-\x7f]/.test(path) ? Buffer.from(path, "latin1") : path
}

/** As many as C++ Nix follows. */
const LINKS_MAX = 1024
/** Bytes; the kernel takes no path longer than that. */
const PATH_MAX = 4096

type Kind = Pick<Dirent, "isFile" | "isDirectory" | "isSymbolicLink">
function typeOfEntry(entry: Kind): FileType {
  if (entry.isSymbolicLink()) return "symlink"
  if (entry.isDirectory()) return "directory"
  return entry.isFile() ? "regular" : "unknown"
}

type Entries = readonly (readonly [name: string, type: FileType])[]
interface Listing {
  readonly entries: Entries
  /** The same, of many: made when somebody asks for one of them. */
  types: ReadonlyMap<string, FileType> | undefined
}
/** Up to so many entries are looked through in less time than a table of them takes to make. */
const SCAN_MAX = 64

/** What is known of the disk. It is asked about a path once: most paths are asked about often, and share their folders. */
export class Links {
  readonly #listings = new Map<string, Listing>()
  readonly #types = new Map<string, FileType | undefined>()
  readonly #sizes = new Map<string, number>()
  readonly #targets = new Map<string, string>()
  readonly #real = new Map<string, string>()
  #examined: { readonly path: string; readonly stats: Stats } | undefined

  forget(): void {
    this.#listings.clear()
    this.#types.clear()
    this.#sizes.clear()
    this.#targets.clear()
    this.#real.clear()
    this.#examined = undefined
  }

  /** What is in the folder at `path`. @throws what `readdir` does */
  list(path: string): Entries {
    const known = this.#listings.get(path)
    if (known !== undefined) return known.entries
    const entries = readdirSync(nativePath(path), { withFileTypes: true, encoding: "latin1" }).map(
      (entry) => [entry.name, typeOfEntry(entry)] as const,
    )
    this.#listings.set(path, { entries, types: undefined })
    return entries
  }

  /** What is at `path`, a link not followed; undefined if nothing is. @throws what `lstat` does for any other reason */
  type(path: string): FileType | undefined {
    const known = this.#types.get(path)
    if (known !== undefined || this.#types.has(path)) return known
    const listed = this.#listedType(path)
    if (listed === undefined) {
      const stats = this.examine(path)
      return stats && typeOfEntry(stats)
    }
    this.#types.set(path, listed)
    return listed
  }
  /** What its folder was said to have there; undefined, too, of what it does not have: letters may be taken for others on a disk. */
  #listedType(path: string): FileType | undefined {
    const slash = path.lastIndexOf("/")
    const listing = this.#listings.get(slash <= 0 ? "/" : path.slice(0, slash))
    if (listing === undefined) return undefined
    const name = path.slice(slash + 1)
    const { entries } = listing
    if (entries.length > SCAN_MAX) return (listing.types ??= new Map(entries)).get(name)
    for (let i = 0; i < entries.length; i++) if (entries[i]![0] === name) return entries[i]![1]
    return undefined
  }

  /** As `lstat`; undefined if nothing is there. @throws what `lstat` does for any other reason */
  examine(path: string): Stats | undefined {
    const stats = statsAt(path)
    if (!this.#types.has(path)) this.#types.set(path, stats && typeOfEntry(stats))
    if (stats?.isFile() === true) this.#sizes.set(path, stats.size)
    this.#examined = stats && { path, stats }
    return stats
  }
  /** The same, without looking again if that was examined last: once, for whoever asks twice wants to see a change. */
  examineAgain(path: string): Stats | undefined {
    const last = this.#examined
    const stats = last?.path === path ? last.stats : this.examine(path)
    this.#examined = undefined
    return stats
  }

  /** Bytes of the regular file at `path`, when it was examined last; undefined if it was not. */
  sizeOf(path: string): number | undefined {
    return this.#sizes.get(path)
  }

  /** All symbolic links in `path` followed, as far as the path exists. A relative one starts in the working directory. */
  follow(path: string): string {
    const known = this.#real.get(path)
    if (known !== undefined) return known
    const slash = path.lastIndexOf("/")
    const name = path.slice(slash + 1)
    const isPlain = slash >= 0 && name !== "" && name !== "." && name !== ".." && path.length <= PATH_MAX
    let real: string
    if (!isPlain || !path.startsWith("/")) real = this.#followAll(path)
    else {
      const parent = slash === 0 ? "" : this.follow(path.slice(0, slash))
      const next = parent === "/" ? `/${name}` : `${parent}/${name}`
      real = this.#target(next) === undefined ? next : this.#followAll(path)
    }
    this.#real.set(path, real)
    return real
  }

  #followAll(path: string): string {
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
      const target = this.#target(next)
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

  /** Where a link points; undefined of what is none, or cannot be looked at: whoever opens it will say so. */
  #target(path: string): string | undefined {
    const known = this.#targets.get(path)
    if (known !== undefined) return known
    try {
      if (this.type(path) !== "symlink") return undefined
      const target = readlinkSync(nativePath(path), "latin1")
      this.#targets.set(path, target)
      return target
    } catch {
      return undefined
    }
  }
}

/** As {@link Links.follow}, with nothing known. */
export function followLinks(path: string): string {
  return new Links().follow(path)
}

function statsAt(path: string): Stats | undefined {
  try {
    return lstatSync(nativePath(path), { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined
    throw error
  }
}
