/**
 * Makes outputs of derivations be in a store: those that are there are left alone, those that a cache has are copied, and
 * the rest is built, whatever is needed first. All paths are byte strings.
 */
import {
  BuildError,
  withinLimits,
  type BuildOptions,
  type BuildOutput,
  type BuildRequest,
  type BuildService,
  type Limited,
} from "@tvix-ts/build"
import { treeDifferences, type TreeDifference } from "@tvix-ts/castore"
import {
  derivationOptions,
  formatStorePath,
  parseStorePath,
  requiredSystemFeatures,
  STORE_DIR,
  type Derivation,
  type DerivationOptions,
  type SecretKey,
} from "@tvix-ts/nix-compat"
import { signedBy, type PathInfo, type Store } from "@tvix-ts/store"
import { buildInputs, exportedGraphs } from "./inputs.ts"
import { LogTail } from "./log-tail.ts"
import { outputPaths } from "./output-paths.ts"
import { describeOutputs } from "./outputs.ts"
import { RealiseError } from "./problem.ts"
import { buildRequest } from "./request.ts"
import { Semaphore } from "./semaphore.ts"
import { substitute } from "./substitute.ts"

/** Outputs of one derivation. */
export interface Wanted {
  /** Its path. */
  readonly derivation: string
  readonly outputs: ReadonlySet<string> | "all"
}

/** Makes one output at a time, whichever process asks. */
export interface Locks {
  /**
   * Waits until nobody else has it. The result gives it back.
   *
   * @param onWait called once if somebody has it
   */
  acquire(path: string, signal: AbortSignal, onWait: () => void): Promise<() => void>
}

export interface BuiltinContext extends Limited {
  /** Of the derivation. */
  readonly path: string
  readonly store: Store
  /** Store path of what is to be made. */
  readonly out: string
}

/** Builds what is not a program: `builtin:fetchurl` and its kin. The result is the output `out`. */
export type BuiltinBuilder = (
  derivation: Derivation,
  request: BuildRequest,
  context: BuiltinContext,
) => Promise<Omit<BuildOutput, "path">>

export interface RealiseOptions {
  readonly store: Store
  /** @throws if there is none at the path */
  readonly readDerivation: (path: string) => Promise<Derivation | undefined>
  readonly builder: BuildService
  /** By name, `builtin:` included. */
  readonly builtins: ReadonlyMap<string, BuiltinBuilder>
  /** In the order in which they are asked. */
  readonly substituters: readonly Store[]
  readonly locks: Locks
  /** Builds at once. With none, only what prefers to be built where it is asked for is built, as in C++ Nix. */
  readonly jobs: number
  /** Processors that a build may use. */
  readonly cores: number
  /** Whether to go on with what does not need what failed. */
  readonly keepGoing: boolean
  /** Whether what is wanted is there already and is built again, to see whether the same comes out. */
  readonly check: boolean
  /** Kinds of machine that the builder is. */
  readonly systems: readonly string[]
  readonly features: readonly string[]
  /** What signs what is built. */
  readonly keys: readonly SecretKey[]
  /** Whether the builder has no sandbox, so that derivations may ask for none. Default: it has. */
  readonly unsandboxed?: boolean
  /** The environment of this process, for downloads. */
  readonly impure: (name: string) => string | undefined
  /** Milliseconds, and bytes; see {@link BuildService}. */
  readonly timeoutMs?: number
  readonly silenceMs?: number
  readonly logBytesMax?: number
  /** Takes the folder of a build that has failed somewhere else, and says where: absolute paths. */
  readonly keepFailed?: (derivation: string, folder: string) => string
  readonly onEvent?: (event: RealiseEvent) => void
  readonly signal?: AbortSignal
}

