/** Where the tokens of a cache are. */
import { join } from "node:path"
import type { Store } from "@tvix-ts/store"
import { UsageError, type Option } from "../options.ts"
import { isLocal } from "./local-store.ts"

export interface TokenSettings {
  /** A file. Without, it is beside the store. */
  tokens: string | undefined
}

export const TOKENS_OPTION: Option<TokenSettings> = {
  names: ["--tokens"],
  values: ["FILE"],
  summary: "where tokens are kept, rather than in tokens.sqlite in the folder of the store",
  set: (to, file) => void (to.tokens = file),
}

/** The file that was asked for, or the one beside `store`. @throws {UsageError} there is no beside */
export function tokensFile({ tokens }: TokenSettings, store: Store): string {
  if (tokens !== undefined) return tokens
  if (isLocal(store)) return join(store.dir, "tokens.sqlite")
  throw new UsageError("only a local store has tokens beside it, one at local:///DIR: say where with --tokens FILE")
}
