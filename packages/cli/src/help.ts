/** Help texts, made from the declarations of the options. Loaded only when somebody asks. */
import type { Tool } from "./commands/command.ts"
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

/** Paragraphs as wide as the rest. Those with indented lines, examples and tables, are as they are meant. */
function wrapped(text: string): string {
  const paragraphs = text.split("\n\n").map((paragraph) => {
    if (/^ /m.test(paragraph)) return paragraph
    const lines = [""]
    for (const word of paragraph.split(/[ \n]/)) {
      const line = lines.at(-1)!
      if (line !== "" && line.length + 1 + word.length > WIDTH) lines.push(word)
      else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
    }
    return lines.join("\n")
  })
  return paragraphs.join("\n\n")
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
export function toolHelp({ name, about, commands, topics, shared, examples }: Tool): string {
  const rows = (entries: Readonly<Record<string, { readonly summary: string }>>): string =>
    Object.entries(entries)
      .map(([word, { summary }]) => entry(`  ${word}`, summary))
      .join("\n")
  const more = Object.keys(topics).length === 0 ? "" : `\nHelp on other things, by ${name} help:\n${rows(topics)}\n`
  const options = [
    optionLines(shared),
    entry("  --help", `print this; ${name} COMMAND --help tells of one command`),
    entry("  --version", "print the version"),
  ]
  return `Usage: ${name} COMMAND [OPTION...]

${about}

Commands:
${rows(commands)}
${more}
Options:
${options.filter((text) => text !== "").join("\n")}

Examples:
${examples}
`
}

/** `tvix COMMAND --help` */
export async function commandHelp(tool: Tool, name: string): Promise<string> {
  const { summary, load } = tool.commands[name]!
  const { usage, details, options } = await load()
  const help = entry("  -h, --help", "print this")
  return `Usage: ${usage.replaceAll("\n", "\n       ")}

${summary[0]!.toUpperCase()}${summary.slice(1)}.

Options:
${[optionLines(options), help].filter((text) => text !== "").join("\n")}

${wrapped(details)}
`
}
