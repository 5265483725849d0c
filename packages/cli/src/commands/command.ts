import type { Option } from "../options.ts"

/** A program with subcommands: `tvix`, `tvix-store`. */
export interface Tool {
  readonly name: string
  /** What it does: for its help. */
  readonly about: string
  /** What `--version` prints. */
  readonly version: string
  readonly commands: Readonly<Record<string, CommandEntry>>
  /** Texts of `help` that are not about a command. */
  readonly topics: Readonly<Record<string, Topic>>
  /** Options of every command, which are therefore also taken in front of its name. */
  readonly shared: readonly Option<never>[]
  readonly examples: string
}

export interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

export interface Topic {
  readonly summary: string
  readonly load: () => Promise<string>
}

/** A subcommand: what a file in this folder exports as `command`. */
export interface Command {
  /** Its ways of being called, one a line: `tvix eval [OPTION...] [FILE... | - | -E EXPR]`. */
  readonly usage: string
  /** Paragraphs and examples below the options. */
  readonly details: string
  readonly options: readonly Option<never>[]
  /** What operands are, for completion. */
  readonly operands: "files" | "none" | readonly string[]
  /** The commands that it has of its own, whose names its first operand is one of. What follows are files. */
  readonly tool?: Tool
  /** Takes the words after the command's name; the result is the exit code: 0 done, 1 failed, 2 misused, 130 interrupted. */
  readonly run: (words: readonly string[], tool: Tool) => Promise<number>
}
