/**
 * What brings files and trees from elsewhere into the store. Strings are byte strings, paths store paths. Whatever goes
 * wrong is a {@link FetchError}, and nothing of it is in the store then.
 */
import type { Hash } from "@tvix-ts/hash"

export interface Fetcher {
  /** The file at a URL. The hash is that of its contents. */
  file(request: UrlRequest): Promise<Fetched>
  /** The tree in the archive at a URL. The hash is that of the tree as a Nix archive. */
  tarball(request: UrlRequest): Promise<Fetched>
  git(request: GitRequest): Promise<GitTree>
}

export interface UrlRequest {
  readonly url: string
  /** The part of the store path after the digest. */
  readonly name: string
}

export interface Fetched {
  readonly path: string
  /** SHA-256 */
  readonly hash: Hash
}

export interface GitRequest {
  /** As {@link fixGitUrl} has it. */
  readonly url: string
  readonly name: string
  /** A branch, or the whole name of a reference if it begins with `refs/`. */
  readonly ref?: string
  /** A whole commit id: 40 or 64 hexadecimal digits. */
  readonly rev?: string
  readonly shallow: boolean
  readonly submodules: boolean
  readonly allRefs: boolean
  /** Whether what `.gitattributes` marks as `export-ignore` is left out. */
  readonly exportIgnore: boolean
}

/** What there is to know of a tree from a repository. Of one with changes that are not committed, no `rev`. */
export interface GitTree {
  readonly path: string
  /** Of the tree as a Nix archive. */
  readonly narHash: Hash
  readonly rev?: string
  /** Commits from the first to this one; absent if the repository is shallow. */
  readonly revCount?: number
  /** Of the commit; seconds since 1970. */
  readonly lastModified: number
  /** The last commit, if there are changes and a commit at all. */
  readonly dirtyRev?: string
}
