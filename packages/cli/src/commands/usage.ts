/** How commands read their options and tell of misuse. */
import { byteStringOf } from "@tvix-ts/bytes"
import { didYouMean } from "@tvix-ts/eval"
import { parseOptions, UsageError, type Option } from "../options.ts"
import { writeError, writeOut } from "../output.ts"
import type { Tool } from "./command.ts"

const EXIT_USAGE = 2

/** Fails with a hint at the nearest of `known`. */
export function unknownWord(kind: string, word: string, known: readonly string[]): never {
  const near = didYouMean(known, word)
  throw new UsageError(`unknown ${kind} '${word}'${near === undefined ? "" : `\n${near}`}`)
}

/**
 * Reads `words` into `settings`. The result is the operands, or the exit code if that was all: `--help` was asked for, or
 * the words make no sense.
 */
export async function readOptions<Settings>(
  tool: Tool,
  name: string,
  words: readonly string[],
  options: readonly Option<Settings>[],
  settings: Settings,
): Promise<string[] | number> {
  const end = words.indexOf("--")
  const asked = end < 0 ? words : words.slice(0, end)
  if (asked.includes("--help") || asked.includes("-h")) {
    const { commandHelp } = await import("../help.ts")
    writeOut(byteStringOf(await commandHelp(tool, name)))
    return 0
  }
  const advertised = options.flatMap(({ names, summary }) => (summary === undefined ? [] : names))
  try {
    return parseOptions(words, options, settings, {
      clusters: false,
      unknown: (word) => unknownWord("option", word, advertised),
      missing: ({ values }, word, given) => `${word} needs ${values.slice(given).join(" and ")}`,
    })
  } catch (error) {
    return misuse(tool, error, name)
  }
}

/** Tells of a {@link UsageError}; anything else is thrown on. */
export function misuse(tool: Tool, error: unknown, command?: string): number {
  if (!(error instanceof UsageError)) throw error
  writeError(`${tool.name}: ${byteStringOf(error.message)}\n`)
  writeError(`Try '${tool.name} ${command === undefined ? "" : `${command} `}--help'.\n`)
  return EXIT_USAGE
}
