import type { Option } from "../options.ts"

/** A subcommand of `tvix`: what a file in this folder exports as `command`. */
export interface Command {
  /** Its ways of being called, one a line: `tvix eval [OPTION...] [FILE... | - | -E EXPR]`. */
  readonly usage: string
  /** Paragraphs and examples below the options. */
  readonly details: string
  readonly options: readonly Option<never>[]
  /** What operands are, for completion. */
  readonly operands: "files" | "none" | readonly string[]
  /** Takes the words after the command's name; the result is the exit code: 0 done, 1 failed, 2 misused. */
  readonly run: (words: readonly string[]) => Promise<number>
}