/** What happens, as it happens. */
export type RealiseEvent =
  /** Nobody has it. It is built when its inputs are there, paths of derivations of which some may be there already. */
  | { readonly kind: "build-planned"; readonly derivation: string; readonly inputs: readonly string[] }
  /** Nothing keeps it from being built but that others are. */
  | { readonly kind: "build-waiting"; readonly derivation: string }
  /** Another process builds it. */
  | { readonly kind: "build-elsewhere"; readonly derivation: string }
  | { readonly kind: "build-started"; readonly derivation: string }
  /** It need not be built any more: another process has. */
  | { readonly kind: "build-found"; readonly derivation: string }
  | { readonly kind: "build-log"; readonly derivation: string; readonly bytes: Uint8Array }
  /** The builder says what it is at; among what it says, too, as a {@link NixMessage}. */
  | { readonly kind: "build-phase"; readonly derivation: string; readonly phase: string }
  | { readonly kind: "build-done"; readonly derivation: string; readonly outputs: readonly PathInfo[] }
  | { readonly kind: "build-failed"; readonly derivation: string; readonly error: unknown }
  /** It failed, and its folder is here now, an absolute path, to be looked at. */
  | { readonly kind: "build-kept"; readonly derivation: string; readonly folder: string }
  /** Since another one failed, or nobody wants it any more. */
  | { readonly kind: "build-cancelled"; readonly derivation: string }
  | { readonly kind: "fetch-started"; readonly path: string; readonly narSize: number }
  | { readonly kind: "fetch-done"; readonly path: string }
  /** A substituter could not be asked, or what it gave is not what it should be: others are asked, or it is built. */
  | { readonly kind: "fetch-failed"; readonly path: string; readonly error: Error }

/** Derivations and what became of them. */
export interface Realised {
  /** Store paths of the outputs that were wanted, by derivation and name. */
  readonly outputs: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Why derivations that were wanted are not there. */
  readonly failures: ReadonlyMap<string, unknown>
}

const FETCHES_AT_ONCE = 16
/** Of each output that is not what it was. */
const DIFFERENCES_MAX = 10
/** Lines of its log that a failure shows. */
const LOG_LINES = 25

interface Goal {
  outputs: ReadonlySet<string> | "all"
  made: Promise<ReadonlyMap<string, string>>
}

/** @throws the reason of the signal; everything else is told in the result */
export async function realise(wanted: readonly Wanted[], options: RealiseOptions): Promise<Realised> {
  const run = new Realiser(options)
  const settled = await Promise.allSettled(wanted.map((each) => run.want(each)))
  options.signal?.throwIfAborted()
  const outputs = new Map<string, ReadonlyMap<string, string>>()
  const failures = new Map<string, unknown>()
  for (const [i, result] of settled.entries()) {
    const { derivation } = wanted[i]!
    if (result.status === "rejected") failures.set(derivation, result.reason)
    else outputs.set(derivation, new Map([...(outputs.get(derivation) ?? []), ...result.value]))
  }
  return { outputs, failures }
}

class Realiser {
  readonly #options: RealiseOptions
  /** By derivation. What failed stays failed. */
  readonly #goals = new Map<string, Goal>()
  readonly #builds: Semaphore
  readonly #fetches = new Semaphore(FETCHES_AT_ONCE)
  /** By path, while it is being fetched. */
  readonly #fetching = new Map<string, Promise<boolean>>()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal

  constructor(options: RealiseOptions) {
    this.#options = options
    this.#builds = new Semaphore(Math.max(1, options.jobs))
    const { signal } = options
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
  }

  /** The store paths of the outputs, by name, once they are there and, if they are to be, checked. */
  want({ derivation, outputs }: Wanted): Promise<ReadonlyMap<string, string>> {
    return this.#options.check ? this.#check(derivation, outputs) : this.ensure(derivation, outputs)
  }

