/** One evaluation as the commands run it: sources in, printed values out. */
import { byteStringFrom, byteStringOf } from "@tvix-ts/bytes"
import {
  autoCall,
  canonPath,
  coerceToString,
  ContextBuilder,
  disassemble,
  deeply,
  Evaluation,
  Failure,
  IoError,
  makeGlobals,
  nixMessage,
  NixPath,
  printJson,
  printValue,
  printXml,
  select,
  traceRuntime,
  WorldRecorder,
  type DerivationOutputName,
  type EvaluationOptions,
  type Forced,
  type Limits,
  type MessageKind,
  type OnItem,
  type Palette,
  type Task,
  type UnitCache,
  type Value,
  type WorldRecord,
} from "@tvix-ts/eval"
import { nodeIo, type NodeIoOptions } from "@tvix-ts/eval/node"
import {
  archiveFetcher,
  evaluationStore,
  fetchBuiltins,
  storeBuiltins,
  storeIo,
  type EvaluationStore,
  type EvaluationStoreOptions,
} from "@tvix-ts/glue"
import { nodeSourceCache, type Download, type FetchProgress, type NodeFetcher } from "@tvix-ts/glue/node"
import type { Store } from "@tvix-ts/store"
import { printString, printTree, SourceFile } from "@tvix-ts/syntax"
import { existsSync, readFileSync } from "node:fs"
import { bytecodeCache, cacheDirectory } from "./caches.ts"
import { caller } from "./caller.ts"
import { wordBytes, workingDirectory } from "./command-line.ts"
import { allowedUris, fetcherOf } from "./fetching.ts"
import { writeError } from "./output.ts"
import type { Settings } from "./settings.ts"
import { storeAddress } from "./store/settings.ts"

/** U+00AB and U+00BB as UTF-8 */
const STRING_ORIGIN = "\xc2\xabstring\xc2\xbb"
const STDIN_ORIGIN = "\xc2\xabstdin\xc2\xbb"

/** One program to evaluate, named by an operand. */
export type Program =
  | { readonly kind: "expression"; readonly text: string }
  | { readonly kind: "stdin" }
  | { readonly kind: "file"; readonly path: string }

export interface SessionOptions {
  readonly palette: () => Palette
  /** What a pure evaluation may read. */
  readonly folders?: readonly string[]
  /** Called before the program says something. */
  readonly beforeMessage?: () => void
  /** See {@link EvaluationOptions.onSlice}. */
  readonly onSlice?: () => boolean
  /** Called with each item of a value that is walked through to be printed. */
  readonly onItem?: OnItem
  /** Called often while something is fetched. */
  readonly onFetch?: (progress: FetchProgress) => void
  readonly signal?: AbortSignal
  /** Whether to write down what the programs learn of the world. */
  readonly record?: boolean
}

export class Session {
  readonly evaluation: Evaluation
  /** What the programs have added, before what was in the store that the settings name. */
  readonly store: EvaluationStore
  readonly #settings: Settings
  readonly #onItem: OnItem | undefined
  readonly #beforeMessage: SessionOptions["beforeMessage"]
  readonly #signal: AbortSignal | undefined
  readonly #fetcher: NodeFetcher
  readonly #recorder: WorldRecorder | undefined
  readonly #compiled: UnitCache | undefined
  #opened: Promise<Store> | undefined
  /** Values for functions that programs turn out to be. */
  readonly args = new Map<string, Value>()
  readonly #directory = workingDirectory()

