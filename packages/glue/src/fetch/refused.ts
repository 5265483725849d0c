/** Builtins of C++ Nix for what it calls experimental, or for tools that nobody has: they say so, in its words. */
import type { Value } from "@tvix-ts/eval"
import { AttrSet } from "@tvix-ts/eval"
import { any, builtin, lazy } from "@tvix-ts/eval/builtins"
import { refuse, refuseExperimental } from "../problems.ts"

function experimental(name: string, global: "name" | "__name", param: string, feature: string, doc: string) {
  return builtin<readonly Value[]>({
    name,
    global,
    params: [lazy(param)],
    doc,
    run: () => refuseExperimental(feature),
  })
}

export const fetchTree = experimental(
  "fetchTree",
  "name",
  "input",
  "fetch-tree",
  "Fetches a file tree of any kind that flakes know into the store. Experimental in C++ Nix, and not offered here.",
)

export const flakeBuiltins = [
  experimental("flakeRefToString", "__name", "attrs", "flakes", "A flake reference, given as a set, as a URL."),
  experimental("getFlake", "__name", "ref", "flakes", "Fetches a flake and evaluates its outputs."),
  experimental("parseFlakeRef", "__name", "ref", "flakes", "A flake reference, given as a URL, as a set."),
]

export const fetchMercurial = builtin({
  name: "fetchMercurial",
  global: "name",
  params: [any("args")],
  doc: "Fetches a commit of a Mercurial repository into the store: not possible here.",
  run(args) {
    if (args instanceof AttrSet && !args.has("url")) refuse("'url' argument required")
    return refuse("fetching Mercurial repositories is not supported")
  },
})
