/** `tvix derivation`: a tool in the tool, with commands of its own. */
import { NIX_VERSION, VERSION } from "../version.ts"
import { runTool } from "../tool.ts"
import type { Command, Tool } from "./command.ts"

const TOOL: Tool = {
  name: "tvix derivation",
  about: "Shows derivations, and says what differs between two.",
  version: `tvix ${VERSION}, the derivations of Nix ${NIX_VERSION}`,
  commands: {
    show: {
      summary: "print derivations as JSON",
      load: async () => (await import("../derivation/commands/show.ts")).command,
    },
    diff: {
      summary: "say why a derivation would be built anew",
      load: async () => (await import("../derivation/commands/diff.ts")).command,
    },
  },
  topics: {},
  shared: [],
  examples: `  tvix derivation show -r /nix/store/h8kcr7y65ayj0wp8dfl8c59f488swkz4-greeting.drv
  tvix derivation diff before.drv after.drv`,
}

export const command: Command = {
  usage: "tvix derivation show | diff [OPTION...] DERIVATION...",
  details: "See tvix derivation show --help and tvix derivation diff --help.",
  options: [],
  operands: Object.keys(TOOL.commands),
  tool: TOOL,
  run: async (words) => runTool(TOOL, words),
}
