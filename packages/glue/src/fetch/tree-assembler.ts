/** A tree whose parts arrive in any order, as archives have them, put together without touching a disk. */
import {
  checkDirectory,
  directoryDigest,
  directorySize,
  type B3Digest,
  type Directory,
  type DirectoryNode,
  type DirectoryService,
  type Node,
} from "@tvix-ts/castore"
import { archiveProblem } from "./problem.ts"

export interface AssemblerLimits {
  /** Files, links and folders, also those that are only there for what is in them. */
  readonly entriesMax: number
  /** Folders around an entry. */
  readonly depthMax: number
}

/** A file of which the contents are on their way. */
export interface PendingFile {
  readonly type: "file"
  readonly size: number
  readonly executable: boolean
  digest: B3Digest | undefined
}

/** That directory, or the one around it. */
export type TreeTop = "inner" | "outer"

interface Folder {
  readonly type: "directory"
  readonly entries: Map<string, Entry>
}
/** Another name for what the entry at `path` is. */
interface HardLink {
  readonly type: "link"
  readonly path: string
}
type Leaf = PendingFile | HardLink | { readonly type: "symlink"; readonly target: string }
type Entry = Folder | Leaf

/** Links in a row: each is one more name for a file, so there is no need for any. */
const LINKS_MAX = 32

/**
 * Nothing in it leads out of the tree: paths are taken apart here, links are never followed, and what goes up is refused. A
 * file may be there twice, the later one counts; anything else that is said twice and differently is refused, since
 * programs do not agree on what it means.
 *
 * All methods throw a `FetchError`, `archive`; {@link finish} also a `CastoreError`, `invalid`, for names and targets that
 * no tree may have.
 */
export class TreeAssembler {
  private readonly root: Folder = { type: "directory", entries: new Map() }
  private readonly limits: AssemblerLimits
  private count = 0

  constructor(limits: AssemblerLimits) {
    this.limits = limits
  }

  directory(path: string): void {
    this.folder(this.split(path), path)
  }

  /** The contents come later: whoever has stored them says where. */
  file(path: string, size: number, executable: boolean): PendingFile {
    const file: PendingFile = { type: "file", size, executable, digest: undefined }
    this.place(path, file)
    return file
  }

  symlink(path: string, target: string): void {
    this.place(path, { type: "symlink", target })
  }

  /** @param target the path of an entry, which may come later */
  link(path: string, target: string): void {
    this.place(path, { type: "link", path: target })
  }

  /**
   * Stores the directories; the files have their digests by now.
   *
   * @param wanted what is the result if all of the tree is in one directory, as is the custom with archives
   */
  async finish(directories: DirectoryService, wanted: TreeTop = "inner"): Promise<DirectoryNode> {
    const [only, ...others] = this.root.entries.values()
    const top = wanted === "inner" && only?.type === "directory" && others.length === 0 ? only : this.root
    const putter = directories.putMultiple()
    const stack: { readonly folder: Folder; readonly names: string[]; readonly entries: [string, Node][] }[] = []
    const enter = (folder: Folder): void => {
      stack.push({ folder, names: [...folder.entries.keys()].sort().reverse(), entries: [] })
    }
    enter(top)
    for (;;) {
      const { folder, names, entries } = stack.at(-1)!
      const name = names.at(-1)
      if (name !== undefined) {
        const entry = folder.entries.get(name)!
        if (entry.type === "directory") {
          enter(entry)
          continue
        }
        names.pop()
        entries.push([name, this.nodeOf(entry)])
        continue
      }
      stack.pop()
      const directory: Directory = { entries }
      checkDirectory(directory)
      const node: DirectoryNode = {
        type: "directory",
        digest: directoryDigest(directory),
        size: directorySize(directory),
      }
      const waiting = putter.put(directory)
      if (waiting !== undefined) await waiting
      const above = stack.at(-1)
      if (above === undefined) {
        await putter.close()
        return node
      }
      above.entries.push([above.names.pop()!, node])
    }
  }

  private split(path: string): string[] {
    const names = path.split("/").filter((name) => name !== "" && name !== ".")
    if (names.includes("..")) throw archiveProblem(`the path '${path}' leads upwards`)
    if (names.length > this.limits.depthMax) throw archiveProblem(`the path '${path}' has ${names.length} parts`)
    return names
  }

  private add(folder: Folder, name: string, entry: Entry): void {
    if (++this.count > this.limits.entriesMax) throw archiveProblem(`more than ${this.limits.entriesMax} entries`)
    folder.entries.set(name, entry)
  }

  /** The folder at a path, made if there is none. */
  private folder(names: readonly string[], path: string): Folder {
    let folder = this.root
    for (const name of names) {
      let entry = folder.entries.get(name)
      if (entry === undefined) {
        entry = { type: "directory", entries: new Map() }
        this.add(folder, name, entry)
      }
      if (entry.type !== "directory") throw archiveProblem(`a part of the path '${path}' is no directory`)
      folder = entry
    }
    return folder
  }

  private place(path: string, leaf: Leaf): void {
    const names = this.split(path)
    const name = names.pop()
    if (name === undefined) throw archiveProblem("the root of the tree is no directory")
    const folder = this.folder(names, path)
    const before = folder.entries.get(name)
    if (before !== undefined && !isSame(before, leaf)) throw archiveProblem(`the path '${path}' is there twice`)
    this.add(folder, name, leaf)
  }

  private nodeOf(entry: Leaf): Node {
    let found: Entry = entry
    for (let links = 0; found.type === "link"; links++) {
      const path: string = found.path
      const target: Entry | undefined = links === LINKS_MAX ? undefined : this.lookUp(path)
      if (target === undefined) throw archiveProblem(`path '${path}' does not exist, to which there is a hard link`)
      found = target
    }
    if (found.type === "symlink") return found
    if (found.type === "directory") throw archiveProblem("cannot create a hard link to a directory")
    const { type, digest, size, executable } = found
    return { type, digest: digest!, size, executable }
  }

  private lookUp(path: string): Entry | undefined {
    let entry: Entry | undefined = this.root
    for (const name of this.split(path)) entry = entry?.type === "directory" ? entry.entries.get(name) : undefined
    return entry
  }
}

/** Whether programs agree on what two entries for one path mean. */
function isSame(before: Entry, leaf: Leaf): boolean {
  switch (leaf.type) {
    case "file":
      return before.type === "file" || before.type === "link"
    case "link":
      return before.type === "link" && before.path === leaf.path
    case "symlink":
      return before.type === "symlink" && before.target === leaf.target
  }
}
