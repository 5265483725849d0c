/** Store paths in one stream, as `nix-store --export` and `--import` have them. */
import { byteStringFrom, bytesOf, equal } from "@tvix-ts/bytes"
import { CastoreError, formatDigest, type CallOptions, type Node } from "@tvix-ts/castore"
import { hash, startHash } from "@tvix-ts/hash"
import {
  contentAddressPath,
  DERIVATION_SUFFIX,
  exportBegin,
  exportDescription,
  exportEnd,
  formatStorePath,
  readExport,
  textPath,
  type ContentAddress,
  type ExportDescription,
} from "@tvix-ts/nix-compat"
import { ingestNar, type Ingested } from "../nar/ingest.ts"
import { writeNar } from "../nar/render.ts"
import { invalid } from "../path-info/check.ts"
import type { NarCalculation } from "../path-info/service.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { Store } from "../store.ts"
import { byReferences } from "./closure.ts"

type Castore = Pick<Store, "blobs" | "directories">

/**
 * Gives the export of `pathInfos` to `output`: whatever they refer to is not part of it unless it is among them.
 *
 * @param output see {@link writeNar}
 * @throws {CastoreError} `corrupt` if the archive of a path is not what its path info says; what was given before is no export
 */
export async function exportPaths(
  pathInfos: Iterable<PathInfo>,
  store: Castore,
  output: (bytes: Uint8Array) => void | Promise<void>,
  options: CallOptions = {},
): Promise<void> {
  for (const pathInfo of byReferences(pathInfos)) {
    await output(exportBegin())
    const hasher = startHash("sha256")
    const hashed = (bytes: Uint8Array): void | Promise<void> => {
      hasher.update(bytes)
      return output(bytes)
    }
    await writeNar(pathInfo.node, store, hashed, options)
    if (!equal(hasher.digest(), pathInfo.narHash)) {
      const what = formatStorePath(pathInfo.storePath)
      throw new CastoreError({ code: "corrupt", what, reason: "its Nix archive has another SHA-256" })
    }
    await output(exportDescription(pathInfo))
  }
  await output(exportEnd())
}

/** Archives of so many bytes wait in memory to be stored at once with others, which takes the disk less time: so many. */
const SMALL = 1024 * 1024
const SMALL_AT_ONCE = 64
const BYTES_AT_ONCE = 16 * 1024 * 1024

/**
 * Stores the paths of an export and gives each once it is there. What was there before is left as it is. Who is interrupted, or
 * throws, leaves some of the first, and nothing of the rest.
 *
 * That a path was built as it says is not proven by anything: whoever imports it trusts whoever exported it. Derivations
 * are what their paths say.
 *
 * @param contents whose pieces need be good only until the next is asked for
 * @throws {ExportError} for what is no export; {@link NarError} as well
 * @throws {CastoreError} `missing` if a path refers to what is neither there nor came before it
 */
export async function* importPaths(
  contents: AsyncIterable<Uint8Array>,
  store: Store,
  options: CallOptions = {},
): AsyncGenerator<PathInfo, void, undefined> {
  let batch: Importing[] = []
  let bytes = 0
  const finish = async function* (): AsyncGenerator<PathInfo, void, undefined> {
    const importing = batch
    batch = []
    bytes = 0
    yield* putInOrder(importing, store, options)
  }
  try {
    for await (const exported of readExport(contents)) {
      const { pieces, size, rest } = await beginning(exported.archive)
      if (rest !== undefined) {
        yield* finish()
        const ingested = await ingestNar(rest, store, options)
        batch.push({ ingesting: Promise.resolve(ingested), description: await exported.description() })
        continue
      }
      const ingesting = ingestNar(pieces, store, options)
      // It is awaited in its turn, if it comes to that.
      ingesting.catch(() => {})
      bytes += size
      batch.push({ ingesting, description: await exported.description() })
      if (batch.length >= SMALL_AT_ONCE || bytes >= BYTES_AT_ONCE) yield* finish()
    }
    yield* finish()
  } catch (error) {
    // What came before is as good as if the rest were.
    yield* finish()
    throw error
  } finally {
    // Nothing is being stored any more when it has ended, however.
    await Promise.allSettled(batch.map(({ ingesting }) => ingesting))
  }
}

interface Importing {
  readonly ingesting: Promise<Ingested>
  readonly description: ExportDescription
}

