/** `tvix eval-jobs` */
import { jobSettings, OPTIONS, programOf } from "../jobs/settings.ts"
import { runJobs } from "../jobs/run.ts"
import { applyConfiguration } from "../nix-config.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = jobSettings()
  applyConfiguration(settings)
  const operands = await readOptions(tool, "eval-jobs", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  try {
    programOf(operands, settings)
  } catch (error) {
    return misuse(tool, error, "eval-jobs")
  }
  return runJobs(words, settings)
}

export const command: Command = {
  usage: "tvix eval-jobs [OPTION...] FILE\ntvix eval-jobs [OPTION...] -E EXPR",
  details: `Evaluates all derivations in a set, in several processes, and prints a line of JSON for each, with the members that
nix-eval-jobs prints: attr, attrPath, name, system, drvPath, outputs and more; or attr, attrPath and error. An
attribute that fails, runs out of memory or kills its process does not keep the others from being evaluated, and
the exit code is 0 then, too.

The program is a set, or a function to one whose arguments have defaults or are given with --arg. Sets in it are
gone into if they have recurseForDerivations = true. Lists are not: --select 'list: builtins.listToAttrs …' makes
a set of one.

Examples:
  tvix eval-jobs '<nixpkgs>' > jobs.json
  tvix eval-jobs --force-recurse --meta release.nix
  tvix eval-jobs --workers 4 --max-memory-size 2048 --ordered '<nixpkgs>' --select 'pkgs: pkgs.python3Packages'
  tvix eval-jobs -E 'import ./ci.nix { }' | jq -r 'select(.error) | .attr'`,
  options: OPTIONS,
  operands: "files",
  run,
}
