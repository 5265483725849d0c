import { digestKey, digestOf, formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError, invalid } from "../problem.ts"
import { directorySize, LISTS } from "./check.ts"
import { encodeDirectory } from "./codec.ts"
import type { Directory } from "./service.ts"

export interface EncodedDirectory {
  readonly digest: B3Digest
  readonly bytes: Uint8Array<ArrayBuffer>
}

interface Known {
  readonly size: number
  /** Whether a directory that came later refers to it. */
  referred: boolean
}

/**
 * What every {@link DirectoryPutter} checks: children before parents, sizes that are true, one root. Memory is about 100
 * bytes a directory.
 */
export class ClosureCheck {
  private readonly known = new Map<string, Known>()
  /** Directories that nothing refers to yet. In the end it must be one. */
  private loose = 0
  private last: B3Digest | undefined

  /**
   * The next directory in the bytes to store. One that was there before gives the same bytes again.
   *
   * @throws {CastoreError} `invalid`
   */
  add(directory: Directory): EncodedDirectory {
    const bytes = encodeDirectory(directory)
    const counts = { directory: 0, file: 0, symlink: 0 }
    for (const [, node] of directory.entries) {
      const nth = counts[node.type]++
      if (node.type !== "directory") continue
      const child = this.known.get(digestKey(node.digest))
      if (child === undefined) {
        const reason = `directory ${formatDigest(node.digest)} was not put before`
        throw invalid(`${LISTS.directory}[${nth}].digest`, reason)
      }
      if (child.size !== node.size) {
        const reason = `directory ${formatDigest(node.digest)} has ${child.size} entries, not ${node.size}`
        throw invalid(`${LISTS.directory}[${nth}].size`, reason)
      }
    }
    // Only now that nothing is wrong with it.
    for (const [, node] of directory.entries) {
      if (node.type !== "directory") continue
      const child = this.known.get(digestKey(node.digest))!
      if (!child.referred) this.loose--
      child.referred = true
    }
    const digest = digestOf(bytes)
    const key = digestKey(digest)
    if (!this.known.has(key)) {
      this.known.set(key, { size: directorySize(directory), referred: false })
      this.loose++
    }
    this.last = digest
    return { digest, bytes }
  }

  /**
   * The root, of whose tree everything is part.
   *
   * @throws {CastoreError} `invalid`
   */
  finish(): B3Digest {
    if (this.last === undefined) throw invalid("directories", "there are none")
    // Whoever refers to a directory came after it, so all lead on to the one that nothing refers to.
    if (this.loose > 1 || this.known.get(digestKey(this.last))!.referred) {
      throw invalid("directories", `not all of them are part of the tree of the last, ${formatDigest(this.last)}`)
    }
    return this.last
  }
}

/**
 * `getRecursive` for back ends that have `get`: a directory, then its subdirectories in the order of their names, each once.
 * Memory is for the digests of what was given and of what is to come.
 */
export async function* traverse(
  get: (digest: B3Digest) => Promise<Directory | undefined>,
  root: B3Digest,
  signal?: AbortSignal,
): AsyncGenerator<Directory, void, undefined> {
  const seen = new Set([digestKey(root)])
  const pending: B3Digest[] = [root]
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    signal?.throwIfAborted()
    const directory = await get(digest)
    if (directory === undefined) {
      if (digest === root) return
      throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
    }
    yield directory
    for (let i = directory.entries.length - 1; i >= 0; i--) {
      const node = directory.entries[i]![1]
      if (node.type !== "directory") continue
      const key = digestKey(node.digest)
      if (seen.has(key)) continue
      seen.add(key)
      pending.push(node.digest)
    }
  }
}
