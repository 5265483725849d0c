/** The store of an evaluation: what it has added so far, which is answered at once, before a store that lasts. */
import type { Node } from "@tvix-ts/castore"
import { isPromise, type Awaitable, type EvalIO } from "@tvix-ts/eval"
import {
  DERIVATION_SUFFIX,
  formatStorePath,
  writeAterm,
  type ContentAddress,
  type Derivation,
} from "@tvix-ts/nix-compat"
import type { PathInfo, Store } from "@tvix-ts/store"
import { readDerivation } from "./derivation-files.ts"
import { fromStore } from "./store-problem.ts"
import type { SourceCache } from "./source-cache.ts"
import { StoreReader } from "./store-reader.ts"
import { StoreWriter, type Addition } from "./store-writer.ts"
import type { AddedTree, DerivationRecord, EvaluationStore } from "./store.ts"

export interface EvaluationStoreOptions {
  /** Whether what is added goes to the store; else it is only given its path. */
  readonly write?: boolean
  /** Where store paths are that the store has not: the disk of a machine with Nix. */
  readonly disk?: Pick<EvalIO, "fileType" | "readFile">
  /** Remembers what sources were hashed to, so that they are read again only when they have changed. */
  readonly sources?: SourceCache
}

/**
 * @param open opens the store, when it is first needed. Without it nothing can be read but what was added, and that is gone
 *   with the process. Closing it is the caller's.
 */
export function evaluationStore(open?: () => Promise<Store>, options: EvaluationStoreOptions = {}): EvaluationStore {
  return new LayeredStore(open, options)
}

interface Text {
  readonly contents: string
  readonly references: ReadonlySet<string>
}

/** What is remembered of a tree: not its contents. */
interface Copied {
  readonly node: Promise<Node> | undefined
  readonly origin: string | undefined
  readonly references: readonly string[]
}

class LayeredStore implements EvaluationStore {
  readonly trees?: () => Promise<Store>
  readonly reader?: StoreReader
  readonly sources: SourceCache | undefined
  readonly #writer: StoreWriter | undefined
  readonly #disk: EvaluationStoreOptions["disk"]
  /** Also those that were read. */
  readonly #derivations = new Map<string, DerivationRecord>()
  readonly #added = new Set<string>()
  readonly #admitted = new Set<string>()
  #derivationCount = 0
  #consulted = false
  readonly #texts = new Map<string, Text>()
  readonly #trees = new Map<string, Copied>()
  /** By method and origin. */
  readonly #copies = new Map<string, AddedTree>()

