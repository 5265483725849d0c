/** One world of evaluation: its files, settings and globals. What builtins have for `this`. */
import { describe as describeSyntax, describeWarning, parse, SourceFile, type Expr } from "@tvix-ts/syntax"
import { attrsFrom, AttrSet } from "./attrs.ts"
import type { Builtin } from "./builtins/builtin.ts"
import { withCoreFiles } from "./core-files.ts"
import { compile, UndefinedVariable } from "./compiler/compile.ts"
import type { CompiledUnit } from "./compiler/compiled-unit.ts"
import type { Unit } from "./compiler/unit.ts"
import { AccessError, isPromise, noIo, type Awaitable, type EvalIO } from "./io.ts"
import type { CompilerObserver, RuntimeObserver } from "./observe/observer.ts"
import { PositionTable, type Position } from "./positions.ts"
import { fail, Failure, type EvalProblem } from "./problem.ts"
import { Shape } from "./shape.ts"
import { UnitReader } from "./unit-reader.ts"
import type { UnitCache } from "./unit-cache.ts"
import { NixString, Thunk, type Forced, type Value } from "./value.ts"
import { Code, type Result } from "./vm/code.ts"
import { LoadedUnit } from "./vm/load.ts"
import {
  asFailure,
  force,
  pause,
  Run,
  vm,
  type Continuation,
  type Outcome,
  type RunOptions,
  type Task,
} from "./vm/machine.ts"
import { absPath, parentPath } from "./text/canon-path.ts"

export interface Limits {
  /** Function calls. */
  readonly steps?: number
  /** Bytes of heap in use, as far as `heapUsed` tells. */
  readonly memory?: number
  readonly heapUsed?: () => number
  /** Nested function calls, as `max-call-depth` counts them. */
  readonly depth?: number
}

/** `trace` and `warning` come from the builtins of these names, `notice` from us: questionable syntax, old names. */
export type MessageKind = "trace" | "warning" | "notice"

export interface EvaluationOptions {
  /** What the program may see of the world: nothing, unless given. */
  readonly io?: EvalIO
  /** Entries of `<…>` paths, first match wins; `prefix` may be empty. */
  readonly searchPath?: readonly { readonly prefix: string; readonly path: string }[]
  /** The path of the tree in the archive at an address, which an entry of a search path may be. Rejects with {@link IoError}. */
  readonly fetchArchive?: (url: string) => Awaitable<string>
  /** What `~` stands for; without it, such paths are refused. */
  readonly home?: string
  readonly limits?: Limits
  /** Ends the evaluation with the problem `interrupted`. */
  readonly signal?: AbortSignal
  /** No environment, no search path, no current time. */
  readonly pure?: boolean
  /** Whether `|>` and `<|` are operators. */
  readonly pipeOperators?: boolean
  /** Whether `fromTOML` reads dates and times: C++ Nix's `parse-toml-timestamps`. */
  readonly tomlTimestamps?: boolean
  /** Takes what there is to say besides the value: byte strings without a line end. */
  readonly onMessage?: (kind: MessageKind, message: string) => void
  /** Whether `traceVerbose` traces. */
  readonly traceVerbose?: boolean
  readonly abortOnWarn?: boolean
  /** What `builtins.currentSystem` says. */
  readonly system?: string
  /** Builtins besides those of the language, or in place of those with the same names. */
  readonly builtins?: readonly Builtin[]
  /** Where what files were compiled to is kept. Whoever observes the compiler or the machine has them compiled anew. */
  readonly unitCache?: UnitCache
  readonly compilerObserver?: CompilerObserver
  readonly runtimeObserver?: RuntimeObserver
  /**
   * Called every few milliseconds while something is evaluated. True lets other work of the process have a turn, unless
   * the evaluation is synchronous.
   */
  readonly onSlice?: () => boolean
}

/** About half a gigabyte of frames, and with what they hold a gigabyte or two. */
const FRAMES_MAX = 5_000_000
/** Links in a row before a path counts as one that leads nowhere. */
const LINKS_MAX = 1023
const SLICE = 20_000
/** Milliseconds of evaluation before other work of the process gets its turn. */
const YIELD_AFTER = 30

export class Evaluation {
  readonly options: EvaluationOptions
  readonly io: EvalIO
  readonly positions = new PositionTable()
  /** The outermost scope. */
  readonly globals: AttrSet
  /** By resolved path. */
  readonly #files = new Map<string, ImportedFile>()
  /** The same, by the paths that programs have them by. */
  readonly #imports = new Map<string, ImportedFile>()
  /** Listings of folders, as sets, by path. */
  readonly #listings = new Map<string, AttrSet>()
  readonly #units: UnitReader | undefined
  /** Store paths of copies, by path. */
  readonly #copies = new Map<string, NixString>()
  /** The end of the last run: an evaluator's thunks must not be forced from two sides at once. */
  #last: Promise<unknown> = Promise.resolve()
  /** Runs that were begun and are not over. */
  #running = 0
  /** Of the run that has its turn. */
  #signal: AbortSignal | undefined
  #steps = 0