/** All of an archive if it is small; else `rest` is all of it. */
async function beginning(archive: AsyncIterable<Uint8Array>): Promise<{
  readonly pieces: readonly Uint8Array[]
  readonly size: number
  readonly rest: AsyncIterable<Uint8Array> | undefined
}> {
  const pieces: Uint8Array[] = []
  let size = 0
  const iterator = archive[Symbol.asyncIterator]()
  while (size <= SMALL) {
    const { done, value } = await iterator.next()
    if (done === true) return { pieces, size, rest: undefined }
    pieces.push(value.slice())
    size += value.length
  }
  const rest = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield* pieces
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  return { pieces, size, rest: rest() }
}

/** Puts those before the first that cannot be, and throws why that is. */
async function* putInOrder(
  batch: readonly Importing[],
  store: Store,
  options: CallOptions,
): AsyncGenerator<PathInfo, void, undefined> {
  const known = new Map<string, PathInfo>()
  const fresh: PathInfo[] = []
  const settled = await Promise.allSettled(batch.map(({ ingesting }) => ingesting))
  let failure: { readonly reason: unknown } | undefined
  for (const [i, { description }] of batch.entries()) {
    try {
      const ingested = settled[i]!
      if (ingested.status === "rejected") throw ingested.reason
      const { digest } = description.storePath
      const there = known.get(digest) ?? (await store.pathInfos.get(digest, options))
      if (there === undefined) fresh.push(await pathInfoOf(description, ingested.value, known, store, options))
      known.set(digest, there ?? fresh.at(-1)!)
    } catch (reason) {
      failure = { reason }
      break
    }
  }
  await store.pathInfos.putMany(fresh, options)
  yield* known.values()
  if (failure !== undefined) throw failure.reason
}

/** @param before those that will be there when it is */
async function pathInfoOf(
  description: ExportDescription,
  { node, narSize, narHash }: Ingested,
  before: ReadonlyMap<string, PathInfo>,
  store: Store,
  options: CallOptions,
): Promise<PathInfo> {
  const { storePath, references } = description
  for (const reference of references) {
    if (reference.digest === storePath.digest || before.has(reference.digest)) continue
    if ((await store.pathInfos.describe(reference.digest, options)) !== undefined) continue
    const what = `'${formatStorePath(reference)}', which '${formatStorePath(storePath)}' refers to,`
    throw new CastoreError({ code: "missing", what })
  }
  const nar = { narSize, narHash }
  const contentAddress = await contentAddressOf(description, node, nar, store, options)
  return { ...description, node, ...nar, signatures: [], ...(contentAddress && { contentAddress }) }
}

/** Bytes of a derivation: the largest have some hundred thousand. */
const DERIVATION_MAX = 2 ** 28

/**
 * Exports do not tell it, but it can be seen of what was added as it is, and of derivations.
 *
 * @throws {CastoreError} `invalid` for a derivation at another path than its own
 */
async function contentAddressOf(
  { storePath, references }: ExportDescription,
  node: Node,
  { narHash }: NarCalculation,
  store: Castore,
  options: CallOptions,
): Promise<ContentAddress | undefined> {
  const path = formatStorePath(storePath)
  const paths = references.filter(({ digest }) => digest !== storePath.digest).map((each) => formatStorePath(each))
  if (storePath.name.endsWith(DERIVATION_SUFFIX) && node.type === "file") {
    if (node.size > DERIVATION_MAX) invalid("derivation", `'${path}' has ${node.size} bytes`)
    const text = await textOfFile(node, store, options)
    if (textPath(storePath.name, text, paths) !== path) invalid("derivation", `the path of '${path}' is not its own`)
    return { method: "text", hash: { algorithm: "sha256", digest: hash("sha256", bytesOf(text)) } }
  }
  const contentAddress: ContentAddress = { method: "nar", hash: { algorithm: "sha256", digest: narHash } }
  // Of what refers to itself, the archive that was hashed is another.
  if (paths.length < references.length) return undefined
  const would = contentAddressPath(storePath.name, contentAddress, { others: paths, self: false })
  return would === path ? contentAddress : undefined
}

async function textOfFile(
  { digest }: Extract<Node, { type: "file" }>,
  { blobs }: Castore,
  options: CallOptions,
): Promise<string> {
  const pieces = await blobs.read(digest, options)
  if (pieces === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
  let text = ""
  for await (const piece of pieces) text += byteStringFrom(piece)
  return text
}
