/** What may help: short sentences beside a problem, as byte strings. */
import { AttrSet } from "../attrs.ts"
import type { EvalProblem } from "../problem.ts"
import { didYouMean, suggestions } from "../text/suggest.ts"
import { isFunction } from "../type-name.ts"

interface KnownNames {
  readonly names: readonly string[]
  readonly wanted: string
}

/** The names that could have been meant where another one stands. C++ Nix suggests the same. */
export function knownNames(problem: EvalProblem): KnownNames | undefined {
  switch (problem.code) {
    case "attribute-missing":
    case "unexpected-argument":
    case "selection-missing":
      return { names: problem.known, wanted: problem.name }
    default:
      return undefined
  }
}

/** @param globals the outermost scope, if undefined variables are to be looked for there */
export function hintsFor(problem: EvalProblem, globals?: AttrSet): string[] {
  const known = knownNames(problem)
  if (known !== undefined) {
    const near = didYouMean(known.names, known.wanted)
    if (near !== undefined) return [near]
    return isDerivation(known.names) ? [`This is a derivation, and it has no output '${known.wanted}'.`] : []
  }
  switch (problem.code) {
    case "undefined-variable":
      return globals === undefined ? [] : hintsForVariable(problem.name, globals)
    case "cannot-coerce":
    case "type-error":
      return isFunction(problem.found) ? ["This is a function: it may lack an argument."] : []
    case "not-a-function":
      return ["A list element that is a call needs parentheses; so does a function's argument that is one."]
    case "missing-argument":
      return [`Pass it: { ${problem.name} = …; }, or give the parameter a default: ${problem.name} ? …`].map(utf8)
    case "infinite-recursion":
      return ["The value is needed to compute itself."]
    case "stack-overflow":
      return ["A function may be calling itself without end."]
    case "string-refers-to-store":
      return ["builtins.unsafeDiscardStringContext gives the same string without the reference."]
    default:
      return []
  }
}

/** By the names of its attributes: the set itself is gone. */
function isDerivation(names: readonly string[]): boolean {
  return names.includes("drvPath") && names.includes("outputName")
}

function hintsForVariable(name: string, globals: AttrSet): string[] {
  const near = didYouMean(globals.sortedNames(), name)
  if (near !== undefined) return [near]
  const builtins = globals.get("builtins")
  if (!(builtins instanceof AttrSet)) return []
  if (builtins.has(name)) return [`Did you mean builtins.${name}?`]
  const [nearest] = suggestions(builtins.sortedNames(), name)
  return nearest === undefined ? [] : [`Did you mean builtins.${nearest}?`]
}

/** U+2026 to its UTF-8. */
const utf8 = (text: string): string => text.replaceAll("…", "\xe2\x80\xa6")
