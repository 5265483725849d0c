/** `completion`: scripts for shells, made from the declarations of the commands. */
import { byteStringOf } from "@tvix-ts/bytes"
import { UsageError, type Option } from "../options.ts"
import { writeOut } from "../output.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

interface Known {
  readonly name: string
  readonly summary: string
  readonly command: Command
}

const SHELLS: Readonly<Record<string, (tool: Tool, commands: readonly Known[]) => string>> = { bash, zsh, fish }

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
    command: await withInnerOptions(await load()),
  }))
  writeOut(byteStringOf(script(tool, await Promise.all(known))))
  return 0
}

/** The command with the options of those that it has of its own: which one of these it is, scripts do not tell apart. */
async function withInnerOptions(command: Command): Promise<Command> {
  if (command.tool === undefined) return command
  const inner = await Promise.all(Object.values(command.tool.commands).map(async ({ load }) => load()))
  const options = new Map(
    [command, ...inner].flatMap(({ options }) => options).map((option) => [option.names[0], option]),
  )
  return { ...command, options: [...options.values()] }
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

/** Names of those that take a value: what follows them is no command. */
function namesWithValue(options: readonly Option<never>[]): string[] {
  return options.flatMap(({ names, values }) => (values.length > 0 ? names : []))
}

function bash(tool: Tool, commands: readonly Known[]): string {
  const cases = commands.map(({ name, command }) => {
    const { operands } = command
    const words = typeof operands === "string" ? "" : operands.join(" ")
    // Files, which are what bash completes where there are no words.
    const first = command.tool === undefined ? "" : `; [ "$COMP_CWORD" -eq $((at + 1)) ] || words="";`
    return `    ${name}) words="${words}"${first} options="${[...optionNames(command), "--help"].join(" ")}" ;;\n`
  })
  const names = commands.map(({ name }) => name).join(" ")
  const shared = [...tool.shared.flatMap((option) => option.names), "--help", "--version"]
  const values = namesWithValue(tool.shared)
  const skip = values.length === 0 ? "" : `      ${values.join(" | ")}) at=$((at + 2)) ;;\n`
  return `# bash completion for ${tool.name}: source <(${tool.name} completion bash)
${shellFunction(tool.name)}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" at=1 words="${names} help" options="${shared.join(" ")}"
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case "\${COMP_WORDS[at]}" in
${skip}      -*) at=$((at + 1)) ;;
      *) break ;;
    esac
  done
  [ "$COMP_CWORD" -gt "$at" ] && case "\${COMP_WORDS[at]}" in
    help) words="${[names, ...Object.keys(tool.topics)].join(" ")}" options="" ;;
${cases.join("")}  esac
  case "$word" in -*) words=$options ;; esac
  [ "$at" -le "$COMP_CWORD" ] || words=""
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F ${shellFunction(tool.name)} ${tool.name}
`
}

function zsh({ name: tool, shared, topics }: Tool, commands: readonly Known[]): string {
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
    if (command.tool !== undefined) rest.push("'*:file:_files'")
    return `    ${name}) _arguments ${[...options, "'--help[print help]'", ...rest].join(" ")} ;;\n`
  })
  const describe = (name: string, summary: string): string => quote(`${name}:${summary.replaceAll(":", "\\:")}`)
  const names = [...commands.map(({ name, summary }) => describe(name, summary)), describe("help", "print help")]
  const helped = [...commands.map(({ name }) => name), ...Object.keys(topics)]
  const values = namesWithValue(shared)
  const skip = values.length === 0 ? "" : `      (${values.join("|")}) shift 2 words; (( CURRENT -= 2 )) ;;\n`
  return `#compdef ${tool}
# zsh completion for ${tool}: ${tool} completion zsh > "\${fpath[1]}/_${tool}"
${shellFunction(tool)}() {
  while (( CURRENT > 2 )); do
    case $words[2] in
${skip}      (-*) shift words; (( CURRENT-- )) ;;
      (*) break ;;
    esac
  done
  if (( CURRENT == 2 )); then
    local -a commands=(${names.join(" ")})
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
    help) compadd -- ${helped.join(" ")} ;;
${cases.join("")}  esac
}
compdef ${shellFunction(tool)} ${tool}
`
}

function fish({ name: tool, shared, topics }: Tool, commands: readonly Known[]): string {
  const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`
  const lines = [
    `# fish completion for ${tool}: ${tool} completion fish | source`,
    `complete -c ${tool} -n __fish_use_subcommand -f`,
  ]
  const addOption = (condition: string, { names, values, summary }: Option<never>): void => {
    const flags = names.map((each) => (each.startsWith("--") ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`))
    if (summary !== undefined) {
      lines.push(`${condition} ${flags.join(" ")}${values.length > 0 ? " -r" : ""} -d ${quote(summary)}`)
    }
  }
  for (const option of shared) addOption(`complete -c ${tool} -n __fish_use_subcommand`, option)
  const helped = [...commands.map(({ name }) => name), ...Object.keys(topics)]
  lines.push(`complete -c ${tool} -n __fish_use_subcommand -a help -d 'print help'`)
  lines.push(`complete -c ${tool} -n '__fish_seen_subcommand_from help' -f -a '${helped.join(" ")}'`)
  for (const { name, summary, command } of commands) {
    lines.push(`complete -c ${tool} -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`)
    const inside = `complete -c ${tool} -n '__fish_seen_subcommand_from ${name}'`
    if (typeof command.operands !== "string") {
      lines.push(`${inside}${command.tool === undefined ? " -f" : ""} -a ${quote(command.operands.join(" "))}`)
    }
    for (const option of command.options) addOption(inside, option)
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
