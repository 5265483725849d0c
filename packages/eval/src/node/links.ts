/** Symbolic links, followed by us and not by the kernel: messages have to name where they led. */
import { readlinkSync } from "node:fs"
import { byteStringOf } from "@tvix-ts/bytes"
import { IoError } from "../io.ts"

/** What `node:fs` takes: text where the path is ASCII, else the bytes. */
export function nativePath(path: string): string | Buffer {
  return /[^\x00-\x7f]/.test(path) ? Buffer.from(path, "latin1") : path
}

/** As many as C++ Nix follows. */
const LINKS_MAX = 1024

/** What is known of paths: where they link to, undefined if they are no links. Paths share most of their components. */
export type Links = Map<string, string | undefined>

/** All symbolic links in `path` followed, as far as the path exists. A relative one starts in the working directory. */
export function followLinks(path: string, links: Links = new Map()): string {
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
