/** The library's front door: Nix source in, values for JavaScript programs out. */
import { byteStringFrom, byteStringOf, textOf } from "@tvix-ts/bytes"
import { SourceFile } from "@tvix-ts/syntax"
import type { Builtin } from "./builtins/builtin.ts"
import { makeGlobals } from "./builtins/globals.ts"
import { Evaluation, type MessageKind, type EvaluationOptions, type Limits } from "./evaluation.ts"
import type { EvalIO } from "./io.ts"
import { NixValue, SyncValue } from "./library/nix-value.ts"
import type { Runner } from "./library/runner.ts"
import { raise, scopeOf, toNix } from "./library/to-nix.ts"
import { Failure } from "./problem.ts"
import { parentPath } from "./text/canon-path.ts"
import type { UnitCache } from "./unit-cache.ts"
import type { Forced, Value } from "./value.ts"
import type { Task } from "./vm/machine.ts"

/** The world that evaluations share. All texts are JavaScript strings. */
export interface EvaluatorOptions {
  /** What programs may see of the world: nothing, unless given. Its paths and contents are byte strings. */
  readonly io?: EvalIO
  /** What `<name/…>` means: `{ nixpkgs: "/nixpkgs" }`. Under the name "" are directories to look into for any name. */
  readonly searchPath?: Readonly<Record<string, string>>
  /** What `~` stands for; without it, such paths are refused. */
  readonly home?: string
  /**
   * What all evaluations together may use, laziness included: a value's parts count when they are asked for. Memory is
   * that of the whole process or page, which only Node and Chromium tell.
   */
  readonly limits?: Limits
  /** No environment, no search path, no current time. */
  readonly pure?: boolean
  /** Whether `|>` and `<|` are operators. */
  readonly pipeOperators?: boolean
  /** Takes what `builtins.trace` and `builtins.warn` say. */
  readonly onMessage?: (kind: MessageKind, message: string) => void
  /** What `builtins.currentSystem` says. */
  readonly system?: string
  /**
   * Where what files were compiled to is kept from one evaluator to the next; it says when that is kept for good. Without,
   * every evaluator compiles for itself.
   */
  readonly unitCache?: UnitCache
  /** Builtins besides those of the language, or in place of those with the same names. */
  readonly builtins?: readonly Builtin[]
}

/** One piece of source. */
export interface SourceOptions {
  /** What messages call the source. If it is absolute, relative paths start from the directory it is in. */
  readonly path?: string
  /** Where relative paths start from. Default: the directory of `path`, else `/`. */
  readonly basePath?: string
  /** Further variables: anything that {@link toNix} takes. */
  readonly scope?: Readonly<Record<string, unknown>>
  /** Ends this evaluation, and those of the value's parts, with the problem `interrupted`. */
  readonly signal?: AbortSignal
}

export type EvaluateOptions = EvaluatorOptions & SourceOptions

/**
 * A world that several evaluations share: a file is read and evaluated once, and values of one may be given to
 * another. Asynchronous evaluations may be started at the same time; they run one after the other, except while one
 * waits for a function of the host.
 */
export class Evaluator {
  readonly evaluation: Evaluation
  /** Asynchronous runs begun and not ended: a synchronous one must not meet their work in progress. */
  #running = 0

  constructor(options: EvaluatorOptions = {}) {
    this.evaluation = new Evaluation(worldOf(options), makeGlobals)
  }