  constructor(settings: Settings, options: SessionOptions) {
    const { folders = [], palette, beforeMessage, onSlice, onItem, onFetch, signal, record = false } = options
    this.#settings = settings
    this.#onItem = onItem
    this.#beforeMessage = beforeMessage
    this.#signal = signal
    this.#compiled = settings.cache ? bytecodeCache() : undefined
    const entries = searchPath(settings)
    const home = process.env["HOME"]
    // A machine with Nix has store paths of its own.
    const disk = nodeIo()
    const store = evaluationStore(() => this.openStore(), { write: settings.write, disk, ...sourcesOf(settings) })
    this.store = store
    const seen = nodeIo(restrictionOf(settings, folders, entries, this.#directory))
    this.#recorder = record ? new WorldRecorder(seen) : undefined
    const warn = (kind: MessageKind, message: string): void => {
      this.#recorder?.giveUp()
      beforeMessage?.()
      writeError(`${nixMessage(kind, message, palette())}\n`)
    }
    const fetchInto = async (): Promise<Store> => {
      this.#recorder?.giveUp()
      return store.trees!()
    }
    this.#fetcher = fetcherOf(settings, fetchInto, {
      onProgress: (progress) => onFetch?.(progress),
      onWarning: (message) => warn("notice", message),
    })
    this.evaluation = new Evaluation(
      {
        io: storeIo(
          this.#recorder?.io ?? seen,
          store,
          settings.write || !settings.importFromDerivation ? (outputs) => this.#realise(outputs) : undefined,
        ),
        builtins: [...storeBuiltins(store), ...fetchBuiltins(store, this.#fetcher, allowedUris(settings))],
        searchPath: entries,
        fetchArchive: archiveFetcher(store, this.#fetcher),
        ...(home === undefined ? {} : { home: byteStringOf(home) }),
        system: settings.system ?? SYSTEM,
        limits: limitsOf(settings),
        ...endOf(settings, signal),
        pure: settings.pure,
        ...(this.#compiled && { unitCache: this.#compiled }),
        pipeOperators: settings.features.has("pipe-operators"),
        tomlTimestamps: settings.features.has("parse-toml-timestamps"),
        traceVerbose: settings.traceVerbose,
        abortOnWarn: settings.abortOnWarn,
        ...(settings.show.size > 0 ? observers(settings.show) : {}),
        ...(onSlice === undefined ? {} : { onSlice }),
        onMessage: warn,
      },
      makeGlobals,
    )
  }

  /** Reads the arguments of `--arg`. Apart from the constructor, since they can have syntax problems. */
  loadArguments(): void {
    for (const [name, { kind, text }] of this.#settings.args) {
      const bytes = wordBytes(text)
      this.args.set(wordBytes(name), kind === "string" ? bytes : this.#loadText(STRING_ORIGIN, bytes))
    }
  }

  /**
   * Evaluates: at once, if nothing has to wait, so that a short program costs no more than it must. What is written on the
   * way is written meanwhile, and an end can only come from outside if others get their turns: time limits, and signals.
   */
  async run<T = Forced>(start: Value | Task<T>): Promise<T> {
    const { evaluation } = this
    const takesTurns = this.#settings.write || evaluation.options.signal !== undefined
    return takesTurns ? evaluation.run(start) : evaluation.runSoon(start)
  }

  /** The source and the directory its paths start from. @throws {Failure} */
  async source(program: Program): Promise<{ readonly source: SourceFile; readonly basePath: string }> {
    switch (program.kind) {
      case "expression":
        return { source: new SourceFile(STRING_ORIGIN, wordBytes(program.text)), basePath: this.#directory }
      case "stdin":
        return { source: new SourceFile(STDIN_ORIGIN, await readInput()), basePath: this.#directory }
      case "file": {
        const { evaluation } = this
        const operand = wordBytes(program.path)
        const isName = /^<.+>$/s.test(operand)
        const path = isName ? await this.find(operand.slice(1, -1)) : absolute(operand, this.#directory)
        const resolved = await this.run<string>(evaluation.resolveImport(path))
        const text = await this.run<string>(evaluation.readSource(resolved))
        return { source: new SourceFile(resolved, text), basePath: resolved.replace(/\/[^/]*$/, "") || "/" }
      }
    }
  }

  async load(program: Program): Promise<Value> {
    const { source, basePath } = await this.source(program)
    return this.evaluation.load(source, basePath)
  }

  /** Where `<name>` leads. @throws {Failure} */
  async find(name: string): Promise<string> {
    try {
      const found = await this.run(this.#loadText(STRING_ORIGIN, `__findFile __nixPath ${printString(name)}`))
      return found instanceof NixPath ? found.path : ""
    } catch (problem) {
      // The place would be in a program that nobody wrote.
      throw problem instanceof Failure ? new Failure(problem.problem) : problem
    }
  }

  #loadText(origin: string, text: string): Value {
    return this.evaluation.load(new SourceFile(origin, text), this.#directory)
  }

  /** What to print of the value that `path` selects from `root`: a byte string, its line end included. */
  async print(root: Value, path: string): Promise<string> {
    return this.run(printing(root, path, this.args, this.#settings, this.#onItem))
  }

  /** What the programs have learned of the world, if it can be relied upon. */
  world(): WorldRecord | undefined {
    return this.store.consulted ? undefined : this.#recorder?.finish()
  }

  /** The store that the settings name. */
  async openStore(): Promise<Store> {
    this.#opened ??= openNamed(this.#settings)
    return this.#opened
  }

  /** Builds what the program wants to look into. */
  async #realise(outputs: readonly DerivationOutputName[]): Promise<Iterable<string>> {
    if (!this.#settings.importFromDerivation) {
      const { derivation, output } = outputs[0]!
      const option = "the option 'allow-import-from-derivation' is disabled"
      throw new IoError(`cannot build '${derivation}^${output}' during evaluation because ${option}`)
    }
    this.#recorder?.giveUp()
    this.#beforeMessage?.()
    await this.store.flush()
    const { realiseForProgram } = await import("./build/realise-for-program.ts")
    return realiseForProgram(this, this.#settings, this.#signal, outputs)
  }

  /** Downloads as the settings say; see {@link Download}. */
  readonly download: Download = (url, use, options) => this.#fetcher.download(url, use, options)

  /** To be called at the end, whatever happened. What was written and not flushed may or may not be there. */
  async close(): Promise<void> {
    this.#compiled?.flush()
    this.#fetcher.close()
    // Who could not open it was told.
    const store = await this.#opened?.catch(() => undefined)
    await store?.close()
  }
}

/** The store that the settings name. It is a good part of the program, which most evaluations do without. */
export async function openNamed(settings: Settings): Promise<Store> {
  const { openStore } = await import("@tvix-ts/store/node")
  return openStore(storeAddress(settings))
}

/** What ends an evaluation from outside. */
function endOf({ timeoutMs }: Settings, signal: AbortSignal | undefined): Pick<EvaluationOptions, "signal"> {
  if (timeoutMs === undefined) return signal === undefined ? {} : { signal }
  const timeout = AbortSignal.timeout(timeoutMs)
  return { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) }
}

function* printing(
  root: Value,
  path: string,
  args: ReadonlyMap<string, Value>,
  { strict, output, location }: Settings,
  onItem: OnItem | undefined,
): Task<string> {
  let value = (yield select(root, path, args)) as Forced
  if (args.size > 0) value = (yield autoCall(value, args)) as Forced
  const context = new ContextBuilder()
  switch (output) {
    case "raw": {
      const coercion = { context: "while generating the nix-instantiate output", more: false, copyToStore: true }
      return (yield coerceToString(value, coercion, context)) as string
    }
    case "json":
      return `${(yield printJson(value, { strict, copyToStore: true, ...(onItem && { onItem }) }, context)) as string}\n`
    case "xml":
      return (yield printXml(value, { strict, location }, context)) as string
    case "nix":
      return `${printValue(strict ? ((yield deeply(value, onItem)) as Forced) : value)}\n`
  }
}

function sourcesOf({ cache }: Settings): Pick<EvaluationStoreOptions, "sources"> {
  const directory = cache ? cacheDirectory(process.env, process.platform) : undefined
  return directory === undefined ? {} : { sources: nodeSourceCache({ directory }) }
}

/** What writes to standard error how programs are run. */
function observers(show: Settings["show"]): Pick<EvaluationOptions, "compilerObserver" | "runtimeObserver"> {
  return {
    compilerObserver: {
      parsed(source, expr) {
        if (show.has("ast")) writeError(`=== syntax tree of ${source.path}\n${printTree(expr, source)}\n`)
      },
      compiled(unit) {
        if (show.has("bytecode"))
          writeError(`=== code of ${unit.source.path}\n${disassemble(unit, { places: true })}\n`)
      },
    },
    ...(show.has("execution") ? { runtimeObserver: traceRuntime((line) => writeError(`${line}\n`)) } : {}),
  }
}

const CPU_NAMES: Readonly<Record<string, string>> = {
  x64: "x86_64", arm64: "aarch64", ia32: "i686", arm: "armv7l", ppc64: "powerpc64le", loong64: "loongarch64",
} // prettier-ignore
/** This machine, as Nix names it. */
export const SYSTEM = `${CPU_NAMES[process.arch] ?? process.arch}-${process.platform}`

function limitsOf({ stepsMax, memoryMax, depthMax }: Settings): Limits {
  let memory = memoryMax
  return {
    ...(stepsMax === undefined ? {} : { steps: stepsMax }),
    ...(depthMax === undefined ? {} : { depth: depthMax }),
    // Asked for when it is needed, and once: what tells it is a good part of Node, and takes 5 ms to load.
    get memory() {
      return (memory ??= HEAP_SHARE * (heapLimit() - YOUNG_BYTES))
    },
    heapUsed: sampledHeap(memoryMax === undefined ? LITTLE_BYTES : 0),
  }
}

function heapLimit(): number {
  return process.getBuiltinModule("node:v8").getHeapStatistics().heap_size_limit
}

/**
 * Of the memory Node allows itself: an evaluation that outgrows it is told so, while there is room to tell it. That room
 * must take the doubling of a large table, and collections get slow well before the end.
 */
const HEAP_SHARE = 0.6
/** What that limit counts for the young generation, of no use to what lives long: three semi-spaces as large as a launcher makes them. */
const YOUNG_BYTES = 3 * 32 * 2 ** 20
/** Up to that, the limit is not asked for: most programs end before. */
const LITTLE_BYTES = 64 * 2 ** 20
/** One question in so many is put to the engine: each takes as long as some hundred function calls. */
const HEAP_SAMPLES = 8
/** Bytes in use; up to `little`, none. */
function sampledHeap(little: number): () => number {
  let used = 0
  let asked = 0
  return () => {
    if (asked++ % HEAP_SAMPLES === 0) ({ heapUsed: used } = process.memoryUsage())
    return used > little ? used : 0
  }
}

async function readInput(): Promise<string> {
  try {
    return caller === undefined ? readFileSync(0, "latin1") : byteStringFrom(await caller.readInput())
  } catch (error) {
    const message = `reading standard input: ${error instanceof Error ? error.message : String(error)}`
    throw new Failure({ code: "io", message: byteStringOf(message) })
  }
}

/** The words are C++ Nix's. */
function restrictionOf(
  settings: Settings,
  folders: readonly string[],
  entries: SearchPath,
  directory: string,
): NodeIoOptions {
  if (!settings.pure && !settings.restricted) return {}
  const why = settings.pure ? "in pure evaluation mode (use '--impure' to override)" : "in restricted mode"
  const allowed = [...folders, ...entries.map(({ path }) => path)].map((path) => absolute(path, directory))
  return { restriction: { allowed, why } }
}

type SearchPath = { readonly prefix: string; readonly path: string }[]

export function searchPath(settings: Settings): SearchPath {
  const rest = settings.pure ? [] : (settings.nixPath ?? defaultNixPath())
  return [...settings.includes, ...rest].map((entry) => {
    const equals = entry.indexOf("=")
    const path = wordBytes(entry.slice(equals + 1))
    return { prefix: equals < 0 ? "" : wordBytes(entry.slice(0, equals)), path }
  })
}

/** Channels, where there are any. */
function defaultNixPath(): string[] {
  const system = "/nix/var/nix/profiles/per-user/root/channels"
  const entries = [`nixpkgs=${system}/nixpkgs`, system]
  const home = process.env["HOME"]
  if (home !== undefined) entries.unshift(`${home}/.nix-defexpr/channels`)
  return entries.filter((entry) => existsSync(entry.slice(entry.indexOf("=") + 1)))
}

function absolute(path: string, directory: string): string {
  return canonPath(path.startsWith("/") ? path : `${directory}/${path}`)
}
