/** Carries what evaluation adds to a store, in the background: many at a time, whatever is referred to first. */
import { bytesOf } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import { parseStorePath, type ContentAddress, type StorePath } from "@tvix-ts/nix-compat"
import { copyTree, type NarCalculation, type PathInfo, type Store } from "@tvix-ts/store"
import { fileNar } from "./file-nar.ts"
import { InvalidPath } from "./store-problem.ts"

/** Something on its way to the store. What it refers to is in the store, or was added before it. */
export type Addition = { readonly path: string; readonly references: Iterable<string> } & (
  | { readonly kind: "text"; readonly contents: string }
  | {
      readonly kind: "file"
      readonly contents: Uint8Array
      readonly executable: boolean
      readonly nar: NarCalculation
      readonly contentAddress: ContentAddress
    }
  | {
      readonly kind: "tree"
      /** Durable when it resolves. */
      readonly node: Promise<Node>
      /** Whether it is there for somebody else, and may go with that. */
      readonly borrowed: boolean
      readonly nar: NarCalculation
      readonly contentAddress: ContentAddress
    }
)

/** How many are written together: each such batch waits for the disk twice. */
const BATCH_COUNT = 1024
/** Additions that are enough to begin with. */
const BEGIN_COUNT = 256
/** Additions that may wait before whoever adds is asked to wait, too. */
const WAITING_MAX = 8192

export class StoreWriter {
  readonly #open: () => Promise<Store>
  #queue: Addition[] = []
  /** Paths that are in the store now. */
  readonly #there = new Set<string>()
  /** Those of them that were there before us, and that a collection of garbage may have taken since. */
  #found: Addition[] = []
  #wrote = false
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #room: PromiseWithResolvers<void> | undefined

  constructor(open: () => Promise<Store>) {
    this.#open = open
  }

  /** A promise asks to wait for it before adding more. @throws what went wrong with something added before */
  add(addition: Addition): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    this.#queue.push(addition)
    if (this.#queue.length >= BEGIN_COUNT) this.#begin()
    if (this.#queue.length < WAITING_MAX) return undefined
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  /** Resolves when all that was added is durable. */
  async flush(): Promise<void> {
    while (this.#failure === undefined) {
      this.#begin()
      if (this.#writing === undefined) {
        await this.#lookAgain()
        if (this.#queue.length === 0) return
      } else await this.#writing
    }
    throw this.#failure.error
  }

  #begin(): void {
    if (this.#writing !== undefined || this.#queue.length === 0) return
    this.#writing = this.#run()
      .catch((error: unknown) => {
        this.#failure ??= { error }
        this.#queue = []
      })
      .finally(() => {
        this.#writing = undefined
        this.#release()
      })
  }

  async #run(): Promise<void> {
    const store = await this.#open()
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH_COUNT)
      if (this.#queue.length < WAITING_MAX) this.#release()
      await this.#write(batch, store)
    }
  }

  #release(): void {
    // Whoever waits and has to be told of a failure learns it with the next addition.
    this.#room?.resolve()
    this.#room = undefined
  }

  async #write(batch: readonly Addition[], store: Store): Promise<void> {
    const found = await this.#present(
      batch.map(({ path }) => path),
      store,
    )
    const fresh = new Map<string, Addition>()
    for (const addition of batch) {
      if (found.has(addition.path)) this.#found.push(addition)
      else if (!this.#there.has(addition.path)) fresh.set(addition.path, addition)
    }
    for (const path of found) this.#there.add(path)
    const referred = new Set<string>()
    for (const { references } of fresh.values()) {
      for (const reference of references) if (!fresh.has(reference)) referred.add(reference)
    }
    const present = await this.#present(referred, store)
    for (const path of referred) if (!this.#there.has(path) && !present.has(path)) throw new InvalidPath(path)
    if (fresh.size > 0) {
      this.#wrote = true
      await store.pathInfos.putMany(await describe([...fresh.values()], store))
    }
    for (const path of fresh.keys()) this.#there.add(path)
    for (const path of present) this.#there.add(path)
  }

  /** Those of `paths` that are in the store, and that we do not know of. */
  async #present(paths: Iterable<string>, { pathInfos }: Store): Promise<Set<string>> {
    const asked = new Map<string, string>()
    for (const path of paths) if (!this.#there.has(path)) asked.set(parseStorePath(path).digest, path)
    const present = new Set<string>()
    for (const digest of await pathInfos.has(asked.keys())) present.add(asked.get(digest)!)
    return present
  }

  /** What a collection has taken before anything that we wrote referred to it is written again. From now on it is kept. */
  async #lookAgain(): Promise<void> {
    const found = this.#found
    this.#found = []
    if (!this.#wrote || found.length === 0) return
    for (const { path } of found) this.#there.delete(path)
    const present = await this.#present(
      found.map(({ path }) => path),
      await this.#open(),
    )
    for (const path of present) this.#there.add(path)
    for (const addition of found) if (!present.has(addition.path)) this.#queue.push(addition)
  }
}

/** Makes the contents of `additions` durable, and says what they are. */
async function describe(additions: readonly Addition[], store: Store): Promise<PathInfo[]> {
  const batch = store.blobs.batch()
  const described: Promise<PathInfo>[] = []
  try {
    for (const addition of additions) {
      if (addition.kind === "tree") {
        described.push(describeTree(addition, store))
        continue
      }
      const executable = addition.kind === "file" && addition.executable
      const contents = addition.kind === "file" ? addition.contents : bytesOf(addition.contents)
      const contentAddress: ContentAddress =
        addition.kind === "file"
          ? addition.contentAddress
          : { method: "text", hash: { algorithm: "sha256", digest: hash("sha256", contents) } }
      const nar = addition.kind === "file" ? addition.nar : fileNar(contents, executable)
      const size = contents.length
      const writer = batch.blob(size)
      const waiting = size === 0 ? undefined : writer.write(contents)
      if (waiting !== undefined) await waiting
      const ended = writer.end()
      described.push(
        ended.then((digest) => infoOf(addition, { type: "file", digest, size, executable }, nar, contentAddress)),
      )
    }
  } catch (error) {
    await batch.abort()
    throw error
  }
  // Whatever fails, the commit does.
  for (const info of described) info.catch(() => undefined)
  await batch.commit()
  return Promise.all(described)
}

async function describeTree(addition: Addition & { readonly kind: "tree" }, store: Store): Promise<PathInfo> {
  const node = await addition.node
  // What the store is asked for while we write is kept. @throws if it is gone already
  if (addition.borrowed) await copyTree(node, store, store)
  return infoOf(addition, node, addition.nar, addition.contentAddress)
}

function infoOf(
  { path, references }: Addition,
  node: Node,
  nar: NarCalculation,
  contentAddress: ContentAddress,
): PathInfo {
  return {
    storePath: parseStorePath(path),
    node,
    references: sorted(references),
    ...nar,
    signatures: [],
    contentAddress,
  }
}

function sorted(references: Iterable<string>): StorePath[] {
  return [...references].sort().map((reference) => parseStorePath(reference))
}
