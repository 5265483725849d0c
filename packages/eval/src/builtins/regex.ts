/** Regular expressions: POSIX extended, as libstdc++ runs them. */
import { fail } from "../problem.ts"
import { RegexError } from "../regex/problem.ts"
import { compileRegex, type Groups, type Regex } from "../regex/regex.ts"
import { bytesOfString, type NixString, type Value } from "../value.ts"
import { vm } from "../vm/machine.ts"
import { builtin, lazy, plainString } from "./define.ts"
import { withString } from "./native.ts"

function compile(pattern: string): Regex {
  try {
    return compileRegex(pattern)
  } catch (error) {
    if (error instanceof RegexError) return fail({ code: "invalid-argument", message: error.message })
    throw error
  }
}

/** Makes steps of the matcher count as calls do, where somebody limits those. */
function charge(): ((steps: number) => void) | undefined {
  const { limits } = vm.evaluation.options
  // Not `memory`: whoever limits that may have to find out how much there is.
  if (limits?.steps === undefined && limits?.heapUsed === undefined) return undefined
  return (steps) => {
    vm.fuel -= steps
    if (vm.fuel >= 0) return
    vm.fuel = vm.slice
    vm.endOfSlice?.()
  }
}

/** A group that took no part is null. */
function valuesOf(groups: Groups): readonly Value[] {
  return groups.map((group) => group ?? null)
}

function split(regex: Regex, string: string | NixString): readonly Value[] {
  const text = bytesOfString(string)
  const matches = regex.searchAll(text, charge())
  // Only then does the string keep its context.
  if (matches.length === 0) return [string]
  const pieces: Value[] = []
  let at = 0
  for (const { from, to, groups } of matches) {
    pieces.push(text.slice(at, from), valuesOf(groups))
    at = to
  }
  pieces.push(text.slice(at))
  return pieces
}

export const regexBuiltins = [
  builtin({
    name: "match",
    params: [plainString("regex"), lazy("str")],
    doc:
      "The groups of a POSIX extended regular expression if it matches a whole string, else `null`. " +
      '`match "(.*)\\.nix" "a.nix"` is `[ "a" ]`.',
    native(pattern, text) {
      const regex = compile(pattern)
      return withString(text, "while evaluating the second argument passed to builtins.match", (string) => {
        const groups = regex.match(bytesOfString(string), charge())
        return groups === undefined ? null : valuesOf(groups)
      })
    },
  }),
  builtin({
    name: "split",
    params: [plainString("regex"), lazy("str")],
    doc:
      "What lies between the matches of a regular expression, and between those strings, for each match, the list of its " +
      'groups. `split "(,) *" "a, b"` is `[ "a" [ "," ] "b" ]`.',
    native(pattern, text) {
      const regex = compile(pattern)
      return withString(text, "while evaluating the second argument passed to builtins.split", (string) => {
        return split(regex, string)
      })
    },
  }),
]
