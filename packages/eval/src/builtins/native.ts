/** What native builtins do with arguments: each function here goes on by itself after a pause. */
import { coerceForced, type Coercion, type ContextBuilder } from "../coerce.ts"
import { isInt, isString, type NixString, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { force, pause, type Continuation } from "../vm/machine.ts"
import { wrongType } from "./loop.ts"

/** `then` of `result`, as soon as there is one. */
export function andThen(result: Result, then: (value: Forced) => Result): Result {
  return result === undefined ? pause(THEN, then) : then(result)
}
const THEN: Continuation = { name: "then", resume: ({ a: then }, value) => then(value) }

/** The bytes of `value` as a string; its context goes to `into`. */
export function coerce(value: Value, coercion: Coercion, into: ContextBuilder): Result {
  const forced = force(value, 0)
  return forced === undefined ? pause(COERCE, coercion, into) : coerceForced(forced, coercion, into)
}
const COERCE: Continuation = {
  name: "coerce",
  resume: ({ a: coercion, b: into }, value) => coerceForced(value, coercion, into),
}

/** `then` of `value`, forced to become a path. */
export function withPath(value: Value, then: (path: Forced) => Result): Result {
  const path = force(value, 0)
  return path === undefined ? pause(PATH, then) : then(path)
}
const PATH: Continuation = {
  name: "path",
  resume: ({ a: then }, path) => then(path),
  trace: (_, failure) => failure.traced(0, REALISING),
}
/** What C++ Nix says it is doing with paths of files that it is about to look at. */
export const REALISING = "while realising the context of a path"

/** What a value has to be, and what C++ Nix says it is doing with it. */
interface Wanted<T extends Forced> {
  readonly kind: string
  readonly is: (value: Forced) => value is T
}
const STRING: Wanted<string | NixString> = { kind: "a string", is: isString }
const INTEGER: Wanted<number | bigint> = { kind: "an integer", is: isInt }

/** `then` of the string that `value` has to be. */
export function withString(value: Value, doing: string, then: (string: string | NixString) => Result): Result {
  return withWanted(value, STRING, doing, then)
}
/** `then` of the integer that `value` has to be. */
export function withInt(value: Value, doing: string, then: (int: number | bigint) => Result): Result {
  return withWanted(value, INTEGER, doing, then)
}
function withWanted<T extends Forced>(value: Value, wanted: Wanted<T>, doing: string, then: (is: T) => Result): Result {
  const forced = force(value, 0)
  return forced === undefined ? pause(WANTED, wanted, doing, then) : checkWanted(forced, wanted, doing, then)
}
function checkWanted<T extends Forced>(
  value: Forced,
  wanted: Wanted<T>,
  doing: string,
  then: (is: T) => Result,
): Result {
  return wanted.is(value) ? then(value) : wrongType(wanted.kind, value, doing)
}
const WANTED: Continuation = {
  name: "wanted",
  resume: ({ a: wanted, b: doing, c: then }, value) => checkWanted(value, wanted, doing, then),
  trace: ({ b: doing }, failure) => failure.traced(0, doing),
}
