/** What is said of builds that failed, and what the command ends with. */
import { BuildError, type BuildProblem } from "@tvix-ts/build"
import { RealiseError, type Realised } from "@tvix-ts/glue/build"
import { describe, type Failure } from "@tvix-ts/eval"
import { failureOf } from "../failure.ts"
import { isTerminal, printable } from "../output.ts"
import type { Voice } from "../run-evaluation.ts"

/**
 * Bits of C++ Nix's exit codes, which `nix-build` has (libstore/build-result.cc). Without any it is 1: what could come out
 * otherwise another time, and outputs that are not what they should be.
 */
const ANY = 0x60
const OTHER = 1
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
  return { problems, messages, status: voice === "nix" && bits !== 0 ? ANY | bits : OTHER }
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
  if (!(error instanceof RealiseError)) return 0
  switch (error.problem.code) {
    case "not-deterministic":
      return NOT_DETERMINISTIC
    case "hash-mismatch":
      return NOT_BUILT | HASH_MISMATCH
    case "platform":
    case "no-jobs":
    case "unsupported":
      return NOT_BUILT
    case "build-failed":
      return error.cause instanceof BuildError ? bitsOfBuild(error.cause.problem, error.problem.isFixed) : NOT_BUILT
    case "derivation-missing":
    case "output-unknown":
    case "path-missing":
    case "check-missing":
    case "not-flat":
    case "fixed-references":
    case "cycle":
    case "output-rejected":
    case "graph":
    case "dependencies-failed":
      return 0
  }
}

function bitsOfBuild({ code }: BuildProblem, isFixed: boolean): number {
  switch (code) {
    case "timeout":
    case "silence":
      return NOT_BUILT | TIMED_OUT
    case "invalid":
    case "unsupported":
      return NOT_BUILT
    case "start":
    case "exit":
    case "signal":
    case "memory":
    case "failed":
      return isFixed ? 0 : NOT_BUILT
    case "log-limit":
    case "output-missing":
    case "output-invalid":
    case "disk-full":
      return 0
  }
}
