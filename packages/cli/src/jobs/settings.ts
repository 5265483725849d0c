/** The command line of `tvix eval-jobs`, read by the command and again by each worker. */
import { availableParallelism, totalmem } from "node:os"
import { RUN_OPTIONS } from "../commands/run-options.ts"
import { applySetting } from "../nix-config.ts"
import { UsageError, type Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, wholeNumber, type Settings } from "../settings.ts"

export interface JobSettings extends Settings {
  /** `-E` */
  expressions: string[]
  workers: number | undefined
  /** Of each worker; MiB. */
  memoryMaxMiB: number | undefined
  forceRecurse: boolean
  /** Names in the longest path that is looked at. */
  pathLengthMax: number | undefined
  meta: boolean
  inputDerivations: boolean
  /** Functions, as Nix expressions: of the root, and of each derivation. */
  select: string | undefined
  apply: string | undefined
  gcRootsDir: string | undefined
  ordered: boolean
}

export function jobSettings(): JobSettings {
  return {
    ...defaultSettings(),
    expressions: [],
    workers: undefined,
    memoryMaxMiB: undefined,
    forceRecurse: false,
    pathLengthMax: undefined,
    meta: false,
    inputDerivations: false,
    select: undefined,
    apply: undefined,
    write: true,
    gcRootsDir: undefined,
    ordered: false,
  }
}

const WORKERS_MAX = 256
/** Less than this does not hold the evaluator and a package set. */
const MEMORY_MIN_MIB = 256
/** As nix-eval-jobs. */
const MEMORY_DEFAULT_MIB = 4096
/** What workers may take of the memory there is, all together, unless told. */
const MEMORY_SHARE = 0.75

export function workerCount({ workers }: JobSettings): number {
  return workers ?? Math.min(availableParallelism(), WORKERS_MAX)
}

/** The bound of each worker, in MiB. */
export function memoryBound(settings: JobSettings): number {
  const share = Math.floor((MEMORY_SHARE * totalmem()) / 2 ** 20 / workerCount(settings))
  return settings.memoryMaxMiB ?? Math.max(MEMORY_MIN_MIB, Math.min(MEMORY_DEFAULT_MIB, share))
}

/** What the words on the command line name. @throws {UsageError} unless it is one program */
export function programOf(operands: readonly string[], { expressions }: JobSettings): Program {
  const programs = [
    ...expressions.map((text): Program => ({ kind: "expression", text })),
    ...operands.map((path): Program => ({ kind: "file", path })),
  ]
  const [program, ...more] = programs
  if (program === undefined) throw new UsageError("nothing to evaluate: name a file, or -E EXPR")
  if (more.length > 0) throw new UsageError("one program at a time: a file, or -E EXPR")
  if (operands.includes("-")) {
    throw new UsageError("standard input can be read once, and every worker reads the program; put it into a file")
  }
  return program
}

/** Options of nix-eval-jobs that ask for what is not there yet, and of other commands that have another name here. */
function refused(names: readonly string[], values: readonly string[], why: string): Option<JobSettings> {
  return {
    names,
    values,
    set: () => {
      throw new UsageError(`${names.at(-1)}: ${why}`)
    },
  }
}

const EVALUATION: ReadonlySet<string> = new Set(["--arg", "--argstr", "-I", "--show-trace", "--no-cache"])
/** What is not for all attributes together, or has another name here. */
const NOT_HERE: ReadonlySet<string> = new Set(["--timeout", "--error-format", "--max-steps", "--max-memory"])

export const OPTIONS: readonly Option<JobSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: ["EXPR"],
    summary: "the derivations of EXPR",
    set: (to, text) => void to.expressions.push(text),
  },
  {
    names: ["--workers"],
    values: ["N"],
    summary: "evaluate in N processes at once; as many as there are processors unless given",
    set: (to, text) => {
      to.workers = wholeNumber("--workers", text, 1)
      if (to.workers > WORKERS_MAX) throw new UsageError(`--workers takes at most ${WORKERS_MAX}`)
    },
  },
  {
    names: ["--max-memory-size"],
    values: ["MIB"],
    summary: "replace a worker that has grown to so many MiB; 4096 unless given, or less on small machines",
    set: (to, text) => void (to.memoryMaxMiB = wholeNumber("--max-memory-size", text, MEMORY_MIN_MIB)),
  },
  {
    names: ["--ordered"],
    values: [],
    summary: "print in the order of attribute paths, the same in every run, rather than as results come",
    set: (to) => void (to.ordered = true),
  },
  {
    names: ["--force-recurse"],
    values: [],
    summary: "go into all sets, not only those with recurseForDerivations = true",
    set: (to) => void (to.forceRecurse = true),
  },
  {
    names: ["--max-depth"],
    values: ["N"],
    summary: "look at attribute paths of at most N names; with --force-recurse, package sets in package sets never end",
    set: (to, text) => void (to.pathLengthMax = wholeNumber("--max-depth", text)),
  },
  {
    names: ["--meta"],
    values: [],
    summary: "print the meta attributes of derivations, too",
    set: (to) => void (to.meta = true),
  },
  {
    names: ["--show-input-drvs"],
    values: [],
    summary: "print which derivations a derivation needs, too",
    set: (to) => void (to.inputDerivations = true),
  },
  {
    names: ["--select"],
    values: ["FUNCTION"],
    summary: "look at what FUNCTION makes of the program's value, such as 'pkgs: pkgs.python3Packages'",
    set: (to, text) => void (to.select = text),
  },
  {
    names: ["--apply"],
    values: ["FUNCTION"],
    summary: "call FUNCTION with each derivation, and print the set that it returns as extraValue",
    set: (to, text) => void (to.apply = text),
  },
  {
    names: ["--no-instantiate", "--dry-run"],
    values: [],
    summary: "write no derivations to the store",
    set: (to) => void (to.write = false),
  },
  {
    names: ["--gc-roots-dir"],
    values: ["DIR"],
    summary: "keep the derivations from being collected, each with a link in DIR",
    set: (to, dir) => void (to.gcRootsDir = dir),
  },
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => EVALUATION.has(name))),
  ...RUN_OPTIONS.filter(({ names }) => !names.some((name) => NOT_HERE.has(name))),
  {
    ...RUN_OPTIONS.find(({ names }) => names.includes("--timeout"))!,
    summary: "give an attribute up after so long",
  },
  {
    names: ["--impure"],
    values: [],
    set: (to) => void (to.pure = false),
  },
  {
    names: ["--option"],
    values: ["NAME", "VALUE"],
    summary: "set NAME of Nix's configuration",
    set: (to, name, value) => {
      if (!applySetting(to, name, value)) throw new UsageError(`unknown setting '${name}'`)
    },
  },
  refused(["-A", "--attr"], ["PATH"], "say what to look at with a function: --select 'set: set.PATH'"),
  refused(["--flake"], [], "flakes are not there yet; name a file that evaluates to the set"),
  refused(["--check-cache-status"], [], "substituters are not asked yet"),
  refused(["--constituents"], [], "Hydra's aggregates are not there yet"),
]
