/** What type a value has. */
import { AttrSet } from "../attrs.ts"
import { isFunction, typeOf } from "../type-name.ts"
import { isInt, isList, isString, NixFloat, NixPath, type Forced } from "../value.ts"
import { any, builtin } from "./define.ts"

function test(name: string, what: string, is: (value: Forced) => boolean, global: "name" | "__name" = "__name") {
  return builtin({ name, params: [any("e")], doc: `Whether the value is ${what}.`, global, run: (value) => is(value) })
}

export const typeBuiltins = [
  test("isAttrs", "a set", (v) => v instanceof AttrSet),
  test("isBool", "a Boolean", (v) => typeof v === "boolean"),
  test("isFloat", "a float", (v) => v instanceof NixFloat),
  test("isFunction", "a function; a set with `__functor` is none", isFunction),
  test("isInt", "an integer", isInt),
  test("isList", "a list", isList),
  test("isNull", "`null`", (v) => v === null, "name"),
  test("isPath", "a path", (v) => v instanceof NixPath),
  test("isString", "a string", isString),
  builtin({
    name: "typeOf",
    params: [any("e")],
    doc: 'The type of a value: `"int"`, `"bool"`, `"string"`, `"path"`, `"null"`, `"set"`, `"list"`, `"lambda"` or `"float"`.',
    run: (value) => typeOf(value),
  }),
]
