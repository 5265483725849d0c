/** `-A a.b.0`: following a selection path through a value, calling functions on the way (libexpr/attr-path.cc). */
import { AttrSet, attrsFrom } from "./attrs.ts"
import { fail } from "./problem.ts"
import { typeName } from "./type-name.ts"
import { isList, Lambda, PartialLambda, type Forced, type Value } from "./value.ts"
import { call } from "./builtins/call.ts"
import type { Task } from "./vm/machine.ts"

/** Values for the parameters of functions that are met at the top: `--arg` and `--argstr`. */
export type AutoArguments = ReadonlyMap<string, Value>

/** The names of a selection path; quotes protect dots. @throws {Failure} if a quote is not closed */
export function parseSelectionPath(path: string): string[] {
  const names: string[] = []
  let name = ""
  for (let i = 0; i < path.length; i++) {
    if (path[i] === ".") {
      names.push(name)
      name = ""
    } else if (path[i] === '"') {
      const close = path.indexOf('"', i + 1)
      if (close < 0) {
        fail({ code: "invalid-argument", message: `missing closing quote in selection path '${path}'` })
      }
      name += path.slice(i + 1, close)
      i = close
    } else name += path[i]
  }
  if (name !== "") names.push(name)
  return names
}

/** A task whose result is what `path` selects from `root`. */
export function* select(root: Value, path: string, args: AutoArguments): Task<Forced> {
  let value = (yield root) as Forced
  for (const name of parseSelectionPath(path)) {
    value = (yield autoCall(value, args)) as Forced
    value = (yield /^[0-9]+$/.test(name)
      ? elementAt(value, Number(name), path)
      : attribute(value, name, path)) as Forced
  }
  return value
}

function attribute(value: Forced, name: string, path: string): Value {
  if (!(value instanceof AttrSet)) wrongType(value, "a set", path)
  if (name === "") refuse(`empty attribute name in selection path '${path}'`)
  const found = value.get(name)
  if (found !== undefined) return found
  return fail({ code: "selection-missing", name, path, known: value.sortedNames() })
}

function elementAt(value: Forced, index: number, path: string): Value {
  if (!isList(value)) wrongType(value, "a list", path)
  return value[index] ?? refuse(`list index ${index} in selection path '${path}' is out of range`)
}

function wrongType(value: Forced, wanted: string, path: string): never {
  return refuse(`the expression selected by the selection path '${path}' should be ${wanted} but is ${typeName(value)}`)
}
function refuse(message: string): never {
  return fail({ code: "invalid-argument", message })
}

/** A task whose result is `value`, or what it returns if it is a function with a set pattern. */
export function* autoCall(value: Forced, args: AutoArguments): Task<Forced> {
  let fn = value
  for (;;) {
    const functor = fn instanceof AttrSet ? fn.get("__functor") : undefined
    if (functor === undefined) break
    fn = (yield call(functor, fn)) as Forced
  }
  const lambda = fn instanceof Lambda ? fn : fn instanceof PartialLambda ? fn.lambda : undefined
  const parameter = lambda?.code.params[fn instanceof PartialLambda ? fn.args.length : 0]
  if (parameter?.formals === undefined) return fn
  const given: [string, Value][] = parameter.ellipsis ? [...args] : []
  if (!parameter.ellipsis) {
    for (const { name, optional, at } of parameter.formals) {
      const value = args.get(name)
      if (value !== undefined) given.push([name, value])
      else if (!optional) fail({ code: "invalid-argument", message: withoutValue(name) }, at)
    }
  }
  return (yield call(fn, attrsFrom(given))) as Forced
}

const withoutValue = (name: string): string =>
  `cannot evaluate a function that has an argument without a value ('${name}')
Nix attempted to evaluate a function as a top level expression; in
this case it must have its arguments supplied either by default
values, or passed explicitly with '--arg' or '--argstr'. See
https://nix.dev/manual/nix/stable/language/syntax.html#functions.`