  /** The store paths of the outputs, by name, once they are there. */
  ensure(path: string, outputs: ReadonlySet<string> | "all"): Promise<ReadonlyMap<string, string>> {
    const goal = this.#goals.get(path)
    if (goal === undefined) {
      const made = this.#make(path, outputs)
      this.#goals.set(path, { outputs, made })
      return made
    }
    if (goal.outputs === "all" || (outputs !== "all" && outputs.isSubsetOf(goal.outputs))) return goal.made
    goal.outputs = outputs === "all" ? outputs : outputs.union(goal.outputs)
    const { outputs: all } = goal
    return (goal.made = goal.made.then(() => this.#make(path, all)))
  }

  #make(path: string, names: ReadonlySet<string> | "all"): Promise<ReadonlyMap<string, string>> {
    return this.#stoppingOthers(async () => {
      const { derivation, wanted } = await this.#read(path, names)
      if (!(await this.#areThere(wanted.values()))) await this.#substituteOrBuild(path, derivation, wanted)
      return wanted
    })
  }

  /** Builds once more what is there. @throws {RealiseError} `check-missing`, `not-deterministic` */
  #check(path: string, names: ReadonlySet<string> | "all"): Promise<ReadonlyMap<string, string>> {
    return this.#stoppingOthers(async () => {
      const { derivation, wanted } = await this.#read(path, names)
      // All of them are built.
      const { wanted: all } = await this.#read(path, "all")
      if (!(await this.#areThere(all.values()))) throw new RealiseError({ code: "check-missing", derivation: path })
      const compare = (built: readonly PathInfo[]): Promise<void> => this.#compare(path, built)
      await this.#buildInTurn(path, derivation, derivationOptions(derivation), async () => true, compare)
      return wanted
    })
  }

