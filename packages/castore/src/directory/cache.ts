import type { CallOptions } from "../call.ts"
import { digestKey, formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"
import { directoryDigest } from "./codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "./service.ts"

/**
 * What is in `near` comes from there; what is not comes from `far`, whole trees at a time where a tree is asked for, and is
 * put into `near` on the way. What is stored goes to both: it is durable in both when that has been promised.
 *
 * Whatever keeps `near` from being filled is no failure of reading. Closing closes both.
 */
export function cacheDirectoryService(near: DirectoryService, far: DirectoryService): DirectoryService {
  return new CachedDirectories(near, far)
}

class CachedDirectories implements DirectoryService {
  private readonly near: DirectoryService
  private readonly far: DirectoryService

  constructor(near: DirectoryService, far: DirectoryService) {
    this.near = near
    this.far = far
  }

  async get(digest: B3Digest, options?: CallOptions): Promise<Directory | undefined> {
    const here = await this.near.get(digest, options)
    if (here !== undefined) return here
    const directory = await this.far.get(digest, options)
    if (directory !== undefined) await attempt(this.near.put(directory, options))
    return directory
  }

  async *getRecursive(digest: B3Digest, options?: CallOptions): AsyncGenerator<Directory, void, undefined> {
    const seen = new Set<string>()
    const pending: B3Digest[] = [digest]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      options?.signal?.throwIfAborted()
      if (seen.has(digestKey(next))) continue
      const here = await this.near.get(next, options)
      if (here === undefined) {
        yield* this.fetch(next, next === digest, seen, options)
        continue
      }
      seen.add(digestKey(next))
      yield here
      for (let i = here.entries.length - 1; i >= 0; i--) {
        const node = here.entries[i]![1]
        if (node.type === "directory" && !seen.has(digestKey(node.digest))) pending.push(node.digest)
      }
    }
  }

  async put(directory: Directory, options?: CallOptions): Promise<B3Digest> {
    const digest = await this.far.put(directory, options)
    await this.near.put(directory, options)
    return digest
  }

  putMultiple(options?: CallOptions): DirectoryPutter {
    const near = this.near.putMultiple(options)
    const far = this.far.putMultiple(options)
    return {
      async put(directory) {
        await far.put(directory)
        await near.put(directory)
      },
      async close() {
        const digest = await far.close()
        await near.close()
        return digest
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.near.close(), this.far.close()])
  }

  /** A tree from afar, which is put into the near back end when all of it is there. Gives what was not seen before. */
  private async *fetch(
    root: B3Digest,
    mayLack: boolean,
    seen: Set<string>,
    options: CallOptions | undefined,
  ): AsyncGenerator<Directory, void, undefined> {
    const tree = new Map<string, Directory>()
    for await (const directory of this.far.getRecursive(root, options)) {
      const key = digestKey(directoryDigest(directory))
      tree.set(key, directory)
      if (seen.has(key)) continue
      seen.add(key)
      yield directory
    }
    if (tree.size > 0) await attempt(this.keep(root, tree, options))
    else if (!mayLack) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(root)}` })
  }

  private async keep(root: B3Digest, tree: ReadonlyMap<string, Directory>, options?: CallOptions): Promise<void> {
    const putter = this.near.putMultiple(options)
    for (const directory of childrenFirst(root, tree)) await putter.put(directory)
    await putter.close()
  }
}

/** Each directory of the tree once, after all that it refers to. */
function* childrenFirst(root: B3Digest, tree: ReadonlyMap<string, Directory>): Generator<Directory, void, undefined> {
  const begun = new Set<string>()
  const path: { readonly directory: Directory; next: number }[] = []
  const enter = (digest: B3Digest): void => {
    const key = digestKey(digest)
    const directory = tree.get(key)
    if (directory === undefined || begun.has(key)) return
    begun.add(key)
    path.push({ directory, next: 0 })
  }
  enter(root)
  for (let level = path.at(-1); level !== undefined; level = path.at(-1)) {
    const entry = level.directory.entries[level.next++]
    if (entry === undefined) {
      path.pop()
      yield level.directory
    } else if (entry[1].type === "directory") enter(entry[1].digest)
  }
}

/** Tries to fill the cache. */
async function attempt(storing: Promise<unknown>): Promise<void> {
  try {
    await storing
  } catch {
    // The next reader fetches it again: slower, and still right.
  }
}
