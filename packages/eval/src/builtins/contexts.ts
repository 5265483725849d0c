/** String contexts: what of the store a string refers to. */
import { attrsFrom, AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import { ContextBuilder, type Coercion } from "../coerce.ts"
import { fail, Failure } from "../problem.ts"
import { elementsOf, encodeElement, isDerivationPath, isStorePath, type ContextElement } from "../string-context.ts"
import { canonPath } from "../text/canon-path.ts"
import { printAttributeName } from "../text/escape.ts"
import { bytesOfString, isList, isString, makeString, NixString, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { asFailure, type Task } from "../vm/machine.ts"
import { any, attrs, builtin, refersToStore, string } from "./define.ts"
import { andThen, coerce } from "./native.ts"
import { STORE_DIR } from "./constants.ts"

function only(name: string): string {
  return `while evaluating the argument passed to builtins.${name}`
}

/** A builtin that turns a string into the same one with another context. */
function changingContext(
  name: string,
  doc: string,
  change: (bytes: string, elements: readonly ContextElement[]) => readonly ContextElement[],
) {
  const coercion: Coercion = { context: only(name), more: false, copyToStore: true }
  return builtin({
    name,
    params: [any("s")],
    doc,
    native(value): Result {
      const context = new ContextBuilder()
      return andThen(coerce(value, coercion, context), (text) => {
        const string = context.string(text as string)
        const elements = string instanceof NixString ? elementsOf(string.context) : []
        return makeString(text as string, new Set(change(text as string, elements).map(encodeElement)))
      })
    },
  })
}

function refuse(message: string, at?: Position): never {
  return fail({ code: "invalid-argument", message }, at)
}

export const contextBuiltins = [
  builtin({
    name: "hasContext",
    params: [string("s", only("hasContext"))],
    doc: "Whether a string refers to something in the store.",
    run: (value) => value instanceof NixString,
  }),
  builtin({
    name: "getContext",
    params: [string("s", only("getContext"))],
    doc:
      "What a string refers to: a set with, for each store path, `path = true`, `allOutputs = true` or the list " +
      "`outputs`.",
    run(value) {
      const references = new Map<string, Map<string, Value>>()
      const elements = value instanceof NixString ? elementsOf(value.context) : []
      for (const element of elements) {
        let reference = references.get(element.path)
        if (reference === undefined) references.set(element.path, (reference = new Map()))
        switch (element.kind) {
          case "opaque":
            reference.set("path", true)
            break
          case "deep":
            reference.set("allOutputs", true)
            break
          case "built": {
            const outputs = (reference.get("outputs") ?? []) as readonly Value[]
            reference.set("outputs", [...outputs, element.output])
            break
          }
        }
      }
      return attrsFrom([...references].map(([path, reference]) => [path, attrsFrom(reference)] as const))
    },
  }),
  builtin({
    name: "appendContext",
    params: [string("s"), attrs("context")],
    doc: "A string that refers to more than the given one. The second argument has the form that `getContext` gives.",
    *run(value, added) {
      const context = new Set(value instanceof NixString ? value.context : [])
      for (const [name, reference, at] of added.entries()) {
        if (!isStorePath(canonPath(name), STORE_DIR) || !name.startsWith("/")) {
          refuse(`context key '${printAttributeName(name)}' is not a store path`, at)
        }
        if (this.io.ensureStorePath !== undefined) yield* this.ask(() => this.io.ensureStorePath!(canonPath(name)))
        yield addReference(name, reference, at, context)
      }
      return makeString(bytesOfString(value), context)
    },
  }),
  changingContext(
    "unsafeDiscardStringContext",
    "The same string, referring to nothing. What it depends on may then be missing when it is used.",
    () => [],
  ),
  changingContext(
    "unsafeDiscardOutputDependency",
    "The same string, referring to derivations themselves where it referred to all they build.",
    (_, elements) => elements.map((element) => (element.kind === "deep" ? { ...element, kind: "opaque" } : element)),
  ),
  changingContext(
    "addDrvOutputDependencies",
    "A string that refers to one derivation and nothing else, now referring to all it builds, too.",
    (bytes, elements) => {
      const [element] = elements
      if (element === undefined || elements.length > 1) {
        return refuse(`context of string '${bytes}' must have exactly one element, but has ${elements.length}`)
      }
      if (element.kind === "built") {
        const what = `a derivation output such as '${element.output}'`
        refuse(`\`addDrvOutputDependencies\` can only act on derivations, not on ${what}`)
      }
      if (!isDerivationPath(element.path)) refuse(`path '${element.path}' is not a derivation`)
      return [{ kind: "deep", path: element.path }]
    },
  ),
]

/** Adds what `getContext` would say of one path. */
function* addReference(name: string, reference: Value, at: Position, context: Set<string>): Task<null> {
  const path = canonPath(name)
  const set = yield* attribute(reference, at, "the value of a string context", SET)
  const own = set.get("path")
  if (own !== undefined) {
    const is = yield* attribute(own, set.position("path"), "the `path` attribute of a string context", BOOLEAN)
    if (is) context.add(encodeElement({ kind: "opaque", path }))
  }
  const all = set.get("allOutputs")
  if (all !== undefined) {
    const is = yield* attribute(
      all,
      set.position("allOutputs"),
      "the `allOutputs` attribute of a string context",
      BOOLEAN,
    )
    if (is) {
      if (!isDerivationPath(name)) refuse(notDerivation("all-outputs", name), at)
      context.add(encodeElement({ kind: "deep", path }))
    }
  }
  const some = set.get("outputs")
  if (some !== undefined) {
    const outputsAt = set.position("outputs")
    const outputs = yield* attribute(some, outputsAt, "the `outputs` attribute of a string context", LIST)
    if (outputs.length > 0 && !isDerivationPath(name)) refuse(notDerivation("derivation output", name), at)
    for (const item of outputs) {
      const output = yield* attribute(item, outputsAt, "an output name within a string context", STRING)
      context.add(encodeElement({ kind: "built", path, output }))
    }
  }
  return null
}
function notDerivation(what: string, name: string): string {
  return `tried to add ${what} context of ${printAttributeName(name)}, which is not a derivation, to a string`
}

interface Expected<T extends Forced> {
  readonly kind: string
  readonly is: (value: Forced) => value is T
  /** C++ Nix tells what it was doing and where also of an error inside the value, and where of the value itself. */
  readonly tracesForce: boolean
}
const SET: Expected<AttrSet> = { kind: "a set", is: (v): v is AttrSet => v instanceof AttrSet, tracesForce: false }
const LIST: Expected<readonly Value[]> = { kind: "a list", is: isList, tracesForce: false }
const BOOLEAN: Expected<boolean> = {
  kind: "a Boolean",
  is: (v): v is boolean => typeof v === "boolean",
  tracesForce: true,
}
const STRING: Expected<string> = { kind: "a string", is: (v): v is string => typeof v === "string", tracesForce: true }

function* attribute<T extends Forced>(value: Value, at: Position, what: string, expected: Expected<T>): Task<T> {
  const doing = `while evaluating ${what}`
  let forced: Forced
  try {
    forced = (yield value) as Forced
  } catch (problem) {
    throw expected.tracesForce ? asFailure(problem).traced(at, doing) : problem
  }
  if (expected.is(forced)) return forced
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  if (isString(forced) && expected === (STRING as unknown))
    throw new Failure(refersToStore(forced as NixString)).traced(at, doing)
  const problem = { code: "type-error", expected: expected.kind, found: forced } as const
  // oxlint-disable-next-line no-throw-literal -- as above
  throw new Failure(problem, expected.tracesForce ? at : 0).traced(at, doing)
}