  async #read(
    path: string,
    names: ReadonlySet<string> | "all",
  ): Promise<{ readonly derivation: Derivation; readonly wanted: ReadonlyMap<string, string> }> {
    this.#signal.throwIfAborted()
    const derivation = await this.#options.readDerivation(path)
    if (derivation === undefined) throw new RealiseError({ code: "derivation-missing", path })
    return { derivation, wanted: outputPaths(path, derivation, names) }
  }

  async #stoppingOthers<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!this.#options.keepGoing) this.#stop.abort(error)
      throw error
    }
  }

  async #substituteOrBuild(path: string, derivation: Derivation, wanted: ReadonlyMap<string, string>): Promise<void> {
    const options = derivationOptions(derivation)
    if (options.allowSubstitutes && (await this.#substituteAll(wanted.values()))) return
    const isNeeded = async (): Promise<boolean> => !(await this.#areThere(wanted.values()))
    const { pathInfos } = this.#options.store
    const register = async (built: readonly PathInfo[]): Promise<void> => {
      await pathInfos.putMany(built, { signal: this.#signal })
    }
    await this.#buildInTurn(path, derivation, options, isNeeded, register)
  }

  /**
   * @param isNeeded asked once nobody else builds it
   * @param finish takes what was built
   */
  async #buildInTurn(
    path: string,
    derivation: Derivation,
    options: DerivationOptions,
    isNeeded: () => Promise<boolean>,
    finish: (built: readonly PathInfo[]) => Promise<void>,
  ): Promise<void> {
    this.#checkPlatform(path, derivation, options)
    if (this.#options.jobs === 0 && !options.preferLocalBuild) {
      throw new RealiseError({ code: "no-jobs", derivation: path })
    }
    this.#options.onEvent?.({
      kind: "build-planned",
      derivation: path,
      inputs: [...derivation.inputDerivations.keys()],
    })
    const inputs = await this.#makeInputs(path, derivation)
    const releases: (() => void)[] = []
    let isTold = false
    const onWait = (): void => {
      if (!isTold) this.#options.onEvent?.({ kind: "build-elsewhere", derivation: path })
      isTold = true
    }
    try {
      // In one order, so that nobody waits for somebody who waits for them.
      for (const output of [...outputPaths(path, derivation, "all").values()].sort()) {
        releases.push(await this.#options.locks.acquire(output, this.#signal, onWait))
      }
      if (!(await isNeeded())) {
        this.#options.onEvent?.({ kind: "build-found", derivation: path })
        return
      }
      this.#options.onEvent?.({ kind: "build-waiting", derivation: path })
      await this.#builds.run(this.#signal, () => this.#build(path, derivation, inputs, options, finish))
    } finally {
      for (const release of releases) release()
    }
  }

  #checkPlatform(path: string, derivation: Derivation, options: DerivationOptions): void {
    const { systems, features: own, builtins, unsandboxed = false } = this.#options
    const { system, builder } = derivation
    const refuse = (reason: string): never => {
      throw new RealiseError({ code: "unsupported", derivation: path, reason })
    }
    if (builder.startsWith("builtin:") && !builtins.has(builder)) refuse(`there is no '${builder}'`)
    if (!/^(?:\/|builtin:)/.test(builder)) refuse(`the path of its builder, '${builder}', is not absolute`)
    if (options.noChroot && !unsandboxed) refuse("it has '__noChroot' set, and here all is built in a sandbox")
    const features = [...requiredSystemFeatures(derivation, options)].sort()
    const isBuiltin = builder.startsWith("builtin:") || system === "builtin"
    if ((isBuiltin || systems.includes(system)) && features.every((feature) => own.includes(feature))) return
    throw new RealiseError({ code: "platform", derivation: path, system, features, own: { systems, features: own } })
  }

  /** @returns store paths of what it needs that is built, once everything is there */
  async #makeInputs(path: string, derivation: Derivation): Promise<readonly string[]> {
    const { inputDerivations, inputSources, dynamicInputs } = derivation
    if (dynamicInputs !== undefined) {
      throw new RealiseError({
        code: "unsupported",
        derivation: path,
        reason: "it needs what derivations build that are built themselves",
      })
    }
    const made = [...inputDerivations].map(async ([input, names]) => {
      const paths = await this.ensure(input, names)
      return [...names].map((name) => paths.get(name)!)
    })
    const there = [...inputSources].map((source) => this.#ensureSource(source))
    const settled = await Promise.allSettled([...made, ...there])
    const failed = settled.filter((result) => result.status === "rejected")
    if (failed.length === 0) return (await Promise.all(made)).flat()
    this.#options.signal?.throwIfAborted()
    throw new RealiseError(
      { code: "dependencies-failed", derivation: path, count: failed.length },
      { causes: failed.map(({ reason }) => reason as unknown) },
    )
  }

  async #ensureSource(path: string): Promise<void> {
    if ((await this.#areThere([path])) || (await this.#substituteAll([path]))) return
    throw new RealiseError({ code: "path-missing", path })
  }

  async #areThere(paths: Iterable<string>): Promise<boolean> {
    const { pathInfos } = this.#options.store
    for (const path of paths) {
      const options = { signal: this.#signal }
      if ((await pathInfos.get(parseStorePath(path).digest, options)) === undefined) return false
    }
    return true
  }

  // ------------------------------------------------------------------------------------------------ substituting

  async #substituteAll(paths: Iterable<string>): Promise<boolean> {
    if (this.#options.substituters.length === 0) return false
    const found = await Promise.all([...paths].map((path) => this.#substitute(path)))
    return found.every(Boolean)
  }

  #substitute(path: string): Promise<boolean> {
    let fetched = this.#fetching.get(path)
    if (fetched === undefined) {
      fetched = this.#fetches.run(this.#signal, () => this.#fetch(path)).finally(() => this.#fetching.delete(path))
      this.#fetching.set(path, fetched)
    }
    return fetched
  }

  #fetch(path: string): Promise<boolean> {
    const { substituters, store, onEvent } = this.#options
    return substitute(parseStorePath(path), { store, substituters, onEvent, signal: this.#signal })
  }

  // ------------------------------------------------------------------------------------------------ building

  async #build(
    path: string,
    derivation: Derivation,
    needed: readonly string[],
    options: DerivationOptions,
    finish: (built: readonly PathInfo[]) => Promise<void>,
  ): Promise<void> {
    const { onEvent } = this.#options
    const log = new LogTail(LOG_LINES, (phase) => onEvent?.({ kind: "build-phase", derivation: path, phase }))
    onEvent?.({ kind: "build-started", derivation: path })
    try {
      const outputs = await this.#outputsOf(path, derivation, needed, options, (bytes) => {
        log.add(bytes)
        onEvent?.({ kind: "build-log", derivation: path, bytes })
      })
      await finish(outputs)
      onEvent?.({ kind: "build-done", derivation: path, outputs })
    } catch (error) {
      if (this.#signal.aborted) {
        onEvent?.({ kind: "build-cancelled", derivation: path })
        throw this.#signal.reason
      }
      const told =
        error instanceof BuildError
          ? new RealiseError(
              {
                code: "build-failed",
                derivation: path,
                reason: error.message,
                isFixed: isFixed(derivation),
                log: log.end(),
              },
              { cause: error },
            )
          : error
      onEvent?.({ kind: "build-failed", derivation: path, error: told })
      throw told
    }
  }

  async #outputsOf(
    path: string,
    derivation: Derivation,
    needed: readonly string[],
    options: DerivationOptions,
    onLog: (bytes: Uint8Array) => void,
  ): Promise<readonly PathInfo[]> {
    const { store, builder, builtins, keys, cores, impure, timeoutMs, silenceMs, logBytesMax } = this.#options
    const { keepFailed, onEvent } = this.#options
    const signal = this.#signal
    const readDerivation = async (input: string): Promise<Derivation> => {
      const read = await this.#options.readDerivation(input)
      if (read === undefined) throw new RealiseError({ code: "derivation-missing", path: input })
      return read
    }
    const inputs = await buildInputs(derivation, needed, store, signal)
    const graphs = await exportedGraphs(derivation, options, inputs, store, readDerivation, signal)
    const request = buildRequest(derivation, options, inputs, { storeDir: STORE_DIR, cores, impure, graphs })
    const builtin = builtins.get(derivation.builder)
    const limits = {
      signal,
      onLog,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(silenceMs !== undefined && { silenceMs }),
      ...(logBytesMax !== undefined && { logBytesMax }),
      ...(keepFailed !== undefined && {
        onFailed: (folder: string) =>
          onEvent?.({ kind: "build-kept", derivation: path, folder: keepFailed(path, folder) }),
      }),
    }
    const outputs =
      builtin === undefined
        ? await builder.build(request, limits)
        : await buildInProcess(builtin, path, derivation, request, store, limits)
    const built = await describeOutputs({ path, derivation, options, inputs, request, outputs }, store, signal)
    const sign = async (one: PathInfo): Promise<PathInfo> => ({ ...one, signatures: await signedBy(keys, one) })
    return Promise.all(built.map(sign))
  }

  /** @throws {RealiseError} `not-deterministic` if something else was built than is there */
  async #compare(derivation: string, built: readonly PathInfo[]): Promise<void> {
    const { pathInfos, directories } = this.#options.store
    const options = { signal: this.#signal }
    const differing: { path: string; differences: readonly TreeDifference[] }[] = []
    for (const { storePath, node } of built) {
      const before = await pathInfos.get(storePath.digest, options)
      const path = formatStorePath(storePath)
      if (before === undefined) throw new RealiseError({ code: "check-missing", derivation })
      const differences: TreeDifference[] = []
      for await (const difference of treeDifferences(before.node, node, directories, options)) {
        differences.push(difference)
        if (differences.length === DIFFERENCES_MAX) break
      }
      if (differences.length > 0) differing.push({ path, differences })
    }
    if (differing.length > 0) throw new RealiseError({ code: "not-deterministic", derivation, differing })
  }
}

function isFixed({ outputs }: Derivation): boolean {
  return [...outputs.values()].some(({ kind }) => kind === "fixed")
}

async function buildInProcess(
  builtin: BuiltinBuilder,
  path: string,
  derivation: Derivation,
  request: BuildRequest,
  store: Store,
  limits: BuildOptions,
): Promise<readonly BuildOutput[]> {
  const out = outputPaths(path, derivation, new Set(["out"])).get("out")!
  const made = await withinLimits(limits, (limited) => builtin(derivation, request, { path, store, out, ...limited }))
  const missing = request.outputs.find((output) => `/${output}` !== out)
  if (missing !== undefined) throw new BuildError({ code: "output-missing", path: missing })
  return [{ path: out.slice(1), ...made }]
}
