/** Builtins that look at files, through {@link EvalIO}. */
import { AttrSet } from "../attrs.ts"
import { coerceToPath, coerceToString, ContextBuilder } from "../coerce.ts"
import { corePath, isCorePath } from "../core-files.ts"
import { fail, Failure, type EvalProblem } from "../problem.ts"
import { elementsOf } from "../string-context.ts"
import { canonPath } from "../text/canon-path.ts"
import { makeString, NixPath, NixString, Thunk, type Forced, type StringContext, type Value } from "../value.ts"
import { forceFile, type Evaluation } from "../evaluation.ts"
import type { DerivationOutputName, FileType } from "../io.ts"
import type { Result } from "../vm/code.ts"
import { asFailure, runTask, vm, type Task } from "../vm/machine.ts"
import { any, builtin, lazy, list, plainString, refersToStore } from "./define.ts"
import { REALISING, withPath } from "./native.ts"

export const fileBuiltins = [
  builtin({
    name: "import",
    global: "name",
    params: [lazy("path")],
    doc: "The value of the Nix file at `path`, or of `default.nix` in it if it is a directory. Each file is evaluated once.",
    native: (value) => withPath(value, importPath),
  }),
  builtin({
    name: "scopedImport",
    global: "name",
    params: [lazy("scope"), lazy("path")],
    doc: "As `import`, with the attributes of `scope` as further variables of the file, which is evaluated anew each time.",
    *run(scope, path) {
      const file = yield* pathOf(this, path)
      const set = (scope instanceof Thunk ? yield scope : scope) as Forced
      if (!(set instanceof AttrSet)) {
        throw refused("a set", set, "while evaluating the first argument passed to builtins.scopedImport")
      }
      return yield* this.importScoped(file, new Map([...set.entries()].map(([name, value]) => [name, value])))
    },
  }),
  builtin({
    name: "findFile",
    params: [list("search-path"), lazy("lookup-path")],
    doc: 'The first file that `lookup-path` names in a search path, a list of sets with `path` and perhaps a `prefix` that `lookup-path` must start with. `<x>` is `findFile builtins.nixPath "x"`.',
    *run(entries, name) {
      const searchPath: SearchPathEntry[] = []
      for (const entry of entries) searchPath.push(yield* searchPathEntry(entry))
      const wanted = yield* plainText(name, "while evaluating the second argument passed to builtins.findFile")
      return (yield* findFile(this, searchPath, wanted)) ?? fail(notFound(this, wanted))
    },
  }),
  builtin({
    name: "pathExists",
    params: [any("path")],
    doc: "Whether there is something at `path`; for a string that ends in a slash, whether there is a directory.",
    *run(value) {
      const text = value instanceof NixString ? value.bytes : value
      const mustBeDirectory = typeof text === "string" && (text.endsWith("/") || text.endsWith("/."))
      const path = yield* pathOf(this, value)
      try {
        if (!mustBeDirectory) return (yield* fileType(this, path)) !== undefined
        const real = yield* this.ask(() => this.io.realPath(path))
        return (yield* fileType(this, real)) === "directory"
      } catch (problem) {
        if (problem instanceof Failure && problem.problem.code === "access-forbidden") return false
        throw problem
      }
    },
  }),
  builtin({
    name: "readFile",
    params: [lazy("path")],
    doc: "The contents of the file at `path`, which must not have NUL bytes in it.",
    *run(value) {
      const path = yield* pathOf(this, value)
      const contents = yield* this.ask(() => this.io.readFile(path))
      if (contents.includes("\0")) {
        fail({
          code: "invalid-argument",
          message: `the contents of the file '${path}' cannot be represented as a Nix string`,
        })
      }
      return yield* withReferences(this, contents, path)
    },
  }),
  builtin({
    name: "readDir",
    params: [lazy("path")],
    doc: 'What is in the directory at `path`: each name with its type, "regular", "directory", "symlink" or "unknown".',
    native: (value) => withPath(value, readDir),
  }),
  builtin({
    name: "readFileType",
    params: [lazy("p")],
    doc: 'The type of what is at `path`, a symbolic link not followed: "regular", "directory", "symlink" or "unknown".',
    *run(value) {
      const path = yield* pathOf(this, value)
      return (yield* fileType(this, path)) ?? fail({ code: "file-not-found", path })
    },
  }),
  builtin({
    name: "getEnv",
    params: [plainString("s")],
    doc: "The environment variable `s`; the empty string if it is not set, or if programs may not know.",
    run(name) {
      return this.options.pure === true ? "" : this.io.getEnv(name)
    },
  }),
]

