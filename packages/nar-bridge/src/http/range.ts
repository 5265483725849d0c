/** A half-open range of bytes. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/**
 * The range that a `Range` header asks for of `size` bytes (RFC 9110, section 14): `undefined` for all of it, as is answered
 * to what is no range of bytes and to several of them, which a server may; `"none"` if nothing is in it.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "none" | undefined {
  const [, first = "", last = ""] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/.exec(header ?? "") ?? []
  if (first === "" && last === "") return undefined
  if (first === "") {
    const length = Math.min(Number(last), size)
    return length === 0 ? "none" : { from: size - length, to: size }
  }
  const from = Number(first)
  if (last !== "" && Number(last) < from) return undefined
  if (from >= size) return "none"
  return { from, to: last === "" ? size : Math.min(Number(last) + 1, size) }
}

/** Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2). */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === "*") return true
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag)
}

/** Whether a range may be answered with a part: not if `If-Range` names something else. Dates are never the same. */
export function rangeHolds(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag
}