  constructor(options: EvaluationOptions, makeGlobals: (evaluation: Evaluation) => AttrSet) {
    this.options = options
    this.io = withCoreFiles(options.io ?? noIo)
    this.globals = makeGlobals(this)
    const { unitCache, compilerObserver, runtimeObserver } = options
    if (unitCache !== undefined && compilerObserver === undefined && runtimeObserver === undefined) {
      this.#units = new UnitReader(unitCache, this)
    }
  }

  // -------------------------------------------------------------------------------------------- sources

  /**
   * The value of a source text, unevaluated. @throws {Failure} if it has a syntax problem or an undefined variable
   * @param basePath directory that relative paths start from
   * @param scope further variables of the outermost scope
   */
  load(source: SourceFile, basePath: string, scope?: ReadonlyMap<string, Value>): Thunk {
    // What is no file is seldom seen again.
    const units = scope === undefined && source.path.startsWith("/") ? this.#units : undefined
    const cached = units?.get(source, basePath)
    if (cached !== undefined) return this.#start(cached, this.positions.add(source))
    const base = this.positions.add(source)
    const { expr, problems, warnings } = parse(source, { pipeOperators: this.options.pipeOperators === true })
    const [problem] = problems
    if (problem !== undefined) {
      const message = describeSyntax(problem, source)
      throw new Failure({ code: "syntax", syntax: problem.code, message }, base + problem.at)
    }
    for (const warning of warnings) this.say("notice", describeWarning(warning, source))
    this.options.compilerObserver?.parsed?.(source, expr)
    const unit = this.#compile(source, expr, base, basePath, scope)
    // They would have to be said again.
    if (warnings.length === 0) units?.put(unit)
    return this.#start(unit, base, scope)
  }
  /** As {@link load}, for a text that was parsed in another way, without problems. */
  loadParsed(source: SourceFile, expr: Expr, basePath: string, scope?: ReadonlyMap<string, Value>): Thunk {
    const base = this.positions.add(source)
    this.options.compilerObserver?.parsed?.(source, expr)
    return this.#start(this.#compile(source, expr, base, basePath, scope), base, scope)
  }

  /** How many files were imported so far. */
  get fileCount(): number {
    return this.#files.size
  }

  /** Imports from now on read files anew. */
  forgetFiles(): void {
    this.#files.clear()
    this.#imports.clear()
    this.#listings.clear()
    this.#copies.clear()
    this.io.forget?.()
  }

