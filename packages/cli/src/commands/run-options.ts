/** Options of the commands that run programs: what these may see, how much they may take, and where they put things. */
import { applySetting } from "../nix-config.ts"
import { UsageError, type Option } from "../options.ts"
import { wholeNumber, type Settings } from "../settings.ts"
import { STORE_OPTION } from "../store/settings.ts"

export const RUN_OPTIONS: readonly Option<Settings>[] = [
  {
    names: ["--pure"],
    values: [],
    summary: "no environment, no clock, no NIX_PATH; files only from the folders of the programs and of -I",
    set: (to) => void (to.pure = true),
  },
  {
    names: ["--error-format"],
    values: ["FORMAT"],
    summary: "tell of problems as text (the default) or as json: one object, described in the README",
    set: (to, format) => {
      if (format !== "json" && format !== "text")
        throw new UsageError(`--error-format is text or json, not '${format}'`)
      to.errorFormat = format
    },
  },
  {
    names: ["--timeout"],
    values: ["SECONDS"],
    summary: "give up after so long",
    set: (to, text) => void (to.timeoutMs = milliseconds(text)),
  },
  {
    names: ["--max-steps"],
    values: ["N"],
    summary: "give up after about N function calls",
    set: (to, text) => void (to.stepsMax = wholeNumber("--max-steps", text, 1)),
  },
  {
    names: ["--max-memory"],
    values: ["BYTES"],
    summary: "give up when the heap has grown to BYTES; K, M and G are understood",
    set: (to, text) => void (to.memoryMax = byteCount(text)),
  },
  {
    names: ["--max-call-depth"],
    values: ["N"],
    summary: "give up at N nested calls; by default memory is the limit",
    set: (to, text) => void (to.depthMax = wholeNumber("--max-call-depth", text, 1)),
  },
  {
    names: ["--extra-experimental-features"],
    values: ["NAMES"],
    summary: "allow what Nix does not allow yet, such as pipe-operators",
    set: (to, names) => void applySetting(to, "extra-experimental-features", names),
  },
  {
    names: ["--trace-verbose"],
    values: [],
    summary: "let builtins.traceVerbose trace",
    set: (to) => void (to.traceVerbose = true),
  },
  {
    names: ["--abort-on-warn"],
    values: [],
    summary: "treat builtins.warn as an error",
    set: (to) => void (to.abortOnWarn = true),
  },
  {
    names: ["--system"],
    values: ["SYSTEM"],
    summary: "what builtins.currentSystem says",
    set: (to, system) => void (to.system = system!),
  },
  STORE_OPTION,
  {
    names: ["-q", "--quiet"],
    values: [],
    summary: "show no progress",
    set: (to) => void (to.quiet = true),
  },
]

function milliseconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds < 2 ** 31 / 1000))
    throw new UsageError(`--timeout takes a number of seconds, not '${text}'`)
  return Math.ceil(seconds * 1000)
}

function byteCount(text: string): number {
  const [, digits, unit = ""] = /^([0-9]+)([KMG]?)i?B?$/i.exec(text) ?? []
  const factor = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit.toUpperCase()]
  if (digits === undefined || factor === undefined)
    throw new UsageError(`--max-memory takes a size such as 512M, not '${text}'`)
  return Number(digits) * factor
}
