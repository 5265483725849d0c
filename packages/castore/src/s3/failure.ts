import { CastoreError } from "../problem.ts"
import { parseXml, textOfChild } from "./xml.ts"

/** What a service says when it does not do what it was asked. */
export interface S3Refusal {
  readonly status: number
  /** `NoSuchKey`, `SlowDown` …; empty where the answer has none, as to HEAD, or is not of S3's kind. */
  readonly code: string
  readonly message: string
}

/** @param body of an answer, as far as it was read */
export function refusalOf(status: number, body: Uint8Array): S3Refusal {
  const element = parseXml(new TextDecoder().decode(body))
  const error = element?.name === "Error" ? element : undefined
  const text = (name: string): string => (error === undefined ? "" : clean(textOfChild(error, name) ?? ""))
  return { status, code: text("Code"), message: text("Message") }
}

const TRY_AGAIN_STATUS = new Set([408, 429, 500, 502, 503, 504])
const TRY_AGAIN_CODE = new Set([
  "RequestTimeout",
  "SlowDown",
  "InternalError",
  "ServiceUnavailable",
  "OperationAborted",
])

/** Whether the same request may well succeed a moment later. */
export function isPassing({ status, code }: S3Refusal): boolean {
  return TRY_AGAIN_STATUS.has(status) || TRY_AGAIN_CODE.has(code)
}

/**
 * @param where the bucket and its service, for people
 * @param skewMs how far the service's clock is ahead of ours, if it said what it reads
 */
export function refusalError(refusal: S3Refusal, where: string, skewMs: number | undefined): CastoreError {
  return unavailable(`${where}: ${reasonOf(refusal, skewMs)}`)
}

function reasonOf({ status, code, message }: S3Refusal, skewMs: number | undefined): string {
  const said = [code, message].filter((part) => part !== "").join(": ") || `HTTP status ${status}`
  switch (code) {
    case "NoSuchBucket":
      return "there is no such bucket"
    case "RequestTimeTooSkewed":
      return `${said}${skewMs === undefined ? "" : `; this machine's clock is ${describeSkew(skewMs)} the service's`}`
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return `the service does not accept the credentials: ${said}`
    case "AccessDenied":
      return `the credentials do not permit it, or, without permission to list the bucket, it is not there: ${said}`
    default:
      if (status >= 300 && status < 400) return `the service sends us elsewhere; is the region right? ${said}`
      if (status === 401 || status === 403) return `the service does not permit it: ${said}`
      return said
  }
}

export function unavailable(reason: string, cause?: unknown): CastoreError {
  return new CastoreError({ code: "unavailable", reason }, { cause })
}

function describeSkew(skewMs: number): string {
  const minutes = Math.round(Math.abs(skewMs) / 60_000)
  const amount = minutes === 1 ? "1 minute" : `${minutes} minutes`
  return skewMs > 0 ? `${amount} behind` : `${amount} ahead of`
}

/** What somebody else wrote, for a line of ours. */
function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what is removed
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, 500)
}
