/** Copies of repositories that are elsewhere: one for each address, shared by all processes. */
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { makeFolder, tryLock, type Lock } from "@tvix-ts/castore/node"
import { hexDigest } from "@tvix-ts/hash"
import { isGitRef } from "@tvix-ts/nix-compat"
import type { GitRequest } from "../../../fetch/fetcher.ts"
import { formatUrl, loginOf, parseUrl, withoutSecrets, type Url } from "../../../fetch/url.ts"
import { FetchError } from "../../../fetch/problem.ts"
import type { FetchCache } from "../cache.ts"
import type { FetchSettings } from "../options.ts"
import { git, gitError, gitOrFail, type GitOptions, type ServerLogin } from "./command.ts"

export interface Mirrored {
  /** Options of git that say where the copy is. */
  readonly repository: readonly string[]
  readonly rev: string
  /** The whole name of the reference that was followed. */
  readonly ref: string
}

const LOCK_POLL_MS = 100

/**
 * The commit that is asked for, in a copy of the repository. A commit that is there needs no network; where a branch is, is
 * asked again after a while.
 *
 * @throws {FetchError}
 */
export async function mirrored(request: GitRequest, settings: FetchSettings, cache: FetchCache): Promise<Mirrored> {
  return new Mirror(request, settings, cache).get()
}

class Mirror {
  private readonly request: GitRequest
  private readonly settings: FetchSettings
  private readonly cache: FetchCache
  /** For git, in whose arguments everybody may see it, and for messages. */
  private readonly address: string
  private readonly options: GitOptions
  private readonly folder: string
  private readonly repository: readonly string[]

  constructor(request: GitRequest, settings: FetchSettings, cache: FetchCache) {
    this.request = request
    this.settings = settings
    this.cache = cache
    const url = parseUrl(request.url)
    const query = new Map(url.query)
    // Flakes have it in their addresses; to servers, and to git, it means nothing.
    query.delete("dir")
    if (url.scheme === "file") query.clear()
    const open = withoutSecrets({ ...url, query })
    this.address = formatUrl(open)
    const login = loginFor(url, open)
    this.options = { env: settings.env, signal: settings.signal, ...(login && { login }) }
    const name = hexDigest("sha256", formatUrl({ ...url, query })) + (request.shallow ? "-shallow" : "")
    this.folder = join(settings.cacheFolder, "git", name)
    this.repository = ["--git-dir", this.folder]
  }

  async get(): Promise<Mirrored> {
    makeFolder(join(this.settings.cacheFolder, "git"), 0o700)
    const lock = await locked(`${this.folder}.lock`, this.settings.signal)
    try {
      const init = ["-c", "init.defaultBranch=none", "init", "--quiet", "--bare", "--template=", this.folder]
      await gitOrFail("making a copy of a repository", init, this.options)
      const { rev } = this.request
      return rev === undefined ? await this.tip() : await this.commit(rev)
    } finally {
      lock.release()
    }
  }

  private async commit(rev: string): Promise<Mirrored> {
    const { repository, request } = this
    if (await this.has(rev)) return { repository, rev, ref: request.ref ?? "HEAD" }
    const ref = await this.reference()
    // Not every server gives a commit by its name; those that do not may give a branch that has it.
    let failure = await this.fetch(request.allRefs ? "refs/*:refs/*" : rev)
    if (!(await this.has(rev)) && !request.allRefs) failure = await this.fetch(`${ref}:${ref}`)
    if (await this.has(rev)) return { repository, rev, ref }
    if (failure !== undefined) throw failure
    throw new FetchError({
      code: "git",
      message:
        `Cannot find Git revision '${rev}' in ref '${ref}' of repository '${this.address}'! ` +
        "Please make sure that the rev exists on the ref you've specified or add allRefs = true; to fetchGit.",
    })
  }

