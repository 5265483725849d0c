import { CastoreError } from "@tvix-ts/castore"
import { NarError, NarInfoError } from "@tvix-ts/nix-compat"

/** Everything that a cache refuses a request for, as data. */
export type CacheProblem =
  /** The request makes no sense, or what it brought is not what it says. `part` names what of it. */
  | { readonly code: "malformed"; readonly part: string; readonly reason: string }
  /** A token is needed, and there is none or one that is worth nothing. */
  | { readonly code: "unauthorized"; readonly reason: "none" | "unknown" }
  /** The token has no right to it, or nobody has. */
  | { readonly code: "forbidden"; readonly reason: string }
  | { readonly code: "not-found"; readonly what: string }
  | { readonly code: "method"; readonly allowed: readonly string[] }
  /** The client took too long to send its request. */
  | { readonly code: "timeout" }
  /** What is there does not go with it. */
  | { readonly code: "conflict"; readonly reason: string }
  /** Bytes. */
  | { readonly code: "too-large"; readonly part: string; readonly sizeMax: number }
  /** A compression that is unknown here. */
  | { readonly code: "unsupported"; readonly part: string; readonly reason: string }
  /** Nothing of a body of `size` bytes is in the range. */
  | { readonly code: "range"; readonly size: number }
  /** The client has asked for too much in too little time. */
  | { readonly code: "rate"; readonly retryAfterSeconds: number }
  /** Others have. */
  | { readonly code: "busy"; readonly what: string; readonly retryAfterSeconds: number }

export class CacheError extends Error {
  override readonly name = "CacheError"
  readonly problem: CacheProblem

  constructor(problem: CacheProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

export function refuse(problem: CacheProblem, options?: ErrorOptions): never {
  throw new CacheError(problem, options)
}

function describe(problem: CacheProblem): string {
  switch (problem.code) {
    case "malformed":
      return `${problem.part}: ${problem.reason}`
    case "unauthorized":
      return problem.reason === "none" ? "this needs a token" : "the token is unknown, revoked or expired"
    case "forbidden":
    case "conflict":
      return problem.reason
    case "not-found":
      return `${problem.what} is not here`
    case "method":
      return `only ${problem.allowed.join(", ")} is of use here`
    case "timeout":
      return "the request took too long to arrive"
    case "too-large":
      return `${problem.part} is larger than ${problem.sizeMax} bytes`
    case "unsupported":
      return `${problem.part}: ${problem.reason}`
    case "range":
      return `there are ${problem.size} bytes, none of them in the range`
    case "rate":
      return "too many requests"
    case "busy":
      return `too many ${problem.what} at the moment`
  }
}

const STATUSES: { readonly [Code in CacheProblem["code"]]: number } = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  method: 405,
  timeout: 408,
  conflict: 409,
  "too-large": 413,
  unsupported: 415,
  range: 416,
  rate: 429,
  busy: 503,
}

const CASTORE_STATUSES: { readonly [Code in CastoreError["problem"]["code"]]: number } = {
  invalid: 400,
  missing: 404,
  corrupt: 500,
  full: 507,
  unavailable: 503,
}

/** What a client is told of an error. What is nobody's business but ours stays in the log: `internal`. */
export interface Refusal {
  readonly status: number
  /** Text, one line. */
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  readonly internal: boolean
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof CacheError) {
    const { problem, message } = error
    return { status: STATUSES[problem.code], message, headers: headersOf(problem), internal: false }
  }
  if (error instanceof NarError || error instanceof NarInfoError) {
    const tooLarge = error.problem.code === "archive-too-large" || error.problem.code === "file-too-large"
    return { status: tooLarge ? 413 : 400, message: error.message, headers: {}, internal: false }
  }
  if (error instanceof CastoreError) {
    const status = CASTORE_STATUSES[error.problem.code]
    if (status < 500) return { status, message: error.message, headers: {}, internal: false }
    const headers: Record<string, string> = status === 503 ? { "Retry-After": "5" } : {}
    const message =
      status === 507 ? "there is no room" : status === 503 ? "the store cannot be reached" : "damaged data"
    return { status, message, headers, internal: true }
  }
  return { status: 500, message: "internal error", headers: {}, internal: true }
}

function headersOf(problem: CacheProblem): Readonly<Record<string, string>> {
  switch (problem.code) {
    case "unauthorized":
      return { "WWW-Authenticate": 'Basic realm="binary cache", charset="UTF-8"' }
    case "method":
      return { Allow: problem.allowed.join(", ") }
    case "range":
      return { "Content-Range": `bytes */${problem.size}` }
    case "rate":
    case "busy":
      return { "Retry-After": String(problem.retryAfterSeconds) }
    default:
      return {}
  }
}
