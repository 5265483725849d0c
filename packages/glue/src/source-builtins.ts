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
import type { Hash } from "@tvix-ts/hash"
import { BOOLEAN, forceAs, FUNCTION, PLAIN_STRING } from "./force.ts"
import { promisedHash } from "./hashes.ts"
import { checked, refuse } from "./problems.ts"
import type { Ask } from "./at-once.ts"
import { addSource, pathOf, sourceName } from "./source.ts"
import type { Filter } from "./source-listing.ts"
import { isBelowStore, objectOf } from "./store-files.ts"
import type { EvaluationStore } from "./store.ts"

interface Wanted {
  readonly path: string
  /** What the string that names the path refers to. */
  readonly context: ContextBuilder
  readonly name: string
  readonly filter?: Value
  readonly method: "nar" | "flat"
  /** What somebody says that it is. */
  readonly expected?: Hash
}

export function filterSource(store: EvaluationStore) {
  return builtin({
    name: "filterSource",
    params: [lazy("predicate"), lazy("path")],
    doc: "Copies what a predicate, called with path and type, admits of a file tree to the store.",
    *run(predicate, value) {
      const doing = "while evaluating the second argument (the path to filter) passed to 'builtins.filterSource'"
      const context = new ContextBuilder()
      const path = (yield coerceToPath(value, doing, context)) as string
      const filter = yield* forceAs(
        predicate,
        FUNCTION,
        "while evaluating the first argument passed to builtins.filterSource",
      )
      return yield* add(this, store, { path, context, name: sourceName(path), filter, method: "nar" })
    },
  })
}

export function path(store: EvaluationStore) {
  return builtin({
    name: "path",
    params: [attrs("args", "while evaluating the argument passed to 'builtins.path'")],
    doc: "Copies a file tree to the store: `path { path = ./src; filter = …; name = …; }`.",
    *run(args) {
      return yield* add(this, store, yield* wantedOf(this, args))
    },
  })
}

function* wantedOf(evaluation: Evaluation, args: AttrSet): Task<Wanted> {
  let path: string | undefined
  const context = new ContextBuilder()
  let name = ""
  let filter: Value | undefined
  let method: Wanted["method"] = "nar"
  let expected: Hash | undefined
  for (const [key, value, at] of args.entries()) {
    const doing = `while evaluating the \`${key}\` attribute passed to builtins.path`
    switch (key) {
      case "path": {
        const coercing = "while evaluating the 'path' attribute passed to 'builtins.path'"
        path = (yield coerceToPath(value, coercing, context, at)) as string
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
    context,
    name: name === "" ? sourceName(path) : name,
    method,
    ...(filter !== undefined && { filter }),
    ...(expected !== undefined && { expected }),
  }
}

function* add(evaluation: Evaluation, store: EvaluationStore, wanted: Wanted): Task<NixString> {
  const { path, context, name, filter, method, expected } = wanted
  const { io } = evaluation
  const ask: Ask = (question) => evaluation.ask(question)
  try {
    // What is copied from the store, and is known to be from there, is said to refer to all that its origin refers to.
    const isStored = isBelowStore(path) && !context.isEmpty
    const references = isStored ? [...((yield* ask(() => store.references(objectOf(path)))) ?? [])] : []
    const promised = expected && checked(() => pathOf(name, { method, hash: expected }, references))
    const isThere = promised !== undefined && store.writes && (yield* ask(() => store.isValid(promised)))
    if (isThere) return pathString(promised)
    const real = yield* ask(() => io.realPath(path))
    const admits: Filter | undefined =
      filter === undefined ? undefined : (file, type) => filterResult(filter, file, type)
    const added = yield* addSource(ask, io, store, {
      real,
      name,
      method,
      references,
      ...(admits !== undefined && { filter: admits }),
      ...(promised !== undefined && {
        check(found) {
          if (found !== promised) refuse(`store path mismatch in (possibly filtered) path added from '${path}'`)
        },
      }),
    })
    return pathString(added)
  } catch (problem) {
    throw asFailure(problem).traced(0, `while adding path '${path}'`)
  }
}

function pathString(path: string): NixString {
  return makeString(path, new Set([path])) as NixString
}

function* filterResult(filter: Value, file: string, type: FileType): Task<boolean> {
  const result = (yield call((yield call(filter, file)) as Forced, type)) as Forced
  return yield* forceAs(result, BOOLEAN, "while evaluating the return value of the path filter function")
}