  constructor(open: (() => Promise<Store>) | undefined, { write = false, disk, sources }: EvaluationStoreOptions) {
    this.#disk = disk
    this.sources = sources
    if (open === undefined) return
    let opened: Promise<Store> | undefined
    const trees = async (): Promise<Store> => (opened ??= open().then((store) => this.#noticing(store)))
    this.trees = async () => fromStore(trees)
    this.reader = new StoreReader(trees)
    if (write) this.#writer = new StoreWriter(trees)
  }

  get writes(): boolean {
    return this.#writer !== undefined
  }

  get consulted(): boolean {
    return this.#consulted
  }

  get derivationCount(): number {
    return this.#derivationCount
  }

  // -------------------------------------------------------------------------------------------- adding

  addDerivation(path: string, record: DerivationRecord, contents: string): Awaitable<void> {
    if (this.#added.has(path)) return undefined
    this.#added.add(path)
    this.#derivationCount++
    this.#derivations.set(path, record)
    if (this.#writer === undefined) return undefined
    return this.#write({ kind: "text", path, contents, references: referencesOf(record.derivation) })
  }

  addText(path: string, contents: string, references: ReadonlySet<string>): Awaitable<void> {
    if (this.#added.has(path)) return undefined
    this.#added.add(path)
    this.#texts.set(path, { contents, references })
    return this.#write({ kind: "text", path, contents, references })
  }

  addTree(path: string, tree: AddedTree, references: readonly string[]): Awaitable<void> {
    const { origin, contentAddress, nar } = tree
    if (origin !== undefined && tree.kind === "tree") this.#copies.set(copyKey(origin, contentAddress.method), tree)
    if (this.#added.has(path)) return undefined
    this.#added.add(path)
    const node = tree.kind === "tree" ? tree.node : undefined
    this.#trees.set(path, { node, origin, references })
    const addition = { path, nar, contentAddress, references }
    if (tree.kind === "tree") return node && this.#write({ kind: "tree", ...addition, node, borrowed: tree.borrowed })
    const { contents, executable } = tree
    return this.#write({ kind: "file", ...addition, contents, executable })
  }

  #write(addition: Addition): Awaitable<void> {
    return this.#writer && fromStore(() => this.#writer!.add(addition))
  }

  async flush(): Promise<void> {
    if (this.#writer !== undefined) await fromStore(() => this.#writer!.flush())
  }

  // -------------------------------------------------------------------------------------------- asking

  text(path: string): string | undefined {
    const text = this.#texts.get(path)
    if (text !== undefined) return text.contents
    return this.#added.has(path) ? textOf(this.#derivations.get(path)) : undefined
  }

  copyOf(origin: string, method: ContentAddress["method"]): AddedTree | undefined {
    return this.#copies.get(copyKey(origin, method))
  }

  forgetCopies(): void {
    this.#copies.clear()
  }

  origin(path: string): string | undefined {
    return this.#trees.get(path)?.origin
  }

  hasAdded(path: string): boolean {
    return this.#added.has(path) || this.#admitted.has(path)
  }

  admit(path: string): void {
    this.#admitted.add(path)
  }

  derivation(path: string): Awaitable<DerivationRecord | undefined> {
    const known = this.#derivations.get(path)
    if (known !== undefined || !path.endsWith(DERIVATION_SUFFIX)) return known
    if (this.#isAlone) return undefined
    this.#consulted = true
    return readDerivation(path, this.#derivations, (file) => this.#readText(file))
  }

  async #readText(path: string): Promise<string | undefined> {
    const node = await this.node(path)
    if (node?.type === "file") return fromStore(() => this.reader!.contents(node, path))
    return (await this.#isOnDisk(path)) ? this.#disk!.readFile(path) : undefined
  }

  references(path: string): Awaitable<Iterable<string> | undefined> {
    const own = this.#texts.get(path) ?? this.#trees.get(path)
    if (own !== undefined) return own.references
    const record = this.#derivations.get(path)
    if (record !== undefined) return referencesOf(record.derivation)
    return this.#isAlone ? undefined : this.#foreignReferences(path)
  }

  async #foreignReferences(path: string): Promise<Iterable<string> | undefined> {
    this.#consulted = true
    const pathInfo = await this.#pathInfo(path)
    if (pathInfo !== undefined) return pathInfo.references.map((reference) => formatStorePath(reference))
    // Of a disk we only know what can be read in its files.
    const record = await this.derivation(path)
    return record && referencesOf(record.derivation)
  }

  isValid(path: string): Awaitable<boolean> {
    return this.#added.has(path) || (!this.#isAlone && this.#isThere(path))
  }

  /** There is nothing but what was added: all answers are at hand. */
  get #isAlone(): boolean {
    return this.reader === undefined && this.#disk === undefined
  }

  async #isThere(path: string): Promise<boolean> {
    this.#consulted = true
    return (await this.#pathInfo(path)) !== undefined || this.#isOnDisk(path)
  }

  async #isOnDisk(path: string): Promise<boolean> {
    return this.#disk !== undefined && (await this.#disk.fileType(path)) !== undefined
  }

  node(path: string): Awaitable<Node | undefined> {
    const own = this.#trees.get(path)
    if (own?.node !== undefined) return fromStore(() => own.node)
    const stored = this.stored(path)
    const consulting = (node: Node | undefined): Node | undefined => {
      if (node !== undefined) this.#consulted = true
      return node
    }
    return isPromise(stored) ? stored.then(consulting) : consulting(stored)
  }

  stored(path: string): Awaitable<Node | undefined> {
    const pathInfo = this.#pathInfo(path)
    return isPromise(pathInfo) ? pathInfo.then((found) => found?.node) : pathInfo?.node
  }

  #pathInfo(path: string): Awaitable<PathInfo | undefined> {
    return this.reader && fromStore(() => this.reader!.pathInfo(path))
  }

  /** `store`, but what is put into it counts as added by this evaluation. */
  #noticing(store: Store): Store {
    const { pathInfos } = store
    const notice = ({ storePath }: PathInfo): void => {
      this.reader!.forget(storePath.digest)
      this.#added.add(formatStorePath(storePath))
    }
    return {
      ...store,
      pathInfos: {
        get: (digest, options) => pathInfos.get(digest, options),
        describe: (digest, options) => pathInfos.describe(digest, options),
        has: (digests, options) => pathInfos.has(digests, options),
        async put(pathInfo, options) {
          const stored = await pathInfos.put(pathInfo, options)
          notice(pathInfo)
          return stored
        },
        async putMany(many, options) {
          await pathInfos.putMany(many, options)
          for (const pathInfo of many) notice(pathInfo)
        },
        list: (options) => pathInfos.list(options),
        close: () => pathInfos.close(),
      },
    }
  }
}

function copyKey(origin: string, method: ContentAddress["method"]): string {
  return `${method} ${origin}`
}

function textOf(record: DerivationRecord | undefined): string | undefined {
  return record && writeAterm(record.derivation)
}

/** A derivation may need both the file of another and what that builds. */
function referencesOf({ inputSources, inputDerivations }: Derivation): string[] {
  return [...new Set([...inputSources, ...inputDerivations.keys()])]
}
