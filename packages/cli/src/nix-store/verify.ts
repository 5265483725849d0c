/** `nix-store --verify`, `--verify-path` and `--check-validity`. */
import { byteStringOf, equal } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions, type Node } from "@tvix-ts/castore"
import { formatPrefixedHash } from "@tvix-ts/hash"
import { formatStorePath } from "@tvix-ts/nix-compat"
import { calculateNar, type Store } from "@tvix-ts/store"
import { describeFinding, isNote, verifyStore, type LocalStore, type StoreFinding } from "@tvix-ts/store/node"
import { UsageError } from "../options.ts"
import { writeError, writeOut } from "../output.ts"
import { localStore } from "../store/local-store.ts"
import type { Run } from "./operation.ts"
import { NixStoreError } from "./problem.ts"
import { storePathOf } from "./store-view.ts"

export const verify: Run = async ({ flags, operands }, { open, signal, settings }) => {
  if (operands.length > 0) throw new UsageError("no arguments expected")
  const store = localStore(await open(), "verify itself")
  const repair = flags.includes("--repair")
  const isWhole = flags.includes("--check-contents")
  if (!settings.quiet) {
    writeError("reading the Nix store...\n")
    writeError(isWhole ? "checking hashes...\n" : "checking path existence...\n")
  }
  let hasProblems = false
  const findings = isWhole ? verifyStore(store, { signal, repair }) : verifyExistence(store, repair, { signal })
  for await (const finding of findings) {
    const note = isNote(finding)
    hasProblems ||= !note
    writeError(byteStringOf(`${note ? "warning" : "error"}: ${describeFinding(finding)}\n`))
  }
  if (!hasProblems) return 0
  const left = "what is damaged is forgotten; build or import it again"
  writeError(`warning: ${repair ? left : "not all store errors were fixed"}\n`)
  return 1
}

/** What can be seen without reading trees: whether what is known of paths makes sense, and whether their roots are there. */
async function* verifyExistence(
  store: LocalStore,
  repair: boolean,
  options: CallOptions,
): AsyncGenerator<StoreFinding, void, undefined> {
  const rows = [...store.pathInfos.rows()]
  const known = new Set(rows.map(({ digest }) => digest))
  for (const { digest, pathInfo } of rows) {
    options.signal?.throwIfAborted()
    if (pathInfo instanceof CastoreError) {
      if (repair) store.pathInfos.delete(digest)
      yield { code: "path-info-damaged", digest, reason: pathInfo.message }
      continue
    }
    const { storePath: path, references, node } = pathInfo
    for (const reference of references) {
      if (!known.has(reference.digest)) yield { code: "reference-missing", path, reference }
    }
    if (await isThere(node, store, options)) continue
    if (repair) store.pathInfos.delete(digest)
    yield { code: "tree-damaged", path, reason: `path '${formatStorePath(path)}' disappeared` }
  }
}

async function isThere(node: Node, { blobs, directories }: Store, options: CallOptions): Promise<boolean> {
  switch (node.type) {
    case "symlink":
      return true
    case "file":
      return (await blobs.stat(node.digest, options)) !== undefined
    case "directory":
      return (await directories.get(node.digest, options)) !== undefined
  }
}

export const verifyPath: Run = async ({ operands }, { view, signal }) => {
  const paths = await view()
  let status = 0
  for (const word of operands) {
    const { storePath, node, narHash } = await paths.get(storePathOf(word))
    // What was calculated before is no proof of what is there now.
    const { narHash: found } = await calculateNar(node, paths.store, { signal })
    if (equal(narHash, found)) continue
    const [expected, actual] = [narHash, found].map((digest) =>
      formatPrefixedHash({ algorithm: "sha256", digest }, "nix32"),
    )
    const problem = new NixStoreError({
      code: "hash-changed",
      path: formatStorePath(storePath),
      expected: expected!,
      actual: actual!,
    })
    writeError(byteStringOf(`${problem.message}\n`))
    status = 1
  }
  return status
}

export const checkValidity: Run = async ({ flags, operands }, { view }) => {
  const paths = await view()
  for (const word of operands) {
    const path = storePathOf(word)
    if (flags.includes("--print-invalid")) {
      if ((await paths.find(path)) === undefined) writeOut(`${formatStorePath(path)}\n`)
    } else await paths.describe(path)
  }
  return 0
}
