import type { Position } from "../../positions.ts"
import { Failure } from "../../problem.ts"
import { firstElement } from "../../string-context.ts"
import { NixString, type Forced } from "../../value.ts"

/** Why `found`, computed at `at` while `doing`, cannot be the name of an attribute: only a plain string can. */
export function notAName(found: Forced, at: Position, doing: string): Failure {
  const failure =
    found instanceof NixString
      ? new Failure({ code: "string-refers-to-store", string: found.bytes, context: firstElement(found) })
      : new Failure({ code: "type-error", expected: "a string", found }, at)
  return failure.traced(at, doing)
}
