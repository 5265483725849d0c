import { equal } from "@tvix-ts/bytes"
import type { CallOptions } from "./call.ts"
import { formatDigest } from "./digest.ts"
import type { Directory, DirectoryService } from "./directory/service.ts"
import type { DirectoryNode, Node } from "./node.ts"
import { CastoreError } from "./problem.ts"

export interface TreeDifference {
  /** Names joined by `/`, a byte string; empty for the root. */
  readonly path: string
  /** `undefined` if it is in the other tree only. */
  readonly before: Node | undefined
  readonly after: Node | undefined
}

/**
 * What is in one of two trees only, or not the same in both: depth first, by the bytes of names. Nothing is read of what is equal, nor
 * below a directory that is in one of them only.
 *
 * @throws {CastoreError} `missing`
 */
export async function* treeDifferences(
  before: Node,
  after: Node,
  directories: Pick<DirectoryService, "get">,
  options: CallOptions = {},
): AsyncGenerator<TreeDifference, void, undefined> {
  const read = async ({ digest }: DirectoryNode): Promise<Directory> => {
    const directory = await directories.get(digest, options)
    if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
    return directory
  }
  // Last, what comes next: trees are as deep as they like.
  const ahead: TreeDifference[] = [{ path: "", before, after }]
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    const { path, before: a, after: b } = next
    if (a !== undefined && b !== undefined && equalNodes(a, b)) continue
    if (a?.type === "directory" && b?.type === "directory") {
      const below = new Map<string, { before?: Node; after?: Node }>()
      for (const [name, node] of (await read(a)).entries) below.set(name, { before: node })
      for (const [name, node] of (await read(b)).entries) below.set(name, { ...below.get(name), after: node })
      const prefix = path === "" ? "" : `${path}/`
      for (const [name, both] of [...below].sort(([x], [y]) => (x > y ? -1 : 1))) {
        ahead.push({ path: prefix + name, before: both.before, after: both.after })
      }
    } else yield next
  }
}

function equalNodes(a: Node, b: Node): boolean {
  if (a.type === "symlink") return b.type === "symlink" && a.target === b.target
  if (b.type === "symlink" || a.type !== b.type || !equal(a.digest, b.digest)) return false
  return a.type === "directory" || (b.type === "file" && a.executable === b.executable)
}
