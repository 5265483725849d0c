import type { Hash } from "@tvix-ts/hash"
import type { HashMethod } from "./store-path.ts"

/** How the path of a store object follows from its contents: `text:sha256:…`, `fixed:sha256:…`, `fixed:r:sha256:…`. */
export interface ContentAddress {
  readonly method: HashMethod
  readonly hash: Hash
}
