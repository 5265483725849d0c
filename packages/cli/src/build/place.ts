import type { StorePath } from "@tvix-ts/nix-compat"
import { closureOf, type Store } from "@tvix-ts/store"
import type { StoreRoot } from "./store-root.ts"

/** Puts a store path, and what it refers to, where programs can use it. The result is where it is: text, an absolute path. */
export async function placeClosure(path: StorePath, store: Store, root: StoreRoot): Promise<string> {
  let place = ""
  // What was asked for comes last.
  for (const pathInfo of await closureOf([path], store.pathInfos)) place = await root.place(pathInfo)
  return place
}
