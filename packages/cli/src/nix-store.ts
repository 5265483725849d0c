#!/usr/bin/env node
/** `nix-store`: C++ Nix's options, output and exit codes, with a store of ours. */
import { byteStringOf } from "@tvix-ts/bytes"
import { StorePathError } from "@tvix-ts/nix-compat"
import { resolve } from "node:path"
import { runMain } from "./main.ts"
import { settingOptions } from "./nix-config.ts"
import {
  BUILD_OPTIONS,
  ignored,
  INFORMATION_OPTIONS,
  NIX_SYNTAX,
  optionOption,
  runNixCommand,
  type NixCommandSettings,
} from "./nix-options.ts"
import type { Flag, NixStoreSettings, Operation } from "./nix-store/operation.ts"
import { OPERATIONS, REFUSED } from "./nix-store/registry.ts"
import { UsageError, type Option } from "./options.ts"
import { writeError } from "./output.ts"
import { isProblem, problemSentence } from "./problem-sentence.ts"
import { openNamed } from "./session.ts"
import { defaultSettings } from "./settings.ts"
import { onInterrupt } from "./signals.ts"
import { STORE_OPTION } from "./store/settings.ts"

interface CommandSettings extends NixStoreSettings, NixCommandSettings {
  operation: Operation | undefined
  flags: string[]
  stdin: boolean
}

/** What may stand beside any operation. */
const COMMON: readonly Option<CommandSettings>[] = [
  {
    names: ["--add-root"],
    values: ["PATH"],
    summary: "link to what is realised from PATH, which keeps it from being collected, and print the link",
    set: (to, path) => void (to.root = resolve(path)),
  },
  ...BUILD_OPTIONS,
  {
    names: ["--no-output"],
    values: [],
    summary: "do not print what is realised",
    set: (to) => void (to.printPaths = false),
  },
  {
    names: ["--stdin"],
    values: [],
    summary: "take more operands from standard input",
    set: (to) => void (to.stdin = true),
  },
  optionOption,
  STORE_OPTION,
  { names: ["--quiet"], values: [], summary: "say nothing but problems", set: (to) => void (to.quiet = true) },
  ...INFORMATION_OPTIONS,
  ignored(["--indirect"]),
  ignored(["-v", "--verbose"]),
  ignored(["--log-format"], ["FORMAT"]),
]

const OPERATION_OPTIONS = [...OPERATIONS, ...REFUSED].map((operation): Option<CommandSettings> => ({
  names: operation.names,
  values: [],
  set(to) {
    if (to.operation !== undefined && to.operation !== operation) {
      throw new UsageError("only one operation may be specified")
    }
    to.operation = operation
  },
}))

function flagOption({ names, summary }: Flag): Option<CommandSettings> {
  return { names, values: [], ...(summary && { summary }), set: (to) => void to.flags.push(names.at(-1)!) }
}

const FLAG_OPTIONS = OPERATIONS.flatMap(({ flags }) => flags).map(flagOption)
const OWN = [...OPERATION_OPTIONS, ...FLAG_OPTIONS, ...COMMON]
const OWN_NAMES: ReadonlySet<string> = new Set(OWN.flatMap(({ names }) => names))
const OPTIONS = [...settingOptions<CommandSettings>().filter(({ names }) => !OWN_NAMES.has(names.at(-1)!)), ...OWN]
const SYNTAX = { ...NIX_SYNTAX, unknown: (name: string) => `unknown flag '${name}'` }

async function main(words: readonly string[]): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    operation: undefined,
    asked: undefined,
    flags: [],
    stdin: false,
    root: undefined,
    printPaths: true,
    logs: true,
  }
  // Of what is refused the flags are of no interest.
  const refused = REFUSED.find(({ names: [name] }) => words.includes(name!))
  if (refused !== undefined) settings.operation = refused
  const command = {
    name: "nix-store",
    usage: () => helpText(settings.operation),
    options: OPTIONS,
    syntax: SYNTAX,
    settings,
  }
  return runNixCommand(refused === undefined ? words : [], command, (operands) => operate(settings, operands))
}

/** @throws {UsageError} */
async function operate(settings: CommandSettings, operands: readonly string[]): Promise<number> {
  const { operation, flags } = settings
  if (operation === undefined) throw new UsageError("no operation specified")
  const known = new Set(operation.flags.map(({ names }) => names.at(-1)!))
  const unknown = flags.find((flag) => !known.has(flag))
  if (unknown !== undefined) throw new UsageError(`unknown flag '${unknown}'`)
  const interrupt = onInterrupt()
  const { signal } = interrupt
  let opened: ReturnType<typeof openNamed> | undefined
  const open = (): ReturnType<typeof openNamed> => (opened ??= openNamed(settings))
  const view = async () => {
    const { StoreView } = await import("./nix-store/store-view.ts")
    return new StoreView(await open(), signal)
  }
  try {
    const run = await operation.load()
    const all = settings.stdin ? [...operands, ...(await readWords())] : operands
    return await run({ flags, operands: all }, { settings, signal, open, view })
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode
    if (error instanceof UsageError) throw error
    writeError(`error: ${await sentence(error)}\n`)
    return 1
  } finally {
    // Who could not open it was told.
    await (await opened?.catch(() => undefined))?.close()
    interrupt.release()
  }
}

/** A byte string. @throws {unknown} what nobody but us can do something about */
async function sentence(error: unknown): Promise<string> {
  if (error instanceof StorePathError) return error.message
  if (error instanceof Error && isProblem(error)) return byteStringOf(problemSentence(error))
  const { failureText } = await import("./failure.ts")
  return failureText(error)
}

async function readWords(): Promise<string[]> {
  const { readFileSync } = await import("node:fs")
  return readFileSync(0, "utf8")
    .split(/\s+/)
    .filter((word) => word !== "")
}

async function helpText(operation: Operation | undefined): Promise<string> {
  const { optionLines } = await import("./help.ts")
  const options = `Options:\n${optionLines(COMMON)}\n`
  const rows = ({ names, operands, summary }: Operation): Option<never> => ({
    names,
    values: operands === "" ? [] : [operands],
    summary,
    set: () => {},
  })
  if (operation === undefined) {
    const examples = OPERATIONS.map(({ examples: [first] }) => `  nix-store ${first}\n`).join("")
    return `${USAGE}\nOperations:\n${optionLines(OPERATIONS.map(rows))}\n\n${options}\nExamples:\n${examples}`
  }
  const { flags, operands, examples, names } = operation
  const usage = `Usage: nix-store ${[names.at(-1)!, "[OPTION]...", operands].join(" ").trimEnd()}`
  const own = flags.length === 0 ? "" : `${optionLines(flags.map(flagOption))}\n\n`
  const lines = examples.map((words) => `  nix-store ${words}\n`).join("")
  return `${usage}\n\n${optionLines([rows(operation)])}\n\n${own}${options}\nExamples:\n${lines}`
}

const USAGE = `Usage: nix-store OPERATION [OPTION]... [PATH...]

Builds, asks about, moves and collects store paths. As C++ Nix's command of the same name does, with a store of ours:
'nix-store OPERATION --help' tells of one.
`

void runMain(main)
