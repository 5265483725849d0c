/** `fetchGit`, done: which commit, or what is in a working folder, and all of it in the store (libfetchers/git.cc). */
import { decodeBase64, encodeBase64 } from "@tvix-ts/bytes"
import type { Hash } from "@tvix-ts/hash"
import { formatStorePath, isGitRef, parseStorePath } from "@tvix-ts/nix-compat"
import { storeTree, type PathInfo, type Store } from "@tvix-ts/store"
import type { TreeSink } from "@tvix-ts/castore"
import type { GitRequest, GitTree } from "../../../fetch/fetcher.ts"
import { fixGitUrl, formatUrl, parseUrl, withoutSecrets } from "../../../fetch/url.ts"
import { FetchError } from "../../../fetch/problem.ts"
import type { FetchCache } from "../cache.ts"
import { pathOfTree } from "../objects.ts"
import type { FetchSettings } from "../options.ts"
import { git, gitOrFail, type GitOptions } from "./command.ts"
import { mirrored } from "./mirror.ts"
import { readSubmodules, resolveSubmoduleUrl, SUBMODULE_DEPTH_MAX } from "./submodules.ts"
import { listCommit, tellListing, type CommitTree } from "./tree.ts"
import { exists, isRepository, localRepository, readWorktree, tellWorktree } from "./worktree.ts"

/** Seconds since 1970 in which a commit may say that it was made: where the calendar ends (ECMA-262, 21.4.1.1). */
const NUMBER_MAX = 8.64e12

/** @throws {FetchError} */
export async function fetchGitTree(request: GitRequest, settings: FetchSettings, cache: FetchCache): Promise<GitTree> {
  return new GitFetch(settings, cache, await settings.store()).get(request)
}

/** Where a commit is. */
interface Commit {
  readonly repository: readonly string[]
  readonly rev: string
  /** What its submodules may refer to. */
  readonly ref: string
  /** What their addresses may be relative to. */
  readonly address: string
  readonly hasWorkingFolder: boolean
}

class GitFetch {
  private readonly settings: FetchSettings
  private readonly cache: FetchCache
  private readonly store: Store
  private readonly options: GitOptions

  constructor(settings: FetchSettings, cache: FetchCache, store: Store) {
    this.settings = settings
    this.cache = cache
    this.store = store
    this.options = { env: settings.env, signal: settings.signal }
  }

  async get(request: GitRequest): Promise<GitTree> {
    const { exportIgnore, submodules } = request
    if (exportIgnore && submodules) {
      throw new FetchError({ code: "git", message: "exportIgnore and submodules are not supported together yet" })
    }
    const folder = await localFolder(request.url)
    if (folder !== undefined && request.ref === undefined && request.rev === undefined) {
      return this.worktree(folder, request)
    }
    const commit = await this.locate(request, folder)
    const { repository, rev, hasWorkingFolder } = commit
    if (!request.shallow && (await this.isShallow(repository))) {
      throw new FetchError({
        code: "git",
        message: `'${folder ?? formatUrl(withoutSecrets(parseUrl(request.url)))}' is a shallow Git repository, but shallow repositories are only allowed when \`shallow = true;\` is specified`,
      })
    }
    const kind = `${submodules ? "s" : ""}${exportIgnore ? "e" : ""}${hasWorkingFolder ? "w" : ""}`
    const info = await this.stored(request.name, `${rev} ${kind}`, async (sink) => {
      const { listing } = await this.list(commit, request, 0)
      await tellListing(listing, sink, this.options)
    })
    return {
      ...described(info),
      rev,
      lastModified: await this.lastModified(repository, rev),
      ...(!request.shallow && { revCount: await this.revCount(repository, rev) }),
    }
  }

  private async worktree(folder: string, request: GitRequest): Promise<GitTree> {
    const { head, isDirty, paths } = await readWorktree(folder, request, this.options)
    const repository = localRepository(folder)
    const { allowDirty, warnDirty, onWarning } = this.settings
    if (isDirty && !allowDirty) throw new FetchError({ code: "git", message: `Git tree '${folder}' is dirty` })
    if (isDirty && warnDirty) onWarning(`Git tree '${folder}' is dirty`)
    const tell = (sink: TreeSink): Promise<void> => tellWorktree(folder, paths, sink)
    const kind = `worktree ${request.submodules ? "s" : ""}${request.exportIgnore ? "e" : ""}`
    const info =
      isDirty || head === undefined
        ? await storeTree(tell, this.store, { name: request.name })
        : await this.stored(request.name, `${head} ${kind}`, tell)
    const lastModified = head === undefined ? 0 : await this.lastModified(repository, head)
    const tree = { ...described(info), lastModified }
    if (isDirty) return { ...tree, ...(head !== undefined && { dirtyRev: head }) }
    if (head === undefined) return tree
    return { ...tree, rev: head, ...(!request.shallow && { revCount: await this.revCount(repository, head) }) }
  }

