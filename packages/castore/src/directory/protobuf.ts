/** As much of protobuf's wire format as directories need: varints up to 2^53 - 1, and byte strings. */
import { byteStringFrom } from "@tvix-ts/bytes"
import { invalid, type CastoreError } from "../problem.ts"

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}

/** Returns the position after it. */
export function writeVarint(out: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest >= 0x80) {
    // Division, because shifts know 32 bits only.
    out[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[at++] = rest
  return at
}

/** Says which field a problem is in; called when there is one. */
type FieldName = (part: string) => string

/** Reads a message that must be in canonical form. Every problem has the offset of the byte where it begins. */
export class CanonicalReader {
  at = 0
  end: number
  private readonly bytes: Uint8Array

  /** What is read refers to these bytes: they must not change. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.end = bytes.length
  }

  byte(): number {
    return this.bytes[this.at++]!
  }

  /** Whether this tag comes next; if so, it is read. */
  take(tag: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== tag) return false
    this.at++
    return true
  }

  varint(): number {
    const start = this.at
    let value = 0
    let scale = 1
    for (;;) {
      if (this.at >= this.end) throw this.truncated("message")
      const byte = this.bytes[this.at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && this.at - start > 1)
          throw invalid("message", `byte ${start}: a number longer than it need be`)
        if (value > Number.MAX_SAFE_INTEGER) throw invalid("message", `byte ${start}: a number above 2^53 - 1`)
        return value
      }
      if (this.at - start === 10) throw invalid("message", `byte ${start}: a number of more than 10 bytes`)
      scale *= 0x80
    }
  }

  /** A number that is not the default. */
  number(field: FieldName, part: string): number {
    const start = this.at
    const value = this.varint()
    if (value === 0) throw invalid(field(part), `byte ${start}: a default that is written out`)
    return value
  }

  /** Bytes that are not empty, which is the default. */
  bytesField(field: FieldName, part: string): Uint8Array {
    const start = this.at
    const length = this.varint()
    if (length === 0) throw invalid(field(part), `byte ${start}: a default that is written out`)
    if (length > this.end - this.at) throw this.truncated(field(part))
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  byteString(field: FieldName, part: string): string {
    return byteStringFrom(this.bytesField(field, part))
  }

  truncated(field: string): CastoreError {
    return invalid(field || "message", `byte ${this.at}: ends too early`)
  }

  /** For the tag at `start`, which the message has no place for. */
  unexpected(start: number, field: string): CastoreError {
    const number = this.bytes[start]! >> 3
    return invalid(field || "message", `byte ${start}: field ${number} is unknown, repeated or out of order`)
  }
}