  /**
   * The value of `source`, evaluated as far as its type; with bytes, they need not be UTF-8.
   * @throws {EvalError}
   */
  async evaluate(source: string | Uint8Array, options: SourceOptions = {}): Promise<NixValue> {
    const runner = this.#runner(options.signal)
    return new NixValue(await runner.run(this.#load(source, options)), runner)
  }
  /** As {@link evaluate}, for programs that need not wait for anything. @throws {EvalError} */
  evaluateSync(source: string | Uint8Array, options: SourceOptions = {}): SyncValue {
    const runner = this.#runner(options.signal)
    return new SyncValue(runner.runSync(this.#load(source, options)), runner)
  }

  /** The value of the file at `path`, or of its `default.nix`, as `import` gives it. @throws {EvalError} */
  async import(path: string, options: Pick<SourceOptions, "signal"> = {}): Promise<NixValue> {
    const runner = this.#runner(options.signal)
    return new NixValue(await runner.run(this.evaluation.importFile(byteStringOf(path))), runner)
  }
  importSync(path: string): SyncValue {
    const runner = this.#runner(undefined)
    return new SyncValue(runner.runSync(this.evaluation.importFile(byteStringOf(path))), runner)
  }

  /** A task, so that problems of syntax come out where all others do. */
  *#load(source: string | Uint8Array, { path = "«string»", basePath, scope }: SourceOptions): Task<Forced> {
    const file = new SourceFile(
      byteStringOf(path),
      typeof source === "string" ? byteStringOf(source) : byteStringFrom(source),
    )
    const directory = path.startsWith("/") ? parentPath(file.path) : "/"
    const base = basePath === undefined ? directory : byteStringOf(basePath)
    return (yield this.evaluation.load(file, base, scope && scopeOf(scope))) as Forced
  }

  #runner(signal: AbortSignal | undefined): Runner {
    const { evaluation } = this
    return {
      evaluation,
      toNix,
      run: async <T = Forced>(start: Value | Task<T>): Promise<T> => {
        this.#running++
        try {
          return await evaluation.run(start, signal)
        } catch (problem) {
          return raise(problem, evaluation)
        } finally {
          this.#running--
        }
      },
      runSync: <T = Forced>(start: Value | Task<T>): T => {
        try {
          if (this.#running > 0) throw new Failure({ code: "not-synchronous" })
          if (signal?.aborted === true) throw new Failure({ code: "interrupted" })
          return evaluation.runSync(start)
        } catch (problem) {
          return raise(problem, evaluation)
        }
      },
    }
  }
}

/** The value of `source` in a world of its own. @throws {EvalError} */
export async function evaluate(source: string | Uint8Array, options: EvaluateOptions = {}): Promise<NixValue> {
  return new Evaluator(options).evaluate(source, options)
}
/** As {@link evaluate}, for programs that need not wait for anything. @throws {EvalError} */
export function evaluateSync(source: string | Uint8Array, options: EvaluateOptions = {}): SyncValue {
  return new Evaluator(options).evaluateSync(source, options)
}

function worldOf(options: EvaluatorOptions): EvaluationOptions {
  const { io, searchPath = {}, home, limits, pure, pipeOperators, onMessage, system, builtins, unitCache } = options
  return {
    ...(io && { io }),
    ...(builtins && { builtins }),
    ...(unitCache && { unitCache }),
    ...(limits && { limits: measurable(limits) }),
    ...(onMessage && { onMessage: (kind, message) => onMessage(kind, textOf(message)) }),
    ...(home !== undefined && { home: byteStringOf(home) }),
    ...(system !== undefined && { system: byteStringOf(system) }),
    pure: pure === true,
    pipeOperators: pipeOperators === true,
    searchPath: Object.entries(searchPath).map(([prefix, path]) => ({
      prefix: byteStringOf(prefix),
      path: byteStringOf(path),
    })),
  }
}

/** What Node and Chromium tell about the heap; declared here since portable code sees no host. */
interface Host {
  readonly process?: { memoryUsage?(): { readonly heapUsed: number } }
  readonly performance?: { readonly memory?: { readonly usedJSHeapSize: number } }
}

/** @throws {RangeError} if there is a limit of memory and no way to tell how much is used */
function measurable(limits: Limits): Limits {
  if (limits.heapUsed !== undefined || limits.memory === undefined) return limits
  const { process, performance } = globalThis as Host
  if (process?.memoryUsage !== undefined) return { ...limits, heapUsed: () => process.memoryUsage!().heapUsed }
  if (performance?.memory !== undefined) return { ...limits, heapUsed: () => performance.memory!.usedJSHeapSize }
  throw new RangeError("limits.memory needs limits.heapUsed here: this host does not tell how much memory is in use")
}
