/** When both have said the same of a program that fails. */
import type { Reply } from "./repl.ts"

/** What C++ Nix says when it has done what evaluation alone does not: built, fetched, or looked at its own database. */
const BEYOND_EVALUATION = [
  // Its builder has ended, for want of a sandbox and a user to run as.
  /unexpected EOF reading a line|^Cannot build|^build of .* failed/,
  /is required, but there is no substituter that can build it/,
  /^derivation '.*' does not have output/,
  // Something that is not a derivation was added under the name of one.
  /derivation has incorrect output|error parsing derivation/,
  // Too much for it.
  /C\+\+ Nix ended with (SIG|.*File name too long)/,
]
/** What it says instead of that something is not there, when it is asked for what no store object can be called. */
const NO_STORE_PATH = /valid store path|illegal base-32 character|'\/nix\/store\/' is not in the Nix store/

/** Whether the reply of C++ Nix says nothing about evaluation. */
export function isBeyondEvaluation(our: Reply, their: Reply): boolean {
  if (!("error" in their)) return false
  return (
    BEYOND_EVALUATION.some((message) => message.test(their.error)) ||
    ("value" in our && NO_STORE_PATH.test(their.error))
  )
}

/**
 * Whether two messages are the same but for indentation, which C++ Nix gives them with a trace, and for which of several
 * store paths is told of: it goes through sets in the order in which their names were first seen.
 */
export function isSameMessage(our: string, their: string): boolean {
  if (NO_STORE_PATH.test(their) && our.endsWith("does not exist")) return true
  return plain(our) === plain(their)
}

function plain(message: string): string {
  return message
    .replace(/\s+/g, " ")
    .replace(/[0-9a-z]{32}-[\w+.?=-]+/g, "…")
    .trim()
}
