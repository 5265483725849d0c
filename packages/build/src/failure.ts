/** Problems as messages: `BuildFailure` of tvix_ts.build.v1. One row for each code, read in both directions. */
import { create } from "@bufbuild/protobuf"
import { BuildFailureSchema, type BuildFailure } from "@tvix-ts/protos"
import type { BuildProblem } from "./problem.ts"

/** What a message has. */
interface Parts {
  readonly subject?: string
  readonly reason?: string
  readonly number?: number
}

type Code = BuildProblem["code"]
interface Row<P> {
  parts(problem: P): Parts
  problem(parts: Required<Parts>): P
}

function withReason<C extends "unsupported" | "start" | "disk-full" | "failed">(
  code: C,
): Row<{ readonly code: C; readonly reason: string }> {
  return { parts: ({ reason }) => ({ reason }), problem: ({ reason }) => ({ code, reason }) }
}

const ROWS: { readonly [C in Code]: Row<Extract<BuildProblem, { readonly code: C }>> } = {
  invalid: {
    parts: ({ field, reason }) => ({ subject: field, reason }),
    problem: ({ subject, reason }) => ({ code: "invalid", field: subject, reason }),
  },
  unsupported: withReason("unsupported"),
  start: withReason("start"),
  exit: { parts: ({ status }) => ({ number: status }), problem: ({ number }) => ({ code: "exit", status: number }) },
  signal: {
    parts: ({ signal }) => ({ subject: signal }),
    problem: ({ subject }) => ({ code: "signal", signal: subject }),
  },
  timeout: {
    parts: ({ limitMs }) => ({ number: limitMs }),
    problem: ({ number }) => ({ code: "timeout", limitMs: number }),
  },
  silence: {
    parts: ({ limitMs }) => ({ number: limitMs }),
    problem: ({ number }) => ({ code: "silence", limitMs: number }),
  },
  "log-limit": {
    parts: ({ limit }) => ({ number: limit }),
    problem: ({ number }) => ({ code: "log-limit", limit: number }),
  },
  memory: { parts: ({ limit }) => ({ number: limit }), problem: ({ number }) => ({ code: "memory", limit: number }) },
  "output-missing": {
    parts: ({ path }) => ({ subject: path }),
    problem: ({ subject }) => ({ code: "output-missing", path: subject }),
  },
  "output-invalid": {
    parts: ({ path, reason }) => ({ subject: path, reason }),
    problem: ({ subject, reason }) => ({ code: "output-invalid", path: subject, reason }),
  },
  "disk-full": withReason("disk-full"),
  failed: withReason("failed"),
}

export function messageOfProblem(problem: BuildProblem): BuildFailure {
  const { subject = "", reason = "", number = 0 } = (ROWS[problem.code] as Row<BuildProblem>).parts(problem)
  return create(BuildFailureSchema, { code: problem.code, subject, reason, number: BigInt(number) })
}

/** A code that is not known here is a failure, too. */
export function problemOfMessage({ code, subject, reason, number }: BuildFailure): BuildProblem {
  const row = Object.hasOwn(ROWS, code) ? ROWS[code as Code] : undefined
  if (row === undefined) return { code: "failed", reason: reason === "" ? `the peer says '${code}'` : reason }
  return row.problem({ subject, reason, number: Number(number) })
}
