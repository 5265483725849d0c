/** Values that have to be of a certain type, and what C++ Nix says when they are not. */
import type { Forced, Value } from "@tvix-ts/eval"
import type { AttrSet, NixFunction, NixString, Position } from "@tvix-ts/eval"
import { asFailure, fail, isCallable, isList, isString, refersToStore, type Task } from "@tvix-ts/eval/builtins"

export interface Wanted<T extends Forced> {
  /** As in "expected a list but found an integer". */
  readonly kind: string
  readonly is: (value: Forced) => value is T
}

export const BOOLEAN: Wanted<boolean> = { kind: "a Boolean", is: (value) => typeof value === "boolean" }
export const STRING: Wanted<string | NixString> = { kind: "a string", is: isString }
/** One that does not refer to the store. */
export const PLAIN_STRING: Wanted<string> = { kind: "a string", is: (value) => typeof value === "string" }
export const LIST: Wanted<readonly Value[]> = { kind: "a list", is: isList }

export const FUNCTION: Wanted<NixFunction | AttrSet> = { kind: "a function", is: isCallable }

/**
 * @param doing what a trace says of anything that goes wrong here
 * @param at where the value is an attribute
 */
export function* forceAs<T extends Forced>(value: Value, wanted: Wanted<T>, doing?: string, at: Position = 0): Task<T> {
  const { kind, is } = wanted
  try {
    const forced = (yield value) as Forced
    if (is(forced)) return forced
    if (isString(forced) && wanted === (PLAIN_STRING as unknown)) fail(refersToStore(forced as NixString))
    return fail({ code: "type-error", expected: kind, found: forced }, at)
  } catch (problem) {
    throw doing === undefined ? problem : asFailure(problem).traced(at, doing)
  }
}
