/** What is said of builds that failed, and what the command ends with. */
import { BuildError } from "@tvix-ts/build"
import { RealiseError, type Realised } from "@tvix-ts/glue/build"
import { describe, type Failure } from "@tvix-ts/eval"
import { failureOf } from "../failure.ts"
import { isTerminal, printable } from "../output.ts"
import type { Voice } from "../run-evaluation.ts"

/** Bits of C++ Nix's exit codes, which `nix-build` has (libstore/build/worker.cc). */
const ANY = 0x60
const TIMED_OUT = 1
const HASH_MISMATCH = 2
const NOT_BUILT = 4
const NOT_DETERMINISTIC = 8

export interface Failures {
  /** Each problem once. */
  readonly problems: readonly Failure[]
  /** What there is to say of them, in a few lines each: byte strings. */
  readonly messages: readonly string[]
  /** An exit code; 0 if nothing failed. */
  readonly status: number
}

export function failuresOf({ failures }: Realised, voice: Voice): Failures {
  const causes = new Set<unknown>()
  for (const failure of failures.values()) addCauses(failure, causes)
  if (causes.size === 0) return { problems: [], messages: [], status: 0 }
  let bits = 0
  for (const cause of causes) bits |= bitsOf(cause)
  const problems = [...causes].map(failureOf)
  const messages = [...causes].map((cause, i) => messageOf(problems[i]!) + whereMore(cause, voice))
  return { problems, messages, status: voice === "nix" ? ANY | bits : 1 }
}

/** Where the rest is of a log of which only the end was shown. */
function whereMore(cause: unknown, voice: Voice): string {
  if (!(cause instanceof RealiseError) || cause.problem.code !== "build-failed") return ""
  const { derivation, log } = cause.problem
  return log.omitted === 0 ? "" : `\nfor all of them: ${voice === "nix" ? "nix-store -l" : "tvix log"} ${derivation}`
}

/** The builder's last words may be in it, which a terminal is not to obey. */
function messageOf({ problem }: Failure): string {
  const text = describe(problem)
  return isTerminal(2) ? text.split("\n").map(printable).join("\n") : text
}

/** What failed for want of others is told by these. */
function addCauses(error: unknown, causes: Set<unknown>): void {
  const isConsequence = error instanceof RealiseError && error.problem.code === "dependencies-failed"
  if (isConsequence) for (const cause of error.causes) addCauses(cause, causes)
  else causes.add(error)
}

function bitsOf(error: unknown): number {
  if (!(error instanceof RealiseError)) return NOT_BUILT
  if (error.problem.code === "not-deterministic") return NOT_DETERMINISTIC
  if (error.problem.code === "hash-mismatch") return NOT_BUILT | HASH_MISMATCH
  const { cause } = error
  const isTimeout =
    cause instanceof BuildError && (cause.problem.code === "timeout" || cause.problem.code === "silence")
  return isTimeout ? NOT_BUILT | TIMED_OUT : NOT_BUILT
}
