/** The subcommands of `tvix`. A new one is a file in this folder, exporting `command`, and a row here. */
import type { Command } from "./command.ts"

export interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  eval: {
    summary: "evaluate Nix programs and print what they are",
    load: async () => (await import("./eval.ts")).command,
  },
  completion: {
    summary: "print a script that completes tvix's command lines in your shell",
    load: async () => (await import("./completion.ts")).command,
  },
}
