/** `completion`: scripts for shells, made from the declarations of the commands. */
import { byteStringOf } from "@tvix-ts/bytes"
import { UsageError } from "../options.ts"
import { writeOut } from "../output.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

interface Known {
  readonly name: string
  readonly summary: string
  readonly command: Command
}

const SHELLS: Readonly<Record<string, (tool: string, commands: readonly Known[]) => string>> = { bash, zsh, fish }

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const operands = await readOptions(tool, "completion", words, [], {})
  if (typeof operands === "number") return operands
  const [shell = "", ...more] = operands
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined
  if (script === undefined || more.length > 0) {
    return misuse(tool, new UsageError(`name one shell: ${Object.keys(SHELLS).join(", ")}`), "completion")
  }
  const known = Object.entries(tool.commands).map(async ([name, { summary, load }]) => ({
    name,
    summary,
    command: await load(),
  }))
  writeOut(byteStringOf(script(tool.name, await Promise.all(known))))
  return 0
}

/** Names of a command's options, those with one dash last. */
function optionNames({ options }: Command): string[] {
  const names = options.flatMap(({ names, summary }) => (summary === undefined ? [] : names))
  return [...names.filter((name) => name.startsWith("--")), ...names.filter((name) => !name.startsWith("--"))]
}

/** A name that every shell takes: `_tvix_store`. */
function shellFunction(tool: string): string {
  return `_${tool.replaceAll("-", "_")}`
}

function bash(tool: string, commands: readonly Known[]): string {
  const cases = commands.map(({ name, command }) => {
    const { operands } = command
    const words = [...optionNames(command), "--help", ...(typeof operands === "string" ? [] : operands)]
    return `    ${name}) words="${words.join(" ")}" ;;\n`
  })
  return `# bash completion for ${tool}: source <(${tool} completion bash)
${shellFunction(tool)}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words="${commands.map(({ name }) => name).join(" ")} --help --version"
  [ "$COMP_CWORD" -gt 1 ] && case "\${COMP_WORDS[1]}" in
${cases.join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F ${shellFunction(tool)} ${tool}
`
}

function zsh(tool: string, commands: readonly Known[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
  const cases = commands.map(({ name, command }) => {
    const options = command.options.flatMap(({ names, values, summary }) =>
      summary === undefined
        ? []
        : names.map((each) => {
            const label = summary.replace(/[[\]:\\]/g, "\\$&")
            return quote(`*${each}[${label}]${values.map((value) => `:${value}:_files`).join("")}`)
          }),
    )
    const { operands } = command
    const rest =
      operands === "files" ? ["'*:file:_files'"] : operands === "none" ? [] : [`'1:word:(${operands.join(" ")})'`]
    return `    ${name}) _arguments ${[...options, "'--help[print help]'", ...rest].join(" ")} ;;\n`
  })
  const names = commands.map(({ name, summary }) => quote(`${name}:${summary.replaceAll(":", "\\:")}`))
  return `#compdef ${tool}
# zsh completion for ${tool}: ${tool} completion zsh > "\${fpath[1]}/_${tool}"
${shellFunction(tool)}() {
  if (( CURRENT == 2 )); then
    local -a commands=(${names.join(" ")})
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
${cases.join("")}  esac
}
compdef ${shellFunction(tool)} ${tool}
`
}

function fish(tool: string, commands: readonly Known[]): string {
  const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`
  const lines = [
    `# fish completion for ${tool}: ${tool} completion fish | source`,
    `complete -c ${tool} -n __fish_use_subcommand -f`,
  ]
  for (const { name, summary, command } of commands) {
    lines.push(`complete -c ${tool} -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`)
    const inside = `complete -c ${tool} -n '__fish_seen_subcommand_from ${name}'`
    if (typeof command.operands !== "string") lines.push(`${inside} -f -a ${quote(command.operands.join(" "))}`)
    for (const option of command.options) {
      if (option.summary === undefined) continue
      const flags = option.names.map((each) => (each.startsWith("--") ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`))
      lines.push(`${inside} ${flags.join(" ")}${option.values.length > 0 ? " -r" : ""} -d ${quote(option.summary)}`)
    }
  }
  return `${lines.join("\n")}\n`
}

export function completion(tool: string): Command {
  return {
    usage: `${tool} completion bash | zsh | fish`,
    details: `Examples:
  source <(${tool} completion bash)
  ${tool} completion zsh > "\${fpath[1]}/_${tool}"
  ${tool} completion fish > ~/.config/fish/completions/${tool}.fish`,
    options: [],
    operands: Object.keys(SHELLS),
    run,
  }
}
