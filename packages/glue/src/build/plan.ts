/** What {@link realise} would do. All paths are byte strings. */
import { derivationOptions, formatStorePath, parseStorePath, type Derivation } from "@tvix-ts/nix-compat"
import type { PathDescription, Store } from "@tvix-ts/store"
import { outputPaths } from "./output-paths.ts"
import { RealiseError } from "./problem.ts"
import type { RealiseOptions, Wanted } from "./realise.ts"

export interface RealisePlan {
  /** Derivations that would be built, each after those that it needs. */
  readonly builds: readonly string[]
  /** What would be copied from substituters. */
  readonly fetches: readonly PathDescription[]
}

/**
 * @param paths others that have to be there; they are not built
 * @throws {RealiseError} if it is sure to fail
 */
export async function planRealise(
  wanted: readonly Wanted[],
  options: Pick<RealiseOptions, "store" | "substituters" | "readDerivation" | "signal">,
  paths: readonly string[] = [],
): Promise<RealisePlan> {
  const planner = new Planner(options)
  for (const path of paths) await planner.addSource(path)
  for (const { derivation, outputs } of wanted) await planner.add(derivation, outputs)
  return { builds: [...planner.builds], fetches: [...planner.fetches.values()] }
}

class Planner {
  readonly builds = new Set<string>()
  readonly fetches = new Map<string, PathDescription>()
  readonly #options: Parameters<typeof planRealise>[1]
  /** Derivations and output names that are done. */
  readonly #done = new Set<string>()
  readonly #there = new Map<string, boolean>()

  constructor(options: Parameters<typeof planRealise>[1]) {
    this.#options = options
  }

  /** Derivations are looked at with a stack of our own: nothing bounds how many need each other. */
  async add(derivation: string, outputs: Wanted["outputs"]): Promise<void> {
    const stack: { readonly path: string; readonly needs: (readonly [string, ReadonlySet<string>])[] }[] = []
    const open = async (path: string, names: Wanted["outputs"]): Promise<void> => {
      const needs = await this.#needs(path, names)
      if (needs !== undefined) stack.push({ path, needs: [...needs] })
    }
    await open(derivation, outputs)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.needs.pop()
      if (next !== undefined) await open(...next)
      else this.builds.add(stack.pop()!.path)
    }
  }

  async addSource(path: string): Promise<void> {
    if ((await this.#isThere(path)) || (await this.#fetchAll([path]))) return
    throw new RealiseError({ code: "path-missing", path })
  }

  /** What is needed to build it; undefined if it need not be. */
  async #needs(path: string, names: Wanted["outputs"]): Promise<Derivation["inputDerivations"] | undefined> {
    const key = `${path} ${names === "all" ? names : [...names].sort().join(" ")}`
    if (this.builds.has(path) || this.#done.has(key)) return undefined
    this.#done.add(key)
    const { readDerivation, signal } = this.#options
    signal?.throwIfAborted()
    const derivation = await readDerivation(path)
    if (derivation === undefined) throw new RealiseError({ code: "derivation-missing", path })
    const missing: string[] = []
    for (const output of outputPaths(path, derivation, names).values()) {
      if (!(await this.#isThere(output))) missing.push(output)
    }
    if (missing.length === 0) return undefined
    const { allowSubstitutes } = derivationOptions(derivation)
    if (allowSubstitutes && (await this.#fetchAll(missing))) return undefined
    for (const source of derivation.inputSources) await this.addSource(source)
    return derivation.inputDerivations
  }

  async #isThere(path: string): Promise<boolean> {
    const known = this.#there.get(path)
    if (known !== undefined) return known
    const { digest } = parseStorePath(path)
    const found = (await this.#options.store.pathInfos.describe(digest, this.#callOptions)) !== undefined
    this.#there.set(path, found)
    return found
  }

  /** Whether one substituter or another has all of `paths`; what these refer to and is not here is fetched, too. */
  async #fetchAll(paths: readonly string[]): Promise<boolean> {
    const found = new Map<string, PathDescription>()
    for (const path of paths) {
      for (const substituter of this.#options.substituters) {
        if (await this.#closure(path, substituter, found)) break
      }
      if (!found.has(path) && !this.fetches.has(path)) return false
    }
    for (const [path, description] of found) this.fetches.set(path, description)
    return true
  }

  async #closure(path: string, { pathInfos }: Store, found: Map<string, PathDescription>): Promise<boolean> {
    const asked = [path]
    for (const each of asked) {
      if (found.has(each) || this.fetches.has(each) || (each !== path && (await this.#isThere(each)))) continue
      const description = await pathInfos.describe(parseStorePath(each).digest, this.#callOptions)
      if (description === undefined) return false
      found.set(each, description)
      for (const reference of description.references) asked.push(formatStorePath(reference))
    }
    return true
  }

  get #callOptions(): { signal?: AbortSignal } {
    const { signal } = this.#options
    return signal === undefined ? {} : { signal }
  }
}
