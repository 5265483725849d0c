/** `tvix run` */
import { textOf } from "@tvix-ts/bytes"
import { Failure } from "@tvix-ts/eval"
import type { BuiltOutput, Deliver } from "../build/build.ts"
import type { EnterCommand } from "../build/enter.ts"
import type { Instantiated } from "../instantiate.ts"
import type { RunOptions } from "../run-evaluation.ts"
import { UsageError, type Option } from "../options.ts"
import { BUILD_OPTIONS, programSettings, programsOf, type ProgramSettings } from "./build-options.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

interface RunSettings extends ProgramSettings {
  /** Which of the programs that were built. */
  program: string | undefined
}

const OPTIONS: readonly Option<RunSettings>[] = [
  {
    names: ["-p", "--program"],
    values: ["NAME"],
    summary: "run bin/NAME; without, the one that is called like the derivation, or the only one there is",
    set: (to, name) => void (to.program = name),
  },
  ...BUILD_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: RunSettings = { ...programSettings(), program: undefined }
  // What is behind it is not ours to read.
  const end = words.indexOf("--")
  const own = end < 0 ? words : words.slice(0, end)
  const operands = await readOptions(tool, "run", own, OPTIONS, settings)
  if (typeof operands === "number") return operands
  if (process.platform !== "linux") return misuse(tool, new UsageError("only Linux can run what was built"), "run")
  const { buildPrograms } = await import("../build/build.ts")
  const { become, enterCommand } = await import("../build/enter.ts")
  let enter: EnterCommand | undefined
  let program = ""
  const deliver: Deliver = async ([one], store, { places }) => {
    if (one === undefined) return
    program = await programOf(one, settings, store)
    enter = await enterCommand([one.storePath], store, places)
  }
  const options: RunOptions = { programs: programsOf(operands, settings), voice: "tvix" }
  const status = await buildPrograms(settings, options, deliver, checkOnlyOne)
  if (status !== 0 || enter === undefined) return status
  return become(enter, [program, ...(end < 0 ? [] : words.slice(end + 1))], process.env)
}

function checkOnlyOne({ length }: readonly Instantiated[]): void {
  if (length === 0) refuse("there is nothing to run: no derivation was found")
  if (length > 1) refuse(`there are ${length} derivations: say which to run with -A`)
}

/** Where it is: a path. */
async function programOf(
  { of, storePath }: BuiltOutput,
  settings: RunSettings,
  store: Parameters<Deliver>[1],
): Promise<string> {
  const info = await store.pathInfos.get(storePath.slice("/nix/store/".length, "/nix/store/".length + 32))
  const root = info?.node.type === "directory" ? await store.directories.get(info.node.digest) : undefined
  const bin = root?.entries.find(([name]) => name === "bin")?.[1]
  const names = (bin?.type === "directory" ? ((await store.directories.get(bin.digest))?.entries ?? []) : []).map(
    ([name]) => name,
  )
  // As C++ Nix takes names apart: the version is behind the first dash that no letter follows.
  const plain = of.name.replace(/-[^A-Za-z].*$/s, "")
  const wanted = settings.program ?? (names.length === 1 ? names[0]! : plain)
  if (!names.includes(wanted)) {
    const known = names.length === 0 ? "it has no programs" : `it has ${names.map(textOf).join(", ")}`
    refuse(`there is no program '${textOf(wanted)}' in ${textOf(storePath)}: ${known}`)
  }
  return `${textOf(storePath)}/bin/${textOf(wanted)}`
}

function refuse(message: string): never {
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  throw new Failure({ code: "invalid-argument", message })
}

export const command: Command = {
  usage: "tvix run [OPTION...] [FILE | - | -E EXPR] [-- ARGUMENT...]",
  details: `Builds a derivation, as tvix build does, and runs a program of it, in a mount namespace in which its store paths are where
it expects them. Nothing else is hidden from it, but the machine's own /nix/store.

Examples:
  tvix run '<nixpkgs>' -A hello -- --greeting 'Hi!'
  tvix run tools.nix -A git -p git -- status`,
  options: OPTIONS,
  operands: "files",
  run,
}
