/**
 * The derivations in a value, as C++ Nix finds them (libexpr/get-drvs.cc): the value itself; those in a set, in the order of
 * their names; in sets of that one which ask for it with `recurseForDerivations = true`; and in lists. What it finds are
 * sets; asking them where their derivations are is another step, so that nothing is built for one that fails later.
 */
import { AttrSet, autoCall, coerceToString, ContextBuilder, Failure, NixPath } from "@tvix-ts/eval"
import type { AutoArguments, Forced, Position, Value } from "@tvix-ts/eval"
import { asFailure, bytesOfString, fail, isList, isStorePath, isString, type Task } from "@tvix-ts/eval/builtins"
import { DERIVATION_SUFFIX, STORE_DIR } from "@tvix-ts/nix-compat"
import { BOOLEAN, forceAs, PLAIN_STRING } from "./force.ts"
import { refuse } from "./problems.ts"

export interface FoundDerivation {
  /** Names, and numbers of list elements, that lead to it. */
  readonly attrPath: readonly string[]
  readonly name: string
  readonly attributes: AttrSet
}

export interface FindOptions {
  /** For functions on the way. */
  readonly args: AutoArguments
  /** Called with the path of whatever is evaluated next. */
  readonly onAttribute?: (path: readonly string[]) => void
}

/** C++ Nix goes as deep as `max-call-depth` says, which is this unless somebody changes it. */
const DEPTH_MAX = 10_000

/** A task whose result is the derivations in `root`; the same set twice counts once. @throws {Failure} */
export function findDerivations(root: Value, options: FindOptions): Task<readonly FoundDerivation[]> {
  return new Search(options).all(root)
}

class Search {
  readonly #options: FindOptions
  readonly #found: FoundDerivation[] = []
  readonly #seen = new Set<AttrSet>()

  constructor(options: FindOptions) {
    this.#options = options
  }

  *all(root: Value): Task<readonly FoundDerivation[]> {
    yield this.#inside(root, [], 0)
    return this.#found
  }

  /** Tasks of this kind are yielded, not joined: the nesting is the program's. */
  *#inside(value: Value, path: readonly string[], depth: number): Task<null> {
    if (depth > DEPTH_MAX) fail({ code: "stack-overflow" })
    const called = (yield autoCall((yield value) as Forced, this.#options.args)) as Forced
    if (yield* this.#take(called, path)) return null
    if (called instanceof AttrSet) yield* this.#insideSet(called, path, depth)
    else if (isList(called)) yield* this.#insideList(called, path, depth)
    else refuse("expression does not evaluate to a derivation (or a set or list of those)")
    return null
  }

  *#insideSet(set: AttrSet, path: readonly string[], depth: number): Task<null> {
    // Of channels, all that is in them is meant.
    const everything = set.has("_combineChannels")
    for (const name of set.sortedNames()) {
      if (!isPathComponent(name)) continue
      const value = set.get(name)!
      const inner = [...path, name]
      try {
        this.#options.onAttribute?.(inner)
        if (everything) yield this.#inside(value, inner, depth + 1)
        else if (!(yield* this.#take(value, inner))) {
          const forced = (yield value) as Forced
          if (forced instanceof AttrSet && (yield* wantsMore(forced))) yield this.#inside(forced, inner, depth + 1)
        }
      } catch (problem) {
        throw asFailure(problem).traced(set.position(name), `while evaluating the attribute '${name}'`)
      }
    }
    return null
  }

  *#insideList(list: readonly Value[], path: readonly string[], depth: number): Task<null> {
    for (const [i, element] of list.entries()) {
      const inner = [...path, String(i)]
      this.#options.onAttribute?.(inner)
      if (!(yield* this.#take(element, inner))) yield this.#inside(element, inner, depth + 1)
    }
    return null
  }

  /** Whether `value` is a derivation, which is then noted unless it is already. */
  *#take(value: Value, attrPath: readonly string[]): Task<boolean> {
    const forced = (yield value) as Forced
    if (!(forced instanceof AttrSet) || !(yield* isDerivation(forced))) return false
    if (this.#seen.has(forced)) return true
    this.#seen.add(forced)
    const name = forced.get("name") ?? refuse("derivation name missing")
    const doing = "while evaluating the 'name' attribute of a derivation"
    this.#found.push({ attrPath, name: yield* forceAs(name, PLAIN_STRING, doing), attributes: forced })
    return true
  }
}

/** Any other name is passed over. */
function isPathComponent(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_+-]*$/.test(name)
}

function* isDerivation(set: AttrSet): Task<boolean> {
  const type = set.get("type")
  if (type === undefined) return false
  const forced = (yield type) as Forced
  return isString(forced) && bytesOfString(forced) === "derivation"
}

function* wantsMore(set: AttrSet): Task<boolean> {
  const value = set.get("recurseForDerivations")
  if (value === undefined) return false
  const doing = "while evaluating the attribute `recurseForDerivations`"
  return yield* forceAs(value, BOOLEAN, doing, set.position("recurseForDerivations"))
}

/** A task whose result is the store path of the derivation's file, which is evaluated for it. @throws {Failure} */
export function* drvPathOf({ attributes }: FoundDerivation): Task<string> {
  const value = attributes.get("drvPath") ?? refuse("derivation does not contain a 'drvPath' attribute")
  const at = attributes.position("drvPath")
  const doing = "while evaluating the 'drvPath' attribute of a derivation"
  const path = yield* storePathOf(value, at, doing)
  if (path.endsWith(DERIVATION_SUFFIX)) return path
  return failAt(`store path '${path.slice(STORE_DIR.length + 1)}' is not a valid derivation path`, at, doing)
}

/** A task whose result is the output that the set stands for. @throws {Failure} */
export function* outputNameOf({ attributes }: FoundDerivation, drvPath: string): Task<string> {
  const value = attributes.get("outputName")
  const doing = "while evaluating the output name of a derivation"
  const name = value === undefined ? "" : yield* forceAs(value, PLAIN_STRING, doing)
  return name === "" ? refuse(`derivation '${drvPath}' lacks an 'outputName' attribute`) : name
}

function* storePathOf(value: Value, at: Position, doing: string): Task<string> {
  let forced = (yield value) as Forced
  while (forced instanceof AttrSet && !forced.has("__toString")) {
    const outPath = forced.get("outPath")
    if (outPath === undefined) break
    forced = (yield outPath) as Forced
  }
  const hasText =
    isString(forced) || forced instanceof NixPath || (forced instanceof AttrSet && forced.has("__toString"))
  if (!hasText) return traced(new Failure({ code: "cannot-coerce", found: forced }), at, doing)
  const coercion = { context: doing, more: false, copyToStore: false }
  const path = (yield coerceToString(forced, coercion, new ContextBuilder(), at)) as string
  return isStorePath(path, STORE_DIR) ? path : failAt(`path '${path}' is not in the Nix store`, at, doing)
}

function failAt(message: string, at: Position, doing: string): never {
  return traced(new Failure({ code: "invalid-argument", message }), at, doing)
}
function traced(failure: Failure, at: Position, doing: string): never {
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  throw failure.traced(at, doing)
}
