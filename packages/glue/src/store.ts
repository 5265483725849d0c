/** What evaluation puts into a store and asks of it. Paths are store paths, all texts byte strings. */
import type { Awaitable } from "@tvix-ts/eval"
import type { Store } from "@tvix-ts/store"
import { writeAterm, type Derivation, type DerivationHashes } from "@tvix-ts/nix-compat"

export interface DerivationRecord {
  readonly derivation: Derivation
  /** What stands for it in the hashes of derivations that need it. */
  readonly hashes: DerivationHashes
}

export interface EvaluationStore {
  /** Idempotent: a path says what is under it. */
  addDerivation(path: string, record: DerivationRecord): Awaitable<void>
  derivation(path: string): Awaitable<DerivationRecord | undefined>
  /** Adds a file that evaluation wrote. `references` are the store paths it mentions. */
  addText(path: string, contents: string, references: ReadonlySet<string>): Awaitable<void>
  /** What such a file, or that of a derivation, contains; undefined if there is none at `path`. */
  text(path: string): Awaitable<string | undefined>
  /** The store paths that the object at `path` refers to; undefined if it is not in the store. */
  references(path: string): Awaitable<Iterable<string> | undefined>
  /**
   * Where the trees are that evaluation can read and fetchers write: opened when it is first asked for, which most
   * evaluations never do. Absent if there is none.
   */
  trees?(): Promise<Store>
}

/** A store that remembers the derivations and texts of this process, and nothing else. It answers at once. */
export function memoryStore(): EvaluationStore {
  const derivations = new Map<string, DerivationRecord>()
  const texts = new Map<string, { readonly contents: string; readonly references: ReadonlySet<string> }>()
  return {
    addDerivation(path, record) {
      derivations.set(path, record)
    },
    derivation: (path) => derivations.get(path),
    addText(path, contents, references) {
      texts.set(path, { contents, references })
    },
    text(path) {
      const derivation = derivations.get(path)?.derivation
      return derivation === undefined ? texts.get(path)?.contents : writeAterm(derivation)
    },
    references(path) {
      const derivation = derivations.get(path)?.derivation
      if (derivation === undefined) return texts.get(path)?.references
      return [...derivation.inputSources, ...derivation.inputDerivations.keys()]
    },
  }
}
