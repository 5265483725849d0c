/** What a build left behind, on its way into a castore. */
import { lstatSync, type Stats } from "node:fs"
import {
  CastoreError,
  tellBoth,
  TreeBuilder,
  type BlobService,
  type CallOptions,
  type DirectoryService,
  type TreeSink,
} from "@tvix-ts/castore"
import { DiskError, readTree } from "@tvix-ts/castore/node"
import { NeedleScanner } from "../needles.ts"
import { BuildError } from "../problem.ts"
import { ScanTree } from "../scan-tree.ts"
import type { BuildOptions, BuildOutput } from "../service.ts"
import { makeReadable } from "./remove-tree.ts"

export interface OutputSource {
  /** A folder on disk that stands for the root of the build; a byte string. Nothing of the build runs any more. */
  readonly root: string
  /** The output, as the request names it. */
  readonly path: string
  readonly needles: readonly string[]
}

/** Tells of the working directory of a build that has failed, if it came that far; see {@link BuildOptions}. */
export function tellFailed(workingDir: string, { signal, onFailed }: BuildOptions): void {
  const isThere = lstatSync(Buffer.from(workingDir, "latin1"), { throwIfNoEntry: false }) !== undefined
  if (isThere && signal?.aborted !== true) onFailed?.(workingDir)
}

/**
 * Stores the output.
 *
 * @throws {BuildError} `output-missing`, `output-invalid`
 */
export async function importOutput(
  { root, path, needles }: OutputSource,
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
  options: CallOptions = {},
): Promise<BuildOutput> {
  const place = `${root}/${path}`
  const top = statOf(root, path)
  if (top === undefined) throw new BuildError({ code: "output-missing", path })
  if (!top.isSymbolicLink() && (top.mode & OTHERS_WRITE) !== 0) {
    const reason = "has suspicious permissions: others than its owner may write to it"
    throw new BuildError({ code: "output-invalid", path, reason })
  }
  // Root reads everything.
  if (process.getuid?.() !== 0) makeReadable(Buffer.from(place, "latin1"))
  try {
    return await storeOutput(path, needles, services, (sink) => readTree(place, sink, options), options)
  } catch (error) {
    throw outputError(error, path, place)
  }
}

/** Stores the tree that `produce` tells, and says which needles are in it. */
export async function storeOutput(
  path: string,
  needles: readonly string[],
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
  produce: (sink: TreeSink) => Promise<void>,
  options: CallOptions,
): Promise<BuildOutput> {
  const scanner = new NeedleScanner(needles)
  const builder = new TreeBuilder(services, options)
  try {
    await produce(needles.length === 0 ? builder : tellBoth(builder, new ScanTree(scanner)))
    return { path, node: await builder.finish(), needles: scanner.found }
  } catch (error) {
    await builder.abort()
    throw error
  }
}

/** C++ Nix takes no output that somebody else may have written. */
const OTHERS_WRITE = 0o022

/** What is there by folders alone: a link on the way would lead out of the build. */
function statOf(root: string, path: string): Stats | undefined {
  const names = path.split("/")
  let place = root
  let stats: Stats | undefined
  for (const [index, name] of names.entries()) {
    place += `/${name}`
    stats = lstatSync(Buffer.from(place, "latin1"), { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    if (index < names.length - 1 && !stats.isDirectory()) return undefined
  }
  return stats
}

const NO_ROOM = new Set(["ENOSPC", "EDQUOT"])

function outputError(error: unknown, path: string, place: string): unknown {
  if (error instanceof DiskError) {
    const { problem } = error
    if (problem.code === "special-file") {
      const inside = problem.path.slice(place.length + 1)
      const reason = `has a ${problem.kind} in it: ${inside === "" ? "itself" : `'${inside}'`}`
      return new BuildError({ code: "output-invalid", path, reason }, { cause: error })
    }
  }
  // Names and links that no tree can have, for their length.
  if (error instanceof CastoreError && error.problem.code === "invalid") {
    return new BuildError(
      { code: "output-invalid", path, reason: `cannot be stored: ${error.message}` },
      { cause: error },
    )
  }
  return error
}

/** A full disk is said as such, wherever it was noticed. */
export function asBuildError(error: unknown): unknown {
  if (error instanceof CastoreError && error.problem.code === "full") {
    return new BuildError({ code: "disk-full", reason: error.problem.reason }, { cause: error })
  }
  const code =
    error instanceof DiskError && error.problem.code === "system"
      ? error.problem.error
      : (error as NodeJS.ErrnoException | undefined)?.code
  if (code !== undefined && NO_ROOM.has(code)) {
    return new BuildError({ code: "disk-full", reason: (error as Error).message }, { cause: error })
  }
  return error
}
