/**
 * How builtins are declared. Arity, forcing, type errors, `:doc` and completion come from `params` and `doc`; `run` is
 * only the meaning.
 */
import { AttrSet } from "../attrs.ts"
import type { EvalProblem } from "../problem.ts"
import { firstElement } from "../string-context.ts"
import { isFunction } from "../type-name.ts"
import {
  isInt,
  isList,
  isString,
  isUnreadList,
  NixFloat,
  NixString,
  type Forced,
  type NixFunction,
  type Value,
} from "../value.ts"
import { Builtin, type BuiltinSpec, type Param } from "./builtin.ts"

/** Declares a builtin. */
export function builtin<A extends readonly unknown[]>(spec: BuiltinSpec<A>): Builtin {
  return new Builtin(spec as unknown as BuiltinSpec<readonly unknown[]>) // `is` checks at run time what A says
}

const strict =
  <T extends Forced>(kind: string, is: (value: Forced) => value is T, tracesForce: boolean) =>
  (name: string, context?: string): Param<T> => ({
    name,
    kind,
    is,
    tracesForce,
    ...(context === undefined ? {} : { context }),
  })

export const list = strict("a list", isList as (v: Forced) => v is readonly Value[], false)
/** A list whose elements may not have been made yet; see lazy-list.ts. */
export const unreadList = strict("a list", isUnreadList as (v: Forced) => v is readonly Value[], false)
export const attrs = strict("a set", (v): v is AttrSet => v instanceof AttrSet, false)
export const int = strict("an integer", isInt, true)
/** A string, its context kept. */
export const string = strict("a string", isString, true)
/** The bytes of a string that must not refer to the store. */
export const plainString = (name: string, context?: string): Param<string> => ({
  ...strict("a string", (v): v is string => typeof v === "string", true)(name, context),
  refuse: (found) => (found instanceof NixString ? refersToStore(found) : undefined),
})
/** A function or a set with `__functor`. */
export const callable = strict("a function", isCallable, true)
/** Anything, forced. */
export const any = strict("anything", (value): value is Forced => value !== undefined, false)
/** Anything, not forced. */
export function lazy(name: string): Param<Value> {
  return { name, kind: "anything", tracesForce: false }
}
export const number = strict("a float", (v): v is number | bigint | NixFloat => isInt(v) || v instanceof NixFloat, true)

export function isCallable(value: Forced): value is NixFunction | AttrSet {
  return value instanceof AttrSet ? value.has("__functor") : isFunction(value)
}

export function refersToStore(value: NixString): EvalProblem {
  return { code: "string-refers-to-store", string: value.bytes, context: firstElement(value) }
}
