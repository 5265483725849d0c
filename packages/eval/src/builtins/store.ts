/**
 * Builtins that need a store. Here they only exist, so that `builtins ? fetchTarball` holds; whoever has a store gives the
 * evaluation better ones.
 */
import { fail } from "../problem.ts"
import type { Value } from "../value.ts"
import { builtin, lazy } from "./define.ts"

function needsStore(name: string, params: readonly string[], global: "name" | "__name", doc: string) {
  return builtin<readonly Value[]>({
    name,
    params: params.map((param) => lazy(param)),
    global,
    doc,
    run: () => fail({ code: "needs-store", what: `'builtins.${name}'` }),
  })
}

export const storeBuiltins = [
  needsStore(
    "derivationStrict",
    ["attrs"],
    "name",
    "What `derivation` is made of: writes the derivation to the store.",
  ),
  needsStore("fetchGit", ["args"], "name", "Fetches a commit of a Git repository into the store."),
  needsStore("fetchMercurial", ["args"], "name", "Fetches a commit of a Mercurial repository into the store."),
  needsStore("fetchTarball", ["args"], "name", "Downloads and unpacks an archive into the store."),
  needsStore("fetchTree", ["input"], "name", "Fetches a file tree of any kind that flakes know into the store."),
  needsStore("fetchurl", ["arg"], "__name", "Downloads a file into the store."),
  needsStore(
    "filterSource",
    ["predicate", "path"],
    "__name",
    "Copies what a predicate admits of a file tree to the store.",
  ),
  needsStore("flakeRefToString", ["attrs"], "__name", "A flake reference, given as a set, as a URL."),
  needsStore("getFlake", ["ref"], "__name", "Fetches a flake and evaluates its outputs."),
  needsStore("parseFlakeRef", ["ref"], "__name", "A flake reference, given as a URL, as a set."),
  needsStore(
    "path",
    ["args"],
    "__name",
    "Copies a file tree to the store: `path { path = ./src; filter = …; name = …; }`.",
  ),
  needsStore("storePath", ["path"], "__name", "A path of the store as a string that refers to it."),
  needsStore("toFile", ["name", "s"], "__name", "Writes a string to a file in the store."),
]
