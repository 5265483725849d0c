/** The subcommands of `tvix`. A new one is a file in this folder, exporting `command`, and a row here. */
import { NIX_VERSION, VERSION } from "../version.ts"
import type { CommandEntry, Tool } from "./command.ts"
import { command as evalCommand } from "./eval.ts"

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  eval: {
    summary: "evaluate Nix programs and print what they are",
    // Part of the program and not loaded apart: it is what a start must be quick for.
    load: () => Promise.resolve(evalCommand),
  },
  instantiate: {
    summary: "write the derivations that Nix programs evaluate to, and print where they are",
    load: async () => (await import("./instantiate.ts")).command,
  },
  build: {
    summary: "build the derivations that Nix programs evaluate to",
    load: async () => (await import("./build.ts")).command,
  },
  run: {
    summary: "build a program, and run it",
    load: async () => (await import("./run.ts")).command,
  },
  shell: {
    summary: "build programs, and start a shell that has them",
    load: async () => (await import("./shell.ts")).command,
  },
  "why-depends": {
    summary: "say how one store path leads to another",
    load: async () => (await import("./why-depends.ts")).command,
  },
  log: {
    summary: "print what the builder of a store path said",
    load: async () => (await import("./log.ts")).command,
  },
  "eval-jobs": {
    summary: "evaluate all derivations in a set, in several processes",
    load: async () => (await import("./eval-jobs.ts")).command,
  },
  derivation: {
    summary: "show derivations, and say what differs between two",
    load: async () => (await import("./derivation.ts")).command,
  },
  repl: {
    summary: "evaluate expressions as you type them",
    load: async () => (await import("./repl.ts")).command,
  },
  lint: {
    summary: "say what is unused, useless or out of date in Nix files",
    load: async () => (await import("./lint.ts")).command,
  },
  warm: {
    summary: "keep a process that has compiled the evaluator, and evaluates for the others",
    load: async () => (await import("./warm.ts")).warmCommand(TVIX),
  },
  completion: {
    summary: "print a script that completes tvix's command lines in your shell",
    load: async () => (await import("./completion.ts")).completion("tvix"),
  },
}

export const TVIX: Tool = {
  name: "tvix",
  about: "Evaluates Nix, the language, and writes the derivations that programs describe.",
  version: `tvix ${VERSION}, the language of Nix ${NIX_VERSION}`,
  commands: COMMANDS,
  topics: {},
  shared: [],
  examples: `  tvix eval -E '1 + 1'
  tvix instantiate '<nixpkgs>' -A hello`,
}
