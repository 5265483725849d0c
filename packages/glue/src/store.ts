/** What evaluation puts into a store and asks of it. Paths are store paths, all texts byte strings. */
import type { Node } from "@tvix-ts/castore"
import type { Awaitable } from "@tvix-ts/eval"
import type { ContentAddress, Derivation, DerivationHashes } from "@tvix-ts/nix-compat"
import type { NarCalculation, Store } from "@tvix-ts/store"
import type { SourceCache } from "./source-cache.ts"
import type { StoreReader } from "./store-reader.ts"

export interface DerivationRecord {
  readonly derivation: Derivation
  /** What stands for it in the hashes of derivations that need it. */
  readonly hashes: DerivationHashes
}

/** A file tree that was copied to the store. */
export type AddedTree = {
  readonly contentAddress: ContentAddress
  readonly nar: NarCalculation
  /** Where the same can be read, if all of it is there. */
  readonly origin?: string
} & (
  | {
      readonly kind: "tree"
      /** In the castore, durable when it resolves; undefined where nothing is written. */
      readonly node: Promise<Node> | undefined
      /** Whether it was in the castore already, for somebody else. */
      readonly borrowed: boolean
    }
  /** A small one of nothing but a file, which is not written yet. */
  | { readonly kind: "file"; readonly contents: Uint8Array; readonly executable: boolean }
)

export interface EvaluationStore {
  /** Whether what is added is written, or only given a path. Whoever evaluates must then be able to wait. */
  readonly writes: boolean
  /** What is remembered of file trees of earlier evaluations. */
  readonly sources: SourceCache | undefined
  /** Whether the evaluation depends on what was in the store before it. */
  readonly consulted: boolean
  /** How many derivations were added. */
  readonly derivationCount: number
  /** Idempotent: a path says what is under it. `contents` is the file at `path`. */
  addDerivation(path: string, record: DerivationRecord, contents: string): Awaitable<void>
  /** @throws {IoError} if what should be its file is none of a derivation */
  derivation(path: string): Awaitable<DerivationRecord | undefined>
  /** Adds a file that evaluation wrote. `references` are the store paths it mentions. */
  addText(path: string, contents: string, references: ReadonlySet<string>): Awaitable<void>
  /** What such a file of this evaluation, or that of a derivation, contains; undefined if there is none at `path`. */
  text(path: string): string | undefined
  addTree(path: string, tree: AddedTree, references: readonly string[]): Awaitable<void>
  /** What was copied from `origin`, unless that is forgotten. */
  copyOf(origin: string, method: ContentAddress["method"]): AddedTree | undefined
  /** What was copied is looked at again from now on. */
  forgetCopies(): void
  /** Where the same can be read as what this evaluation has copied to `path`. */
  origin(path: string): string | undefined
  /** Whether this evaluation has put something at `path`, or was told of it by {@link admit}. */
  hasAdded(path: string): boolean
  /** What is in the store at `path` may be read as if it had been added: the program has said what it is to contain. */
  admit(path: string): void
  /** The store paths that the object at `path` refers to; undefined if it is not in the store. */
  references(path: string): Awaitable<Iterable<string> | undefined>
  /** Whether there is something at `path`, in this store or where else store paths are on this machine. */
  isValid(path: string): Awaitable<boolean>
  /** The tree at `path`; undefined if the castore has none. */
  node(path: string): Awaitable<Node | undefined>
  /** The same of the store alone, for whoever would write the same tree. */
  stored(path: string): Awaitable<Node | undefined>
  /** Reads what {@link node} finds. Absent if there is nothing to read from. */
  readonly reader?: StoreReader
  /**
   * Resolves when all that was added is durable: a path only after those it refers to. Whoever is interrupted before leaves
   * nothing that is not complete.
   *
   * @throws {IoError} if it could not be written, or refers to what is not in the store
   */
  flush(): Promise<void>
  /**
   * Where the trees are that evaluation can read and fetchers write: opened when it is first asked for, which most
   * evaluations never do. Absent if there is none. What is put into it counts as added by this evaluation.
   */
  trees?(): Promise<Store>
}
