/** What evaluation puts into a store and asks of it. Paths are store paths, all texts byte strings. */
import type { Node } from "@tvix-ts/castore"
import type { Awaitable } from "@tvix-ts/eval"
import type { ContentAddress, Derivation, DerivationHashes } from "@tvix-ts/nix-compat"
import type { NarCalculation, Store } from "@tvix-ts/store"

export interface DerivationRecord {
  readonly derivation: Derivation
  /** What stands for it in the hashes of derivations that need it. */
  readonly hashes: DerivationHashes
}

/** A file tree that was copied to the store. It refers to nothing. */
export type AddedTree = {
  readonly contentAddress: ContentAddress
  /** Where the same can be read, if all of it is there. */
  readonly origin?: string
} & (
  | {
      readonly kind: "tree"
      /** In the castore; undefined where nothing is written. A promise that it is durable there. */
      readonly node: Promise<Node> | undefined
      readonly nar: NarCalculation
    }
  /** A small one of nothing but a file, which is not written yet. */
  | { readonly kind: "file"; readonly contents: Uint8Array; readonly executable: boolean }
)

export interface EvaluationStore {
  /** Whether what is added is written, or only given a path. Whoever evaluates must then be able to wait. */
  readonly writes: boolean
  /** Idempotent: a path says what is under it. */
  addDerivation(path: string, record: DerivationRecord): Awaitable<void>
  derivation(path: string): Awaitable<DerivationRecord | undefined>
  /** Adds a file that evaluation wrote. `references` are the store paths it mentions. */
  addText(path: string, contents: string, references: ReadonlySet<string>): Awaitable<void>
  /** What such a file of this evaluation, or that of a derivation, contains; undefined if there is none at `path`. */
  text(path: string): string | undefined
  addTree(path: string, tree: AddedTree): Awaitable<void>
  /** The tree that this evaluation has copied to `path`. */
  tree(path: string): AddedTree | undefined
  /** The store paths that the object at `path` refers to; undefined if it is not in the store. */
  references(path: string): Awaitable<Iterable<string> | undefined>
  /**
   * Resolves when all that was added is durable: a path only after those it refers to. Whoever is interrupted before leaves
   * nothing that is not complete.
   *
   * @throws {IoError} if it could not be written, or refers to what is not in the store
   */
  flush(): Promise<void>
  /**
   * Where the trees are that evaluation can read and fetchers write: opened when it is first asked for, which most
   * evaluations never do. Absent if there is none.
   */
  trees?(): Promise<Store>
}
