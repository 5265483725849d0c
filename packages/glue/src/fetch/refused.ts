/** Builtins of C++ Nix for what it calls experimental, or for tools that nobody has: they say so, in its words. */
import { AttrSet, NixPath, typeName, type Forced, type Value } from "@tvix-ts/eval"
import { any, builtin, isString, lazy, type Task } from "@tvix-ts/eval/builtins"
import { forceAs, PLAIN_STRING } from "../force.ts"
import { refuse, refuseExperimental } from "../problems.ts"

export const fetchTree = builtin({
  name: "fetchTree",
  global: "name",
  params: [any("input")],
  doc: "Fetches a file tree of any kind that flakes know into the store. Experimental in C++ Nix, and not offered here.",
  *run(input): Task<never> {
    if (input instanceof AttrSet) yield* checkInput(input)
    return refuseExperimental("fetch-tree")
  },
})

/** What is wrong with an input whatever kind it is of (libexpr/primops/fetchTree.cc). */
function* checkInput(input: AttrSet): Task<null> {
  const type = input.get("type")
  if (type === undefined) refuse("argument 'type' is missing in call to 'fetchTree'")
  const doing = "while evaluating the `type` argument passed to 'fetchTree'"
  yield* forceAs(type, PLAIN_STRING, doing, input.position("type"))
  for (const [name, value] of input.entries()) {
    if (name === "type") continue
    const forced = (yield value) as Forced
    if (isString(forced) || forced instanceof NixPath || typeof forced === "boolean") continue
    if (typeof forced !== "number" && typeof forced !== "bigint") {
      const wanted = "while a string, Boolean or integer is expected"
      refuse(`argument '${name}' to 'fetchTree' is ${typeName(forced)} ${wanted}`)
    }
    if (forced < 0) refuse(`negative value given for 'fetchTree' argument '${name}': ${forced}`)
  }
  return null
}

export const getFlake = builtin<readonly Value[]>({
  name: "getFlake",
  params: [lazy("ref")],
  doc: "Fetches a flake and evaluates its outputs. Experimental in C++ Nix, and not offered here.",
  run: () => refuseExperimental("flakes"),
})

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
