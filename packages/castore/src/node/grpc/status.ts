/** Errors on their way through gRPC: one row for each code, read in both directions, so that client and server agree. */
import { status, status as GrpcStatusCode, type ServiceError } from "@grpc/grpc-js"
import { CastoreError, type CastoreProblem } from "../../problem.ts"

type Code = CastoreProblem["code"]

interface Row<C extends Code> {
  readonly status: status
  /** What other servers say for the same; only read. */
  readonly also: readonly status[]
  /** The problem that {@link CastoreError} made `message` of, or something near to it if somebody else wrote it. */
  problem(message: string): Extract<CastoreProblem, { readonly code: C }>
}

const ROWS: { readonly [C in Code]: Row<C> } = {
  invalid: {
    status: status.INVALID_ARGUMENT,
    also: [status.OUT_OF_RANGE],
    problem: (message) => {
      const [, field = "request", reason = message] = /^([\w.[\]]+): (.*)$/s.exec(message) ?? []
      return { code: "invalid", field, reason }
    },
  },
  missing: {
    status: status.NOT_FOUND,
    also: [status.FAILED_PRECONDITION],
    problem: (message) => ({ code: "missing", what: message.replace(/ is not in the store$/, "") }),
  },
  corrupt: {
    status: status.DATA_LOSS,
    also: [],
    problem: (message) => {
      const [, what = "the peer's store", reason = message] = /^(.*?) is damaged: (.*)$/s.exec(message) ?? []
      return { code: "corrupt", what, reason }
    },
  },
  full: {
    status: status.RESOURCE_EXHAUSTED,
    also: [],
    problem: (message) => ({ code: "full", reason: message }),
  },
  unavailable: {
    status: status.UNAVAILABLE,
    also: [],
    problem: (message) => ({ code: "unavailable", reason: message }),
  },
}

export { GrpcStatusCode }

/** How a call ends that did not succeed. */
export interface GrpcStatus {
  readonly code: status
  readonly details: string
}

/**
 * For servers: what leaves the process. What nobody knows is `INTERNAL` without a word of what it is about, since it may
 * name files of this machine.
 */
export function toStatus(error: unknown): GrpcStatus {
  if (error instanceof GrpcFailure) return error.status
  if (error instanceof CastoreError) return { code: ROWS[error.problem.code].status, details: error.message }
  if (error instanceof Error && error.name === "AbortError") return { code: status.CANCELLED, details: "cancelled" }
  return { code: status.INTERNAL, details: "internal error" }
}

/** For servers: a status that no problem of ours stands for. */
export class GrpcFailure extends Error {
  override readonly name = "GrpcFailure"
  readonly status: GrpcStatus

  constructor(code: status, details: string) {
    super(details)
    this.status = { code, details }
  }
}

/** For clients: what the rest of the program sees. */
export function fromStatus(error: unknown): CastoreError {
  if (error instanceof CastoreError) return error
  if (!isServiceError(error)) {
    return new CastoreError({ code: "unavailable", reason: String(error) }, { cause: error })
  }
  for (const row of Object.values(ROWS)) {
    if (row.status === error.code || row.also.includes(error.code)) {
      return new CastoreError(row.problem(error.details), { cause: error })
    }
  }
  return new CastoreError(
    { code: "unavailable", reason: `the peer answers ${status[error.code]}: ${error.details}` },
    { cause: error },
  )
}

/** For clients: an error of a call, which says whom it could not reach. */
export function withPeer(error: unknown, address: string): unknown {
  if (isServiceError(error) && error.code === status.UNAVAILABLE) {
    // grpc-js says it in its own words, some of which are about name servers.
    const reason = error.details
      .replace(/^No connection established\. Last error: (Error: )?/, "no connection, ")
      .replace(/\.? ?Resolution note: .*$/s, "")
    error.details = `${address}: ${reason}`
  }
  return error
}

export function isNotFound(error: unknown): boolean {
  return isServiceError(error) && error.code === status.NOT_FOUND
}

/** Whether a server does not know the service at all. */
export function isUnimplemented(error: unknown): boolean {
  return isServiceError(error) && error.code === status.UNIMPLEMENTED
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error
}
