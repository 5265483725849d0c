/** What the commands have in common that build: `tvix build`, `run` and `shell`. */
import type { BuildCommandSettings } from "../build/build.ts"
import { fileProgram } from "../build/file-program.ts"
import { KEEP_OPTIONS, sandboxPathOption } from "../build/options.ts"
import { applyConfiguration } from "../nix-config.ts"
import { UsageError, type Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, wholeNumber } from "../settings.ts"
import { parseDuration } from "../store/settings.ts"
import { RUN_OPTIONS } from "./run-options.ts"

export interface ProgramSettings extends BuildCommandSettings {
  /** Expressions, in order. */
  readonly expressions: string[]
}

/** What they begin with: the configuration's. */
export function programSettings(): ProgramSettings {
  const settings: ProgramSettings = {
    ...defaultSettings(),
    write: true,
    outLink: "result",
    printPaths: false,
    logs: false,
    logFormat: "text",
    dryRun: false,
    check: false,
    expressions: [],
  }
  applyConfiguration(settings)
  return settings
}

/** Those that are named, or `./default.nix`. */
export function programsOf(operands: readonly string[], { expressions }: ProgramSettings): Program[] {
  const programs = [
    ...expressions.map((text): Program => ({ kind: "expression", text })),
    ...operands.map((text): Program => (text === "-" ? { kind: "stdin" } : fileProgram(text))),
  ]
  return programs.length === 0 ? [{ kind: "file", path: "./default.nix" }] : programs
}

const SHARED: ReadonlySet<string> = new Set(["-A", "--arg", "--argstr", "-I", "--show-trace", "--no-cache"])

export const BUILD_OPTIONS: readonly Option<ProgramSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: ["EXPR"],
    summary: "build the derivations of EXPR",
    set: (to, text) => void to.expressions.push(text),
  },
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => SHARED.has(name))),
  {
    names: ["-L", "--print-build-logs"],
    values: [],
    summary: "show what builders say as it comes",
    set: (to) => void (to.logs = true),
  },
  {
    names: ["--log-format"],
    values: ["FORMAT"],
    summary: "tell what happens as text (the default) or as json: a line of it for each event, on standard error",
    set: (to, format) => {
      if (format !== "json" && format !== "text") throw new UsageError(`--log-format is text or json, not '${format}'`)
      to.logFormat = format
    },
  },
  {
    names: ["-j", "--max-jobs"],
    values: ["N"],
    summary: "build so many at once; by default as many as there are processors",
    set: (to, text) => void (to.build.jobs = wholeNumber("--max-jobs", text)),
  },
  {
    names: ["--cores"],
    values: ["N"],
    summary: "let each build use so many processors; by default all",
    set: (to, text) => void (to.build.cores = wholeNumber("--cores", text, 1)),
  },
  ...KEEP_OPTIONS,
  {
    names: ["--builder"],
    values: ["URL"],
    summary:
      "build on the machine at grpc+http://HOST:PORT or grpc+unix:///SOCKET, where tvix-store daemon --build runs, or on a " +
      "cluster at reapi+grpc://HOST:PORT[/INSTANCE], which speaks the Remote Execution API; plain is this machine without a sandbox",
    set: (to, url) => void (to.build.builder = url),
  },
  sandboxPathOption((to) => to.build.sandboxPaths),
  {
    names: ["--substituter"],
    values: ["URL"],
    summary: "take what this store has rather than build it; may be given several times",
    set: (to, url) => void to.build.substituters.push(url),
  },
  {
    names: ["--sign-with"],
    values: ["FILE"],
    summary: "sign what is built with the secret key in FILE; may be given several times",
    set: (to, file) => void to.build.secretKeyFiles.push(file),
  },
  {
    names: ["--build-timeout"],
    values: ["TIME"],
    summary: "give a build up after so long: 90, 10m, 2h",
    set: (to, text) => void (to.build.timeoutMs = parseDuration("--build-timeout", text)),
  },
  {
    names: ["--max-silent-time"],
    values: ["TIME"],
    summary: "give a build up if it says nothing for so long",
    set: (to, text) => void (to.build.silenceMs = parseDuration("--max-silent-time", text)),
  },
  {
    names: ["--max-log-size"],
    values: ["BYTES"],
    summary: "give a build up if it says more than that",
    set: (to, text) => void (to.build.logBytesMax = wholeNumber("--max-log-size", text, 1)),
  },
  ...RUN_OPTIONS,
]
