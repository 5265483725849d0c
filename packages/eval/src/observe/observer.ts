/**
 * Seeing what the evaluator does. Whoever implements these gets called at the places they name; where nobody does, the
 * places do not exist: the machine binds its instructions without them.
 */
import type { Expr, SourceFile } from "@tvix-ts/syntax"
import type { Op } from "../compiler/opcodes.ts"
import type { Unit } from "../compiler/unit.ts"
import type { Forced } from "../value.ts"

/** Called for every file and every other piece of source, when it is first needed. */
export interface CompilerObserver {
  /** `printTree` of @tvix-ts/syntax makes it readable. */
  parsed?(source: SourceFile, expr: Expr): void
  /** {@link disassemble} makes it readable. */
  compiled?(unit: Unit): void
}

/** One instruction of one unit. The same object every time it is executed, so that it can be the key of a `Map`. */
export interface Site {
  readonly op: Op
  readonly unit: Unit
  /** Index of its code object. */
  readonly code: number
  /** Index of its word in the unit. */
  readonly word: number
  /** Offset into the unit's source; -1 if it is not known. */
  readonly at: number
}

/**
 * Called around every instruction. Calls nest properly, except that an instruction which pauses (when the native stack
 * is full, or while waiting for the world) ends with `pause` and goes on unseen.
 */
export interface RuntimeObserver {
  enter(site: Site): void
  leave(site: Site, result: Forced): void
  pause(site: Site): void
}
