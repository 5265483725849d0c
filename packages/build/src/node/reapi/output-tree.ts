/** Outputs of remote execution on their way into a castore. */
import { toBinary } from "@bufbuild/protobuf"
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions, type TreeSink } from "@tvix-ts/castore"
import { ExecutionDirectorySchema, type Digest, type ExecutionDirectory, type Tree } from "@tvix-ts/protos"
import { idOf, type BlobId, type RemoteBlobs } from "./blobs.ts"

const STEPS_MAX = 20_000_000

/** What to tell a sink, in order. */
type Step =
  | { readonly do: "entry"; readonly name: string }
  | { readonly do: "file"; readonly id: BlobId; readonly executable: boolean }
  | { readonly do: "symlink"; readonly target: string }
  | { readonly do: "directory" | "end" }

export function fileSteps(id: BlobId, executable: boolean): Step[] {
  return [{ do: "file", id, executable }]
}

/** @throws {CastoreError} `corrupt` if a directory is missing */
export function treeSteps({ root, children }: Tree): Step[] {
  const directories = new Map<string, ExecutionDirectory>()
  for (const child of children) directories.set(idOf(toBinary(ExecutionDirectorySchema, child)).hash, child)
  if (root === undefined) throw corrupt("there is no root")
  const steps: Step[] = []
  const open = [entriesOf(root)]
  steps.push({ do: "directory" })
  for (let entries = open.at(-1); entries !== undefined; entries = open.at(-1)) {
    const entry = entries.pop()
    if (entry === undefined) {
      open.pop()
      steps.push({ do: "end" })
      continue
    }
    const [name, what] = entry
    steps.push({ do: "entry", name })
    if ("do" in what) {
      steps.push(what)
      continue
    }
    const directory = directories.get(what.hash)
    if (directory === undefined) throw corrupt(`directory sha256:${what.hash} is not there`)
    // A few directories, each twice in the next, make a tree without end.
    if (steps.length > STEPS_MAX) throw corrupt("it has too many entries")
    open.push(entriesOf(directory))
    steps.push({ do: "directory" })
  }
  return steps
}

/** Tells `sink`, with the contents of files. */
export async function tellSteps(
  steps: readonly Step[],
  blobs: RemoteBlobs,
  sink: TreeSink,
  options: CallOptions,
): Promise<void> {
  const ids = steps.filter((step) => step.do === "file").map(({ id }) => id)
  const contents = blobs.readMany(ids, options)
  for (const step of steps) {
    switch (step.do) {
      case "entry":
        sink.entry(step.name)
        break
      case "symlink":
        sink.symlink(step.target)
        break
      case "directory":
        sink.directory()
        break
      case "end":
        sink.endDirectory()
        break
      case "file": {
        sink.file(step.id.size, step.executable)
        const { value } = await contents.next()
        for await (const bytes of value ?? []) if (bytes.length > 0) await sink.contents(bytes)
        break
      }
    }
  }
}

type Entry = readonly [name: string, what: Step | BlobId]

/** Descending, so that the next is the last. */
function entriesOf({ files, directories, symlinks }: ExecutionDirectory): Entry[] {
  const entries: Entry[] = [
    ...files.map(({ name, digest, isExecutable }): Entry => [
      byteStringOf(name),
      { do: "file", id: idOfMessage(digest), executable: isExecutable },
    ]),
    ...directories.map(({ name, digest }): Entry => [byteStringOf(name), idOfMessage(digest)]),
    ...symlinks.map(({ name, target }): Entry => [byteStringOf(name), { do: "symlink", target: byteStringOf(target) }]),
  ]
  return entries.sort(([a], [b]) => (a < b ? 1 : -1))
}

/** @throws {CastoreError} `corrupt` unless it is a digest */
export function idOfMessage(digest: Digest | undefined): BlobId {
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest.hash)) throw corrupt("a digest is none")
  const size = Number(digest.sizeBytes)
  if (!Number.isSafeInteger(size) || size < 0) throw corrupt("a size is none")
  return { hash: digest.hash, size }
}

export function corrupt(reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: "the peer's output", reason })
}