/** What a file is known by if it was asked for before, "" if it cannot be known. What is not canonical is not found. */
function knownAs(path: Forced): string {
  if (path instanceof NixPath) return path.path
  return typeof path === "string" && path.startsWith("/") ? path : ""
}
function importPath(path: Forced): Result {
  const file = vm.evaluation.imported(knownAs(path))
  return file === undefined ? runTask(importAnew(vm.evaluation, path)) : forceFile(file)
}
function* importAnew(evaluation: Evaluation, path: Forced): Task {
  return yield* evaluation.importFile(yield* pathOf(evaluation, path))
}

function readDir(path: Forced): Result {
  return vm.evaluation.listed(knownAs(path)) ?? runTask(readDirAnew(vm.evaluation, path))
}
function* readDirAnew(evaluation: Evaluation, path: Forced): Task {
  return yield* evaluation.readDir(yield* pathOf(evaluation, path))
}
function* pathOf(evaluation: Evaluation, value: Value): Task<string> {
  if (value instanceof NixPath) return value.path
  const into = new ContextBuilder()
  const path = yield* coerceToPath(value, REALISING, into)
  if (!into.isEmpty) yield* realise(evaluation, into.context)
  return path.startsWith("/") || isCorePath(path) ? path : fail({ code: "file-not-found", path })
}

/** Outputs of derivations are built before anybody looks into them. */
function* realise(evaluation: Evaluation, context: StringContext): Task<void> {
  const { io } = evaluation
  if (io.realise === undefined) return
  const outputs: DerivationOutputName[] = []
  for (const element of elementsOf(context)) {
    if (element.kind === "built") outputs.push({ derivation: element.path, output: element.output })
  }
  if (outputs.length > 0) yield* evaluation.ask(() => io.realise!(outputs))
}

/** Digits before the dash of a store path. */
const STORE_DIGEST_LENGTH = 32

/** What is read from a store object refers to what that object refers to, as far as it is in this file. */
function* withReferences(evaluation: Evaluation, contents: string, path: string): Task<string | NixString> {
  const { io } = evaluation
  if (io.references === undefined) return contents
  const context = new Set<string>()
  for (const reference of yield* evaluation.ask(() => io.references!(path))) {
    const base = reference.slice(reference.lastIndexOf("/") + 1)
    if (contents.includes(base.slice(0, STORE_DIGEST_LENGTH))) context.add(reference)
  }
  return makeString(contents, context)
}
function* fileType(evaluation: Evaluation, path: string): Task<FileType | undefined> {
  return yield* evaluation.ask(() => evaluation.io.fileType(path))
}
function refused(expected: string, found: Forced, doing: string): Failure {
  return new Failure({ code: "type-error", expected, found }).traced(0, doing)
}
function* plainText(value: Value, doing: string): Task<string> {
  try {
    const text = (yield value) as Forced
    if (typeof text === "string") return text
    throw new Failure(
      text instanceof NixString ? refersToStore(text) : { code: "type-error", expected: "a string", found: text },
    )
  } catch (problem) {
    throw asFailure(problem).traced(0, doing)
  }
}

// ---------------------------------------------------------------------------------------------- search path

interface SearchPathEntry {
  readonly prefix: string
  readonly path: string
}

