/** What builders say to Nix, not to people: lines of `@nix ` and JSON in their logs (libutil/logging.cc). */
import { byteStringOf, textOf } from "@tvix-ts/bytes"

export type NixMessage =
  /** What the builder is at: `buildPhase`. Nothing in it that a terminal would obey. */
  | { readonly kind: "phase"; readonly phase: string }
  /** What it wants said, a byte string, without the last line's end. */
  | { readonly kind: "text"; readonly text: string }
  /** Of its own builds and downloads, and what only somebody who asks for more should see. */
  | { readonly kind: "other" }

const PREFIX = "@nix "
/** Bytes: no longer line is taken for a message. */
const LINE_MAX = 1 << 16
const PHASE = /^[\w .:+-]{1,64}$/
/** `lvlInfo`: what is said of without being asked. */
const LEVEL_MAX = 3

/** @param line a byte string; undefined if it is one like any other */
export function nixMessage(line: string): NixMessage | undefined {
  if (!line.startsWith(PREFIX) || line.length > LINE_MAX) return undefined
  let json: unknown
  try {
    json = JSON.parse(textOf(line.slice(PREFIX.length)))
  } catch {
    return undefined
  }
  if (typeof json !== "object" || json === null) return undefined
  const { action, phase, msg, level } = json as Readonly<Record<string, unknown>>
  if (typeof action !== "string") return undefined
  if (action === "setPhase" && typeof phase === "string" && PHASE.test(phase)) return { kind: "phase", phase }
  if (action === "msg" && typeof msg === "string" && typeof level === "number" && level <= LEVEL_MAX) {
    return { kind: "text", text: byteStringOf(msg) }
  }
  return { kind: "other" }
}