  private async locate(request: GitRequest, folder: string | undefined): Promise<Commit> {
    if (folder === undefined) {
      return { ...(await mirrored(request, this.settings, this.cache)), address: request.url, hasWorkingFolder: false }
    }
    const repository = localRepository(folder)
    const { ref = "HEAD" } = request
    const wanted = request.rev ?? ref
    const args = [...repository, "rev-parse", "--verify", "--quiet", `${wanted}^{commit}`]
    const { status, stdout, stderr } = await git(args, this.options)
    if (status !== 0) {
      const why = stderr.trim() === "" ? `revspec '${wanted}' not found` : stderr.trim()
      const message =
        request.rev === undefined
          ? `resolving Git reference '${ref}': ${why}`
          : `getting Git object '${wanted}': object not found - no match for id (${wanted})`
      throw new FetchError({ code: "git", message })
    }
    const { stdout: origin } = await git([...repository, "config", "--get", "remote.origin.url"], this.options)
    return { repository, rev: stdout.trim(), ref, address: origin.trim() || folder, hasWorkingFolder: true }
  }

  /** The files of a commit, with those of its submodules in their places. */
  private async list(
    commit: Commit,
    request: Pick<GitRequest, "exportIgnore" | "submodules">,
    depth: number,
  ): Promise<CommitTree> {
    const { repository, rev, address, hasWorkingFolder } = commit
    const { exportIgnore } = request
    const tree = await listCommit(repository, rev, { exportIgnore, hasWorkingFolder }, this.options)
    if (!request.submodules || tree.submodules.size === 0) return tree
    if (depth === SUBMODULE_DEPTH_MAX) {
      throw new FetchError({ code: "git", message: `submodules are nested too deeply in commit '${rev}'` })
    }
    for (const { path, url, branch } of await readSubmodules(
      repository,
      ["--blob", `${rev}:.gitmodules`],
      this.options,
    )) {
      const id = tree.submodules.get(path)
      if (id === undefined) continue
      const ref = branch === "." ? commit.ref : branch
      if (ref !== undefined && !isGitRef(ref)) {
        throw new FetchError({ code: "git", message: `invalid Git branch/tag name '${ref}' of submodule '${path}'` })
      }
      const inner: GitRequest = {
        url: formatUrl(fixGitUrl(resolveSubmoduleUrl(url, address))),
        name: "source",
        rev: id,
        shallow: false,
        submodules: true,
        allRefs: true,
        exportIgnore,
        ...(ref !== undefined && { ref }),
      }
      const module = await this.locate(inner, await localFolder(inner.url))
      tree.listing.set(path, (await this.list(module, inner, depth + 1)).listing)
    }
    return tree
  }

  /** The tree that `tell` tells of, unless it is stored already: `key` says what it is. */
  private async stored(name: string, key: string, tell: (sink: TreeSink) => Promise<void>): Promise<PathInfo> {
    const known = this.cache.get("git-tree", key)?.value
    const narHash = typeof known === "string" ? decodeBase64(known) : undefined
    if (narHash?.length === 32) {
      const info = await this.store.pathInfos.get(parseStorePath(pathOfTree(name, narHash)).digest)
      if (info !== undefined) return info
    }
    const info = await storeTree(tell, this.store, { name })
    this.cache.put("git-tree", key, encodeBase64(info.narHash))
    return info
  }

  private async isShallow(repository: readonly string[]): Promise<boolean> {
    const { stdout } = await git([...repository, "rev-parse", "--is-shallow-repository"], this.options)
    return stdout.trim() === "true"
  }

  private lastModified(repository: readonly string[], rev: string): Promise<number> {
    const args = ["log", "-1", "--format=%ct", "--no-show-signature", rev, "--"]
    return this.numberOf("git-last-modified", repository, rev, args)
  }

  private revCount(repository: readonly string[], rev: string): Promise<number> {
    return this.numberOf("git-rev-count", repository, rev, ["rev-list", "--count", rev, "--"])
  }

  /** What git counts about a commit, which is always the same. */
  private async numberOf(kind: string, repository: readonly string[], rev: string, args: string[]): Promise<number> {
    const known = this.cache.get(kind, rev)?.value
    if (typeof known === "number") return known
    const text = await gitOrFail(`reading Git commit '${rev}'`, [...repository, ...args], this.options)
    const number = Number(text.trim())
    if (!(number <= NUMBER_MAX)) {
      throw new FetchError({
        code: "git",
        message: `reading Git commit '${rev}': '${text.trim()}' is no date or count`,
      })
    }
    this.cache.put(kind, rev, number)
    return number
  }
}

function described({ storePath, narHash }: PathInfo): { readonly path: string; readonly narHash: Hash } {
  return { path: formatStorePath(storePath), narHash: { algorithm: "sha256", digest: narHash } }
}

/**
 * The folder at an address if there is a repository with a working folder; of one without, or elsewhere, there is a copy.
 *
 * @throws {FetchError} if there is nothing
 */
async function localFolder(address: string): Promise<string | undefined> {
  const { scheme, path } = parseUrl(address)
  if (scheme !== "file") return undefined
  const folder = path.length > 1 ? path.replace(/\/+$/, "") : path
  if (!(await exists(folder)))
    throw new FetchError({ code: "git", message: `Git repository "${folder}" does not exist.` })
  return (await isRepository(folder)) ? folder : undefined
}