function* searchPathEntry(value: Value): Task<SearchPathEntry> {
  const entry = (value instanceof Thunk ? yield value : value) as Forced
  if (!(entry instanceof AttrSet)) {
    throw refused("a set", entry, "while evaluating an element of the list passed to builtins.findFile")
  }
  const attribute = (name: string): string =>
    `while evaluating the \`${name}\` attribute of an element of the list passed to builtins.findFile`
  const prefix = entry.get("prefix")
  const prefixText = prefix === undefined ? "" : yield* plainText(prefix, attribute("prefix"))
  const path = entry.get("path")
  if (path === undefined) {
    throw new Failure({ code: "attribute-missing", name: "path", known: [] }).traced(
      0,
      "in an element of the __nixPath",
    )
  }
  const coercion = { context: attribute("path"), more: false, copyToStore: false }
  return { prefix: prefixText, path: (yield coerceToString(path, coercion, new ContextBuilder())) as string }
}

/** What is left of `name` after `prefix`; undefined if it does not start with that. */
function afterPrefix(name: string, prefix: string): string | undefined {
  if (!name.startsWith(prefix)) return undefined
  if (prefix === "" || prefix.length === name.length) return name.slice(prefix.length)
  return name[prefix.length] === "/" ? name.slice(prefix.length + 1) : undefined
}

function* findFile(
  evaluation: Evaluation,
  entries: readonly SearchPathEntry[],
  name: string,
): Task<NixPath | undefined> {
  for (const { prefix, path: written } of entries) {
    const rest = afterPrefix(name, prefix)
    if (rest === undefined) continue
    const path = isAddress(written) ? yield* fetchedEntry(evaluation, written) : written
    if (path === undefined) continue
    // `..` in what is looked up does not lead out of the entry.
    const joined = rest === "" ? path : `${path}${canonPath(rest)}`
    // A relative entry means what it means to whoever gave it: I/O knows where that is.
    const file = path.startsWith("/") ? canonPath(joined) : joined
    const real = yield* evaluation.ask(() => evaluation.io.realPath(file))
    if ((yield* fileType(evaluation, real)) !== undefined) return new NixPath(real)
    if (!told(evaluation).has(path)) yield* tellIfMissing(evaluation, path)
  }
  return name.startsWith("nix/") ? new NixPath(corePath(name)) : undefined
}

/** Whether an entry of a search path is not of this machine (libexpr/eval-settings.cc). */
function isAddress(path: string): boolean {
  return /^(?:channel:|(?:https?|file|channel|git|s3|ssh):\/\/)/.test(path)
}

/** Where the archives are that entries of search paths name; undefined if they could not be had. */
const FETCHED = new WeakMap<Evaluation, Map<string, string | undefined>>()
function* fetchedEntry(evaluation: Evaluation, address: string): Task<string | undefined> {
  let fetched = FETCHED.get(evaluation)
  if (fetched === undefined) FETCHED.set(evaluation, (fetched = new Map()))
  const { fetchArchive } = evaluation.options
  if (!fetched.has(address)) {
    fetched.set(address, undefined)
    // Without a name or password, which some addresses have.
    const shown = address.replace(/:\/\/[^/?#]*@/, "://")
    const ignoring = `Nix search path entry '${shown}' cannot be downloaded, ignoring`
    if (fetchArchive === undefined) evaluation.say("notice", ignoring)
    else {
      try {
        fetched.set(address, yield* evaluation.ask(() => fetchArchive(address)))
      } catch (problem) {
        if (!(problem instanceof Failure) || problem.problem.code !== "io") throw problem
        evaluation.say("notice", `${ignoring} (${problem.problem.message})`)
      }
    }
  }
  return fetched.get(address)
}

/** Entries of search paths that were looked at in vain; each is complained of once. */
const TOLD = new WeakMap<Evaluation, Set<string>>()
function told(evaluation: Evaluation): Set<string> {
  let entries = TOLD.get(evaluation)
  if (entries === undefined) TOLD.set(evaluation, (entries = new Set()))
  return entries
}
function* tellIfMissing(evaluation: Evaluation, path: string): Task<void> {
  told(evaluation).add(path)
  const real = yield* evaluation.ask(() => evaluation.io.realPath(path))
  if ((yield* fileType(evaluation, real)) === undefined) {
    evaluation.say("notice", `Nix search path entry '${path}' does not exist, ignoring`)
  }
}

function notFound({ options }: Evaluation, name: string): EvalProblem {
  return { code: "search-path-missing", name, pure: options.pure === true }
}
