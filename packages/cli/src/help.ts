/** Help texts, made from the declarations of the options. Loaded only when somebody asks. */
import { COMMANDS } from "./commands/registry.ts"
import type { Option } from "./options.ts"

const WIDTH = 100
const COLUMN = 26

/** One paragraph an option; those without a summary are left out. */
export function optionLines(options: readonly Option<never>[]): string {
  return options
    .filter(({ summary }) => summary !== undefined)
    .map(({ names, values, summary }) => entry(`  ${[names.join(", "), ...values].join(" ")}`, summary!))
    .join("\n")
}

/** `term` and beside it `text`, wrapped. */
function entry(term: string, text: string): string {
  const lines: string[] = []
  let line = term.length < COLUMN - 1 ? term.padEnd(COLUMN) : undefined
  if (line === undefined) {
    lines.push(term)
    line = " ".repeat(COLUMN)
  }
  for (const word of text.split(" ")) {
    if (line.length + word.length > WIDTH) {
      lines.push(line.trimEnd())
      line = " ".repeat(COLUMN)
    }
    line += `${word} `
  }
  return [...lines, line.trimEnd()].join("\n")
}

/** `tvix --help` */
export function programHelp(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => entry(`  ${name}`, summary))
  return `Usage: tvix COMMAND [OPTION...]

Evaluates Nix, the language.

Commands:
${commands.join("\n")}

Options:
${entry("  --help", "print this; tvix COMMAND --help tells of one command")}
${entry("  --version", "print the version")}

Example:
  tvix eval -E '1 + 1'
`
}

/** `tvix COMMAND --help` */
export async function commandHelp(name: string): Promise<string> {
  const { summary, load } = COMMANDS[name]!
  const { usage, details, options } = await load()
  const help = entry("  -h, --help", "print this")
  return `Usage: ${usage.replaceAll("\n", "\n       ")}

${summary[0]!.toUpperCase()}${summary.slice(1)}.

Options:
${[optionLines(options), help].filter((text) => text !== "").join("\n")}

${details}
`
}
