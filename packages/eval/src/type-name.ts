import { AttrSet } from "./attrs.ts"
import { Builtin } from "./builtins/builtin.ts"
import {
  isInt,
  isList,
  isString,
  Lambda,
  NixFloat,
  NixPath,
  NixString,
  PartialBuiltin,
  PartialLambda,
  type Forced,
  type NixFunction,
} from "./value.ts"

/** How messages name the type of a value, article included: C++ Nix's `showType`. */
export function typeName(value: Forced): string {
  if (value instanceof Builtin) return `the built-in function '${value.name}'`
  if (value instanceof PartialBuiltin) return `the partially applied built-in function '${value.builtin.name}'`
  if (value instanceof NixString) return "a string with context"
  if (isFunction(value)) return "a function"
  if (isInt(value)) return "an integer"
  if (value instanceof NixFloat) return "a float"
  if (typeof value === "boolean") return "a Boolean"
  if (typeof value === "string") return "a string"
  if (value instanceof NixPath) return "a path"
  if (value === null) return "null"
  return isList(value) ? "a list" : "a set"
}

/** What `builtins.typeOf` says. */
export function typeOf(value: Forced): string {
  if (isInt(value)) return "int"
  if (isString(value)) return "string"
  if (typeof value === "boolean") return "bool"
  if (value === null) return "null"
  if (isList(value)) return "list"
  if (value instanceof AttrSet) return "set"
  if (value instanceof NixPath) return "path"
  return value instanceof NixFloat ? "float" : "lambda"
}

export function isFunction(value: Forced): value is NixFunction {
  return (
    value instanceof Lambda ||
    value instanceof PartialLambda ||
    value instanceof Builtin ||
    value instanceof PartialBuiltin
  )
}
