/** `tvix warm`: a tool in the tool, with commands of its own. */
import { NIX_VERSION, VERSION } from "../version.ts"
import { runTool } from "../tool.ts"
import type { Command, Tool } from "./command.ts"

/** @param outer whose commands the process is to run */
export function warmCommand(outer: Tool): Command {
  const tool: Tool = {
    name: "tvix warm",
    about:
      "Keeps a process that has compiled the evaluator, and evaluates for tvix eval, tvix instantiate and nix-instantiate.",
    version: `tvix ${VERSION}, the language of Nix ${NIX_VERSION}`,
    commands: {
      start: {
        summary: "start it, in the background",
        load: async () => (await import("../warm/commands/start.ts")).startCommand(outer),
      },
      status: {
        summary: "say whether there is one, and what it has done",
        load: async () => (await import("../warm/commands/status.ts")).command,
      },
      stop: {
        summary: "end it",
        load: async () => (await import("../warm/commands/stop.ts")).command,
      },
    },
    topics: {},
    shared: [],
    examples: `  tvix warm start
  tvix instantiate '<nixpkgs>' -A hello
  tvix warm stop`,
  }
  return {
    usage: "tvix warm start | status | stop [OPTION...]",
    details: "See tvix warm start --help, tvix warm status --help and tvix warm stop --help.",
    options: [],
    operands: Object.keys(tool.commands),
    tool,
    run: async (words) => runTool(tool, words),
  }
}
