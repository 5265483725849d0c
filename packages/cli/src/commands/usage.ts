/** How `tvix` commands read their options and tell of misuse. */
import { byteStringOf } from "@tvix-ts/bytes"
import { didYouMean } from "@tvix-ts/eval"
import { parseOptions, UsageError, type Option } from "../options.ts"
import { writeError, writeOut } from "../output.ts"

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
  name: string,
  words: readonly string[],
  options: readonly Option<Settings>[],
  settings: Settings,
): Promise<string[] | number> {
  const end = words.indexOf("--")
  const asked = end < 0 ? words : words.slice(0, end)
  if (asked.includes("--help") || asked.includes("-h")) {
    const { commandHelp } = await import("../help.ts")
    writeOut(byteStringOf(await commandHelp(name)))
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
    return misuse(error, name)
  }
}

/** Tells of a {@link UsageError}; anything else is thrown on. */
export function misuse(error: unknown, command?: string): number {
  if (!(error instanceof UsageError)) throw error
  writeError(`tvix: ${byteStringOf(error.message)}\n`)
  writeError(`Try 'tvix ${command === undefined ? "" : `${command} `}--help'.\n`)
  return EXIT_USAGE
}
