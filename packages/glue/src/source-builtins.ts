/** `path` and `filterSource`: file trees added to the store, or parts of them. */
import type { AttrSet, Evaluation, FileType, Forced, NixString, Value } from "@tvix-ts/eval"
import {
  asFailure,
  attrs,
  builtin,
  call,
  coerceToPath,
  ContextBuilder,
  fail,
  lazy,
  makeString,
  type Task,
} from "@tvix-ts/eval/builtins"
import { fixedOutputPath, type HashMethod } from "@tvix-ts/nix-compat"
import type { Hash } from "@tvix-ts/hash"
import { BOOLEAN, forceAs, FUNCTION, PLAIN_STRING } from "./force.ts"
import { promisedHash } from "./hashes.ts"
import { checked, refuse } from "./problems.ts"
import { fileHash, narHash, sourceName, type Ask, type Filter } from "./source.ts"

interface Source {
  readonly path: string
  readonly name: string
  readonly filter?: Value
  readonly method: HashMethod
  /** What somebody says that it is. */
  readonly expected?: Hash
}

export const sourceBuiltins = [
  builtin({
    name: "filterSource",
    params: [lazy("predicate"), lazy("path")],
    doc: "Copies what a predicate, called with path and type, admits of a file tree to the store.",
    *run(predicate, value) {
      const doing = "while evaluating the second argument (the path to filter) passed to 'builtins.filterSource'"
      const path = (yield coerceToPath(value, doing, new ContextBuilder())) as string
      const filter = yield* forceAs(
        predicate,
        FUNCTION,
        "while evaluating the first argument passed to builtins.filterSource",
      )
      return yield* addSource(this, { path, name: sourceName(path), filter, method: "nar" })
    },
  }),
  builtin({
    name: "path",
    params: [attrs("args", "while evaluating the argument passed to 'builtins.path'")],
    doc: "Copies a file tree to the store: `path { path = ./src; filter = …; name = …; }`.",
    *run(args) {
      return yield* addSource(this, yield* sourceOf(this, args))
    },
  }),
]

function* sourceOf(evaluation: Evaluation, args: AttrSet): Task<Source> {
  let path: string | undefined
  let name = ""
  let filter: Value | undefined
  let method: HashMethod = "nar"
  let expected: Hash | undefined
  for (const [key, value, at] of args.entries()) {
    const doing = `while evaluating the \`${key}\` attribute passed to builtins.path`
    switch (key) {
      case "path": {
        const coercing = "while evaluating the 'path' attribute passed to 'builtins.path'"
        path = (yield coerceToPath(value, coercing, new ContextBuilder(), at)) as string
        break
      }
      case "name":
        name = yield* forceAs(value, PLAIN_STRING, doing, at)
        break
      case "filter":
        filter = yield* forceAs(value, FUNCTION, "while evaluating the `filter` parameter passed to builtins.path", at)
        break
      case "recursive":
        method = (yield* forceAs(value, BOOLEAN, doing, at)) ? "nar" : "flat"
        break
      case "sha256":
        expected = promisedHash(evaluation, yield* forceAs(value, PLAIN_STRING, doing, at), "sha256")
        break
      default:
        fail({ code: "invalid-argument", message: `unsupported argument '${key}' to 'builtins.path'` }, at)
    }
  }
  if (path === undefined) return refuse("missing required 'path' attribute in the first argument to 'builtins.path'")
  return {
    path,
    name: name === "" ? sourceName(path) : name,
    method,
    ...(filter !== undefined && { filter }),
    ...(expected !== undefined && { expected }),
  }
}

function* addSource(evaluation: Evaluation, { path, name, filter, method, expected }: Source): Task<NixString> {
  const { io } = evaluation
  try {
    const promised = expected && checked(() => fixedOutputPath(name, method, expected))
    const real = yield* evaluation.ask(() => io.realPath(path))
    const ask: Ask = (question) => evaluation.ask(question)
    const admits: Filter | undefined =
      filter === undefined ? undefined : (file, type) => filterResult(filter, file, type)
    const digest = yield* method === "nar" ? narHash(ask, io, real, admits) : fileHash(ask, io, real)
    const added = checked(() => fixedOutputPath(name, method, digest))
    if (promised !== undefined && added !== promised) {
      refuse(`store path mismatch in (possibly filtered) path added from '${path}'`)
    }
    return makeString(added, new Set([added])) as NixString
  } catch (problem) {
    throw asFailure(problem).traced(0, `while adding path '${path}'`)
  }
}

function* filterResult(filter: Value, file: string, type: FileType): Task<boolean> {
  const result = (yield call((yield call(filter, file)) as Forced, type)) as Forced
  return yield* forceAs(result, BOOLEAN, "while evaluating the return value of the path filter function")
}
