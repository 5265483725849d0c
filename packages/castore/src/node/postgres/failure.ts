import { CastoreError } from "../../problem.ts"

/** What the driver throws: for the server's errors `code` is a SQLSTATE, for the line's a name, for the system's an `E…`. */
interface DriverError extends Error {
  readonly code?: string
}

/** Classes of SQLSTATE, and single ones, after which the same may well succeed: PostgreSQL's manual, appendix A. */
const PASSING = [
  /** The connection. */
  /^08/,
  /** Somebody else wanted the same at the same time: not serialisable, deadlock. */
  /^40(001|P01)$/,
  /** The server is stopped, has crashed, or is about to start; too many are connected. */
  /^57P0[1-5]$/,
  /^53300$/,
  /** The line, in the driver's words. */
  /^CONNECT/,
  /** The line, in the system's. */
  /^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOENT|AI_AGAIN)$/,
]

export function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && PASSING.some((pattern) => pattern.test(code))
}

/**
 * The failure in the words of castores. Anything that is none of a database comes back as it is.
 *
 * @param where the database, for people
 */
export function databaseError(error: unknown, where: string): unknown {
  const code = codeOf(error)
  if (code === undefined || error instanceof CastoreError) return error
  const { message } = error as DriverError
  const problem = { reason: `${where}: ${message.replaceAll(/\s+/g, " ").slice(0, 500)}` }
  // No room on the disk, or in memory.
  return new CastoreError({ code: /^53[12]00$/.test(code) ? "full" : "unavailable", ...problem }, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  // Where a host has several addresses, each has failed in its own way.
  const one = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const { code } = one as DriverError
  return typeof code === "string" && /^[A-Z0-9_]{2,}$/.test(code) && !code.startsWith("ERR_") ? code : undefined
}
