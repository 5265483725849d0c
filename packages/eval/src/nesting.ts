import { fail } from "./problem.ts"

/**
 * Levels after which a value that is walked through counts as endless, as one that contains itself is. C++ Nix, which
 * counts them as calls, gives up after ten thousand; a walk of ours needs some hundred bytes a level.
 */
const NESTING_MAX = 2_000_000

export function checkNesting(levels: number): void {
  if (levels > NESTING_MAX) fail({ code: "stack-overflow" })
}