  #compile(
    source: SourceFile,
    expr: Expr,
    base: Position,
    basePath: string,
    scope?: ReadonlyMap<string, Value>,
  ): CompiledUnit {
    try {
      return compile(source, expr, {
        basePath,
        home: this.options.home,
        isGlobal: (name) => this.globals.has(name),
        scope: scope === undefined ? undefined : [...scope.keys()],
      })
    } catch (problem) {
      if (!(problem instanceof UndefinedVariable)) throw problem
      throw new Failure({ code: "undefined-variable", name: problem.variable }, base + problem.offset)
    }
  }
  #start(unit: Unit, base: Position, scope?: ReadonlyMap<string, Value>): Thunk {
    const { compilerObserver, runtimeObserver } = this.options
    compilerObserver?.compiled?.(unit)
    const values = scope === undefined ? [] : [...scope.values()]
    const loaded = new LoadedUnit(unit, base, this.globals, values, runtimeObserver)
    return new Thunk(loaded.code(0), null)
  }

  /** A task whose result is the value of the file at `path`, or of its `default.nix`. */
  *importFile(path: string): Task<Forced> {
    const resolved = yield* this.resolveImport(path)
    let file = this.#files.get(resolved)
    if (file === undefined) {
      const contents = yield* this.#loadFile(resolved)
      file = this.#files.get(resolved) ?? { path: resolved, contents }
      this.#files.set(resolved, file)
    }
    this.#imports.set(path, file)
    return (yield () => forceFile(file)) as Forced
  }

  /** As {@link importFile}, at once: the file is known if it was asked for by this path before. */
  imported(path: string): ImportedFile | undefined {
    return this.#imports.get(path)
  }

  *#loadFile(path: string): Task<Thunk> {
    const directory = parentPath(path)
    const real = yield* this.ask(() => this.io.realPath(path))
    const before = this.#units?.stamp(real)
    const cached = before && this.#units!.find(before, path, real, directory)
    if (cached !== undefined) return this.#start(cached, this.positions.add(cached.source))
    const source = new SourceFile(path, yield* this.ask(() => this.io.readFile(real)))
    const loaded = this.load(source, directory)
    if (before !== undefined) this.#units!.remember(before, source)
    return loaded
  }

  /** As {@link importFile}, with further variables; never shared. */
  *importScoped(path: string, scope: ReadonlyMap<string, Value>): Task<Forced> {
    const resolved = yield* this.resolveImport(path)
    const source = new SourceFile(resolved, yield* this.readSource(resolved))
    return (yield this.load(source, parentPath(resolved), scope)) as Forced
  }

  /** A task whose result is the listing of the folder at `path`, as a set. */
  *readDir(path: string): Task<AttrSet> {
    const types = new Map(yield* this.ask(() => this.io.readDir(path)))
    const names = [...types.keys()].sort()
    const values = names.map((name) => types.get(name)!)
    const listing = new AttrSet(Shape.of(names), values)
    this.#listings.set(path, listing)
    return listing
  }
  /** The same, if it was asked for before. */
  listed(path: string): AttrSet | undefined {
    return this.#listings.get(path)
  }

  /** A task whose result is the text of the file at `path`, links followed. */
  *readSource(path: string): Task<string> {
    const real = yield* this.ask(() => this.io.realPath(path))
    return yield* this.ask(() => this.io.readFile(real))
  }

  /**
   * A task whose result is the file that `import path` reads. Only a link at the very end is followed: relative paths in
   * the file start where the way to it led, not where that is on disk (libexpr/eval.cc, resolveExprPath).
   */
  *resolveImport(path: string): Task<string> {
    const { io } = this
    let file = path
    for (let links = 0; ; links++) {
      if (links === LINKS_MAX) {
        const message = `too many symbolic links encountered while traversing the path '${path}'`
        fail({ code: "invalid-argument", message })
      }
      const type = yield* this.ask(() => io.fileType(file))
      if (type === undefined) {
        fail({ code: "file-not-found", path: yield* this.ask(() => io.realPath(file)) })
      }
      if (type === "directory") return absPath("default.nix", file)
      if (type !== "symlink" || io.readLink === undefined) return file
      file = absPath(yield* this.ask(() => io.readLink!(file)), parentPath(file))
    }
  }

  /** Asks the world: waits if the answer is a promise, and fails as the program's problem if it is an error. */
  *ask<T>(question: () => T | PromiseLike<T>): Task<T> {
    try {
      const answer = question()
      return isPromise(answer) ? ((yield answer) as T) : answer
    } catch (error) {
      if (error instanceof Error && error.name === "IoError") fail(ioProblem(error))
      throw error
    }
  }

  // -------------------------------------------------------------------------------------------- for instructions

  /** What `__curPos` and `unsafeGetAttrPos` tell of a position: null unless it is in a file. */
  positionValue(position: Position): Forced {
    const place = this.positions.place(position)
    if (place === undefined || !place.source.path.startsWith("/")) return null
    // Most who ask only want the file; and C++ Nix lets it be seen that the rest is not computed yet.
    return attrsFrom([
      ["column", new Thunk(COLUMN, position)],
      ["file", place.source.path],
      ["line", new Thunk(LINE, position)],
    ])
  }

  /** A task whose result is the store path of a copy of `path`, with itself as context. */
  *copyToStore(path: string): Task<NixString> {
    const { io } = this
    if (io.copyToStore === undefined) fail({ code: "needs-store", what: `copying the path '${path}'` })
    const copied = yield* this.ask(() => io.copyToStore!(path))
    const string = new NixString(copied, new Set([copied]))
    this.#copies.set(path, string)
    return string
  }
  /** What {@link copyToStore} has come to, if it was asked before. */
  copied(path: string): NixString | undefined {
    return this.#copies.get(path)
  }

  say(kind: MessageKind, message: string): void {
    this.options.onMessage?.(kind, message)
  }

  // -------------------------------------------------------------------------------------------- running

  /** Forces a value, or runs a task, to its end. @throws {Failure} also if it would have to wait */
  runSync<T = Forced>(start: Value | Task<T>): T {
    const run = new Run(this, start, this.#runOptions(undefined, this.options.signal))
    let outcome = run.resume(null)
    while (outcome.kind === "waiting" || outcome.kind === "yielded") {
      // Nobody will look at the answer, nor must it count as an unhandled error.
      if (outcome.kind === "waiting") outcome.promise.then(undefined, () => undefined)
      outcome = run.resume(outcome.kind === "yielded" ? null : new Failure({ code: "not-synchronous" }))
    }
    if (outcome.kind === "failed") throw outcome.failure
    return outcome.value as T
  }

  /** As {@link runSync}, waiting where needed and letting other work of the process go on now and then. */
  async run<T = Forced>(start: Value | Task<T>, signal?: AbortSignal): Promise<T> {
    this.#running++
    const result = this.#last.then(() => {
      this.#signal = signal ?? this.options.signal
      return this.runNow<T>(start)
    })
    this.#last = result.then(this.#over, this.#over)
    return result
  }
  /**
   * As {@link run}, without waiting for runs begun earlier: for whoever works on behalf of one that waits for him, as a
   * function of the host does that a program called. What interrupts that run interrupts this one.
   */
  async runNow<T>(start: Value | Task<T>): Promise<T> {
    const clock = { since: Date.now() }
    const run = new Run(this, start, this.#runOptions(clock, this.#signal))
    return this.#goOn<T>(run, run.resume(null), clock)
  }
  /**
   * At once, as {@link runSync}, if there is nothing to wait for; otherwise a promise, as {@link run}. Others get their
   * turns only while it waits, or when `onSlice` says so: whoever aborts signals could do nothing before.
   */
  runSoon<T = Forced>(start: Value | Task<T>): T | Promise<T> {
    if (this.#running > 0) return this.run(start)
    const clock = { since: Infinity }
    this.#signal = this.options.signal
    const run = new Run(this, start, this.#runOptions(clock, this.#signal))
    const outcome = run.resume(null)
    if (outcome.kind === "done") return outcome.value as T
    if (outcome.kind === "failed") throw outcome.failure
    this.#running++
    const result = this.#goOn<T>(run, outcome, clock)
    this.#last = result.then(this.#over, this.#over)
    return result
  }
  readonly #over = (): void => void this.#running--

  async #goOn<T>(run: Run, first: Outcome, clock: { since: number }): Promise<T> {
    const signal = this.#signal
    let outcome = first
    while (outcome.kind === "waiting" || outcome.kind === "yielded") {
      let input: Forced | Failure = null
      if (outcome.kind === "waiting") {
        try {
          input = await untilAborted(outcome.promise, signal)
        } catch (error) {
          input = error instanceof Error && error.name === "IoError" ? new Failure(ioProblem(error)) : asFailure(error)
        }
      } else await new Promise<void>((resolve) => setTimeout(resolve))
      if (clock.since !== Infinity) clock.since = Date.now()
      if (signal?.aborted === true) input = new Failure({ code: "interrupted" })
      outcome = run.resume(input)
    }
    if (outcome.kind === "failed") throw outcome.failure
    return outcome.value as T
  }

  #runOptions(clock: { readonly since: number } | undefined, signal: AbortSignal | undefined): RunOptions {
    const { limits = {}, onSlice } = this.options
    const { steps = Infinity, heapUsed, depth = Infinity } = limits
    const slice = Math.min(SLICE, steps)
    // Not before there is something to compare it with: whoever gives it may have to find it out.
    let memory: number | undefined
    const endOfSlice = (): boolean => {
      this.#steps += slice
      if (this.#steps >= steps) fail({ code: "limit", limit: "steps" })
      const used = heapUsed === undefined ? 0 : heapUsed()
      if (used > 0 && used > (memory ??= limits.memory ?? Infinity)) fail({ code: "limit", limit: "memory" })
      if (signal?.aborted === true) fail({ code: "interrupted" })
      const letGo = onSlice !== undefined && onSlice()
      return clock !== undefined && (letGo || Date.now() - clock.since > YIELD_AFTER)
    }
    return { framesMax: FRAMES_MAX, callsMax: depth, slice, endOfSlice }
  }
}

function ioProblem(error: Error): EvalProblem {
  return { code: error instanceof AccessError ? "access-forbidden" : "io", message: error.message }
}

/** What `answer` settles to; fails as soon as `signal` aborts, since an answer may never come. */
async function untilAborted<T>(answer: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer
  const aborted = Promise.withResolvers<never>()
  const stop = (): void => aborted.reject(new Failure({ code: "interrupted" }))
  if (signal.aborted) stop()
  signal.addEventListener("abort", stop, { once: true })
  try {
    return await Promise.race([aborted.promise, answer])
  } finally {
    signal.removeEventListener("abort", stop)
  }
}

export interface ImportedFile {
  /** Resolved. */
  readonly path: string
  readonly contents: Thunk
}
export function forceFile({ path, contents }: ImportedFile): Result {
  const value = force(contents, 0)
  return value === undefined ? pause(IN_FILE, path) : value
}
const IN_FILE: Continuation = {
  name: "in-file",
  resume: (_, value) => value,
  trace: ({ a: path }, failure) => failure.traced(0, `while evaluating the file '${path}':`),
}

const COLUMN = new Code((position) => lineAndColumn(position as unknown as Position).column, 1)
const LINE = new Code((position) => lineAndColumn(position as unknown as Position).line, 1)
function lineAndColumn(position: Position): { readonly line: number; readonly column: number } {
  const { source, offset } = vm.evaluation.positions.place(position)!
  return source.position(offset)
}
