import { CastoreError, type CastoreProblem } from "../../problem.ts"
import { SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_READONLY } from "./busy.ts"

/** What Node throws for system calls (`code`) and for SQLite (`errcode`, an extended result code). */
interface HostError extends Error {
  readonly code?: string
  readonly errcode?: number
  readonly errstr?: string
}

// Further result codes, from sqlite3.h. The low byte of an extended code is the code itself.
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26
/** SQLite found no room for the index of its log, which it maps into memory. */
const SQLITE_IOERR_SHMSIZE = 4874

const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG"])

/** What went wrong below `path`, in the words of castores. Anything that is no error of the host comes back as it is. */
export function storageError(error: unknown, path: string): unknown {
  if (error instanceof CastoreError || !(error instanceof Error)) return error
  const { code, errcode } = error as HostError
  const problem = code === undefined ? undefined : problemOf(code, errcode ?? 0, error.message, path)
  return problem === undefined ? error : new CastoreError(problem, { cause: error })
}

function problemOf(code: string, errcode: number, message: string, path: string): CastoreProblem | undefined {
  if (NO_ROOM.has(code)) return { code: "full", reason: `${path}: ${message}` }
  if (code === "ERR_SQLITE_ERROR") {
    if (errcode === SQLITE_IOERR_SHMSIZE || (errcode & 0xff) === SQLITE_FULL) {
      return { code: "full", reason: `${path}: ${message}` }
    }
    switch (errcode & 0xff) {
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        return { code: "corrupt", what: path, reason: message }
      case SQLITE_BUSY:
        return { code: "unavailable", reason: `${path}: another process keeps it locked` }
      case SQLITE_READONLY:
      case SQLITE_CANTOPEN:
        return { code: "unavailable", reason: `${path}: the system does not let us write there` }
      default:
        return { code: "unavailable", reason: `${path}: ${message}` }
    }
  }
  return /^E[A-Z0-9]+$/.test(code) ? { code: "unavailable", reason: `${path}: ${message}` } : undefined
}
