/** The store of an evaluation: what it has added so far, which is answered at once, before a store that lasts. */
import { IoError, type Awaitable } from "@tvix-ts/eval"
import { CastoreError } from "@tvix-ts/castore"
import { writeAterm, type Derivation } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import type { AddedTree, DerivationRecord, EvaluationStore } from "./store.ts"
import { InvalidPath, StoreWriter, type Addition } from "./store-writer.ts"

export interface EvaluationStoreOptions {
  /** Whether what is added goes to the store; else it is only given its path. */
  readonly write?: boolean
}

/**
 * @param open opens the store, when it is first needed. Without it nothing can be read but what was added, and that is gone
 *   with the process. Closing it is the caller's.
 */
export function evaluationStore(
  open?: () => Promise<Store>,
  { write = false }: EvaluationStoreOptions = {},
): EvaluationStore {
  return new LayeredStore(open, write)
}

interface Text {
  readonly contents: string
  readonly references: ReadonlySet<string>
}

class LayeredStore implements EvaluationStore {
  readonly trees?: () => Promise<Store>
  readonly #writer: StoreWriter | undefined
  readonly #derivations = new Map<string, DerivationRecord>()
  readonly #texts = new Map<string, Text>()
  readonly #trees = new Map<string, AddedTree>()

  constructor(open: (() => Promise<Store>) | undefined, write: boolean) {
    if (open === undefined) return
    let opened: Promise<Store> | undefined
    const trees = (): Promise<Store> => (opened ??= open())
    this.trees = () => failing(trees())
    if (write) this.#writer = new StoreWriter(trees)
  }

  get writes(): boolean {
    return this.#writer !== undefined
  }

  addDerivation(path: string, record: DerivationRecord): Awaitable<void> {
    if (this.#derivations.has(path)) return undefined
    this.#derivations.set(path, record)
    const { derivation } = record
    const contents = (): string => writeAterm(derivation)
    return this.#write({ kind: "text", path, contents, references: referencesOf(derivation) })
  }

  derivation(path: string): Awaitable<DerivationRecord | undefined> {
    return this.#derivations.get(path)
  }

  addText(path: string, contents: string, references: ReadonlySet<string>): Awaitable<void> {
    if (this.#texts.has(path)) return undefined
    this.#texts.set(path, { contents, references })
    return this.#write({ kind: "text", path, contents: () => contents, references })
  }

  text(path: string): string | undefined {
    const derivation = this.#derivations.get(path)?.derivation
    return derivation === undefined ? this.#texts.get(path)?.contents : writeAterm(derivation)
  }

  addTree(path: string, tree: AddedTree): Awaitable<void> {
    if (this.#trees.has(path)) return undefined
    this.#trees.set(path, tree)
    const { contentAddress } = tree
    const addition = { path, contentAddress, references: [] }
    if (tree.kind === "file") {
      const { contents, executable } = tree
      return this.#write({ kind: "file", ...addition, contents, executable })
    }
    const { node, nar } = tree
    return node && this.#write({ kind: "tree", ...addition, node, nar })
  }

  tree(path: string): AddedTree | undefined {
    return this.#trees.get(path)
  }

  references(path: string): Awaitable<Iterable<string> | undefined> {
    const derivation = this.#derivations.get(path)?.derivation
    if (derivation !== undefined) return referencesOf(derivation)
    return this.#texts.get(path)?.references ?? (this.#trees.has(path) ? [] : undefined)
  }

  async flush(): Promise<void> {
    if (this.#writer !== undefined) await failing(this.#writer.flush())
  }

  #write(addition: Addition): Awaitable<void> {
    try {
      return this.#writer?.add(addition)
    } catch (error) {
      throw ioError(error)
    }
  }
}

function referencesOf({ inputSources, inputDerivations }: Derivation): string[] {
  return [...inputSources, ...inputDerivations.keys()]
}

/** A store that fails is a problem that the program meets. */
async function failing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw ioError(error)
  }
}
function ioError(error: unknown): unknown {
  const known = error instanceof CastoreError || error instanceof InvalidPath
  return known ? new IoError(error.message, { cause: error }) : error
}
