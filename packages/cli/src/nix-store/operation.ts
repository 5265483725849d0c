import type { Store } from "@tvix-ts/store"
import type { Settings } from "../settings.ts"
import type { StoreView } from "./store-view.ts"

export interface NixStoreSettings extends Settings {
  /** `--add-root` */
  root: string | undefined
  /** Whether what was made is printed. */
  printPaths: boolean
  /** Whether what builders say is shown as it comes. */
  logs: boolean
}

/** What `nix-store` can be told to do, by an option of its own. */
export interface Operation {
  /** The last is the one that messages use. */
  readonly names: readonly string[]
  /** What follows its name: `PATH...`. */
  readonly operands: string
  readonly summary: string
  /** What says how to do it. */
  readonly flags: readonly Flag[]
  /** Command lines, without their `nix-store`. */
  readonly examples: readonly string[]
  readonly load: () => Promise<Run>
}

export interface Flag {
  readonly names: readonly string[]
  readonly summary?: string
}

/** @returns the exit code */
export type Run = (words: Words, context: Context) => Promise<number>

export interface Words {
  /** By the last of their names, in the order in which they were given. */
  readonly flags: readonly string[]
  readonly operands: readonly string[]
}

export interface Context {
  readonly settings: NixStoreSettings
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** The store, once somebody needs it. It is closed in the end. */
  readonly open: () => Promise<Store>
  readonly view: () => Promise<StoreView>
}