  private async tip(): Promise<Mirrored> {
    const { repository, request, settings } = this
    const ref = await this.reference()
    const key = `${request.url} ${ref} ${request.shallow}`
    const age = request.allRefs ? undefined : this.cache.get("git-ref", key)?.age
    let rev = await this.resolve(ref)
    if (rev === undefined || age === undefined || age >= settings.tarballTtl) {
      const failure = await this.fetch(request.allRefs ? "refs/*:refs/*" : `${ref}:${ref}`)
      if (failure === undefined) this.cache.put("git-ref", key, true)
      else {
        if (rev === undefined) throw failure
        settings.onWarning(failure.message)
        const what = `could not update local clone of Git repository '${this.address}'`
        settings.onWarning(`${what}; continuing with the most recent version`)
      }
      rev = await this.resolve(ref)
    }
    if (rev === undefined) {
      throw new FetchError({ code: "git", message: `resolving Git reference '${ref}': revspec '${ref}' not found` })
    }
    return { repository, rev, ref }
  }

  /** The whole name of the reference to follow: without any in the request, that which is checked out there. */
  private async reference(): Promise<string> {
    const { ref } = this.request
    if (ref !== undefined) return ref.startsWith("refs/") || ref === "HEAD" ? ref : `refs/heads/${ref}`
    const known = this.cache.get("git-head", this.request.url)
    const head = typeof known?.value === "string" ? known.value : undefined
    if (head !== undefined && known!.age < this.settings.tarballTtl) return head
    const { stdout } = await git(["ls-remote", "--symref", "--", this.address, "HEAD"], this.options)
    const found = /^ref: (refs\/[^\t\n]+)\tHEAD$/m.exec(stdout)?.[1]
    if (found !== undefined && isGitRef(found)) {
      this.cache.put("git-head", this.request.url, found)
      return found
    }
    // It may have a commit checked out, and no branch.
    if (/^[0-9a-f]{40,64}\tHEAD$/m.test(stdout)) return "HEAD"
    if (head !== undefined) {
      const what = `could not get HEAD ref for repository '${this.address}'`
      this.settings.onWarning(`${what}; using expired cached ref '${head}'`)
      return head
    }
    this.settings.onWarning(`could not read HEAD ref from repo at '${this.address}', using 'master'`)
    return "refs/heads/master"
  }

  private async has(rev: string): Promise<boolean> {
    return (await git([...this.repository, "cat-file", "-e", `${rev}^{commit}`], this.options)).status === 0
  }

  private async resolve(ref: string): Promise<string | undefined> {
    const name = ref === "HEAD" ? "refs/tvix/HEAD" : ref
    const args = [...this.repository, "rev-parse", "--verify", "--quiet", `${name}^{commit}`]
    const { status, stdout } = await git(args, this.options)
    return status === 0 ? stdout.trim() : undefined
  }

  /** What went wrong, if anything did. */
  private async fetch(refspec: string): Promise<FetchError | undefined> {
    const { address, settings, request } = this
    const activity = `fetching Git repository '${address}'`
    const depth = request.shallow ? ["--depth", "1"] : []
    // Our own HEAD would be that of an empty repository.
    const spec = refspec === "HEAD:HEAD" ? "HEAD:refs/tvix/HEAD" : refspec
    const { status, stderr } = await git(
      [...this.repository, "fetch", "--progress", "--force", "--no-recurse-submodules", ...depth, "--", address, spec],
      {
        ...this.options,
        onStderr(text) {
          const percent = /([0-9]+)%/.exec(text)?.[1]
          if (percent === undefined) return
          settings.onProgress({ activity, done: Number(percent), total: 100, unit: "percent", finished: false })
        },
      },
    )
    settings.onProgress({ activity, done: 100, total: 100, unit: "percent", finished: true })
    return status === 0 ? undefined : gitError(`Failed to fetch git repository '${address}'`, stderr)
  }
}

/** What to say to a server if it asks: what stands in `url`, and not in `open`, which is without secrets. */
function loginFor({ scheme, authority = "" }: Url, open: Url): ServerLogin | undefined {
  // To ssh, a password has no meaning.
  if (!/^https?$/.test(scheme) || authority === open.authority || authority === "") return undefined
  const origin = `${scheme}://${open.authority}`
  const login = loginOf(authority.slice(0, authority.lastIndexOf("@")), origin)
  // Git is told one a line.
  if (/[\r\n]/.test(login.name + login.password)) {
    throw new FetchError({ code: "invalid-url", message: `there is a line break in the login for '${origin}'` })
  }
  return { ...login, origin }
}

async function locked(path: string, signal: AbortSignal): Promise<Lock> {
  for (;;) {
    const lock = tryLock(path)
    if (lock !== undefined) return lock
    await wait(LOCK_POLL_MS, undefined, { signal })
  }
}
