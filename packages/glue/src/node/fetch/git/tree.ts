/** The files of a commit, and of those of its submodules, told to a sink. */
import type { TreeSink } from "@tvix-ts/castore"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteStringFrom } from "@tvix-ts/bytes"
import { FetchError } from "../../../fetch/problem.ts"
import { exportIgnored, namesAttributes } from "./attributes.ts"
import { BlobFeed } from "./blobs.ts"
import { gitOrFail, type GitOptions } from "./command.ts"
import { Listing } from "./listing.ts"

/** An object of a repository. */
export interface Leaf {
  readonly type: "file" | "executable" | "symlink"
  readonly id: string
  /** Options of git that say where it is. */
  readonly repository: readonly string[]
}

export interface CommitTree {
  readonly listing: Listing<Leaf>
  /** Commits of other repositories, by their paths. */
  readonly submodules: ReadonlyMap<string, string>
}

const MODES: Readonly<Record<string, Leaf["type"] | "submodule">> = {
  "100644": "file",
  "100664": "file",
  "100755": "executable",
  "120000": "symlink",
  "160000": "submodule",
}

/** What is in a commit. Submodules are empty directories. */
export async function listCommit(
  repository: readonly string[],
  rev: string,
  { exportIgnore, hasWorkingFolder }: { readonly exportIgnore: boolean; readonly hasWorkingFolder: boolean },
  options: GitOptions,
): Promise<CommitTree> {
  const message = `reading Git commit '${rev}'`
  const args = [...repository, "ls-tree", "-r", "-z", "--full-tree", `${rev}^{commit}`]
  const records: { readonly mode: string; readonly id: string; readonly path: string }[] = []
  for (const record of (await gitOrFail(message, args, options)).split("\0")) {
    const [, mode, id, path] = /^([0-7]+) [a-z]+ ([0-9a-f]+)\t(.*)$/s.exec(record) ?? []
    if (mode !== undefined) records.push({ mode, id: id!, path: path! })
  }
  const paths = records.map(({ path }) => path)
  const isIgnored =
    exportIgnore && namesAttributes(paths)
      ? await withIndex(repository, rev, options, (indexed) =>
          exportIgnored(repository, paths, hasWorkingFolder, indexed),
        )
      : () => false
  const listing = new Listing<Leaf>()
  const submodules = new Map<string, string>()
  for (const { mode, id, path } of records) {
    if (isIgnored(path)) continue
    const type = MODES[mode]
    if (type === undefined) throw new FetchError({ code: "git", message: `'${path}' has the unknown mode ${mode}` })
    if (type === "submodule") {
      submodules.set(path, id)
      listing.set(path, new Listing())
    } else listing.set(path, { type, id, repository })
  }
  return { listing, submodules }
}

/** With an index of a commit, which is where git looks for attributes if there are no files. */
async function withIndex<T>(
  repository: readonly string[],
  rev: string,
  options: GitOptions,
  work: (options: GitOptions) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tvix-git-"))
  try {
    const indexed = { ...options, indexFile: join(folder, "index") }
    await gitOrFail(`reading Git commit '${rev}'`, [...repository, "read-tree", `${rev}^{commit}`], indexed)
    return await work(indexed)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Bytes of where a symbolic link leads. */
const TARGET_MAX = 4096

/** Reads all objects of `listing` in its order, with one git for each repository. */
export async function tellListing(listing: Listing<Leaf>, sink: TreeSink, options: GitOptions): Promise<void> {
  const wanted = new Map<readonly string[], string[]>()
  for (const step of listing.walk()) {
    if (step.type !== "leaf") continue
    const { repository, id } = step.leaf
    const ids = wanted.get(repository)
    if (ids === undefined) wanted.set(repository, [id])
    else ids.push(id)
  }
  const feeds = new Map<readonly string[], BlobFeed>()
  try {
    for (const [repository, ids] of wanted) feeds.set(repository, new BlobFeed(repository, ids, options))
    for (const step of listing.walk()) {
      switch (step.type) {
        case "directory":
          sink.directory()
          break
        case "end":
          sink.endDirectory()
          break
        case "entry":
          sink.entry(step.name)
          break
        case "leaf":
          await tellLeaf(step.leaf, feeds.get(step.leaf.repository)!, sink)
      }
    }
  } finally {
    for (const feed of feeds.values()) feed.close()
  }
}

async function tellLeaf({ type }: Leaf, feed: BlobFeed, sink: TreeSink): Promise<void> {
  const size = await feed.next()
  if (type === "symlink") {
    if (size > TARGET_MAX) throw new FetchError({ code: "git", message: `a symbolic link has ${size} bytes` })
    let target = ""
    await feed.read(size, (bytes) => void (target += byteStringFrom(bytes)))
    return sink.symlink(target)
  }
  sink.file(size, type === "executable")
  await feed.read(size, (bytes) => sink.contents(bytes))
}
