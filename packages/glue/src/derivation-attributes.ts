/** The attributes of a derivation, read in the order of their names (libexpr/primops.cc, derivationStrictInternal). */
import type { AttrSet, Evaluation, Forced, Value } from "@tvix-ts/eval"
import {
  asFailure,
  bytesOfString,
  coerceForced,
  ContextBuilder,
  force,
  JsonError,
  printJson,
  quoteJson,
  UNWINDING,
  type Task,
} from "@tvix-ts/eval/builtins"
import { isHashAlgorithm, type HashAlgorithm } from "@tvix-ts/hash"
import type { HashMethod } from "@tvix-ts/nix-compat"
import { BOOLEAN, forceAs, LIST, PLAIN_STRING, STRING } from "./force.ts"
import { normalJsonObject } from "./json-object.ts"
import { allowAlgorithm, refuse, refuseExperimental } from "./problems.ts"

export interface DerivationAttributes {
  /** Distinct, at least one. */
  readonly outputs: readonly string[]
  /** "" if missing. */
  readonly builder: string
  readonly system: string
  readonly args: readonly string[]
  /** New, and the caller's to change. */
  readonly env: Map<string, string>
  /** A JSON object. */
  readonly structuredAttrs: string | undefined
  readonly outputHash: string | undefined
  readonly outputHashAlgorithm: HashAlgorithm | undefined
  readonly outputHashMethod: HashMethod | undefined
  /** What all strings among them refer to. */
  readonly context: ContextBuilder
}

const AS_VARIABLE = { context: "", more: true, copyToStore: true }
const AS_ARGUMENT = { ...AS_VARIABLE, context: "while evaluating an element of the argument list" }

/** Attributes that have no effect in structured derivations. */
const UNSTRUCTURED: ReadonlySet<string> = new Set([
  "allowedReferences", "allowedRequisites", "disallowedReferences", "disallowedRequisites", "maxSize", "maxClosureSize",
]) // prettier-ignore

/** @param name of the derivation, for messages */
export function* readAttributes(evaluation: Evaluation, name: string, given: AttrSet): Task<DerivationAttributes> {
  const structured = yield* flag(given, "__structuredAttrs")
  const ignoreNulls = yield* flag(given, "__ignoreNulls")
  const reader = new Reader(evaluation, name)
  const { shape, values } = given.flat()
  const order = shape.order()
  for (let next = 0; next < order.length; next++) {
    const i = order[next]!
    const key = shape.names[i]!
    const value = values[i]!
    if (key === "__ignoreNulls") continue
    try {
      let forced: Forced | undefined = null
      if (ignoreNulls || !structured) {
        forced = force(value, 0)
        if (forced === undefined) forced = (yield UNWINDING) as Forced
        if (ignoreNulls && forced === null) continue
      }
      if (key === "__contentAddressed" || key === "__impure") {
        const feature = key === "__impure" ? "impure-derivations" : "ca-derivations"
        if (yield* forceAs(value, BOOLEAN)) refuseExperimental(feature)
      } else if (key === "args") yield* reader.readArguments(value)
      else if (!structured) {
        let text = coerceForced(forced, AS_VARIABLE, reader.context)
        if (text === undefined) text = (yield UNWINDING) as Forced
        reader.setVariable(key, text as string)
      } else if (key !== "__structuredAttrs") yield* reader.readStructured(key, value)
    } catch (problem) {
      throw asFailure(problem).traced(
        given.positionAt(i),
        `while evaluating attribute '${key}' of derivation '${name}'`,
      )
    }
  }
  return reader.result(structured)
}

/** A Boolean attribute that may be missing. */
function* flag(given: AttrSet, name: string): Task<boolean> {
  const value = given.get(name)
  if (value === undefined) return false
  const doing = `while evaluating the \`${name}\` attribute passed to builtins.derivationStrict`
  return yield* forceAs(value, BOOLEAN, doing)
}

class Reader {
  readonly #evaluation: Evaluation
  readonly #name: string
  readonly context = new ContextBuilder()
  readonly #env = new Map<string, string>()
  readonly #args: string[] = []
  /** Members of a JSON object. */
  readonly #members: string[] = []
  /** The JSON object that `__json` is. */
  #json: string | undefined
  #outputs: readonly string[] = ["out"]
  #builder = ""
  #system = ""
  #outputHash: string | undefined
  #outputHashAlgorithm: HashAlgorithm | undefined
  #outputHashMethod: HashMethod | undefined

  constructor(evaluation: Evaluation, name: string) {
    this.#evaluation = evaluation
    this.#name = name
  }

  result(structured: boolean): DerivationAttributes {
    return {
      outputs: this.#outputs,
      builder: this.#builder,
      system: this.#system,
      args: this.#args,
      env: this.#env,
      structuredAttrs: structured ? `{${this.#members.join(",")}}` : this.#json,
      outputHash: this.#outputHash,
      outputHashAlgorithm: this.#outputHashAlgorithm,
      outputHashMethod: this.#outputHashMethod,
      context: this.context,
    }
  }

  *readArguments(value: Value): Task<null> {
    for (const item of yield* forceAs(value, LIST)) {
      let forced = force(item, 0)
      if (forced === undefined) forced = (yield UNWINDING) as Forced
      let text = coerceForced(forced, AS_ARGUMENT, this.context)
      if (text === undefined) text = (yield UNWINDING) as Forced
      this.#args.push(text as string)
    }
    return null
  }

  /** An attribute that becomes an environment variable. */
  setVariable(key: string, text: string): void {
    if (key === "__json") {
      const advice = `setting structured attributes via '__json' is deprecated, and may be disallowed in future versions of Nix. Set '__structuredAttrs = true' instead.`
      this.#evaluation.say("notice", `In derivation '${this.#name}': ${advice}`)
      this.#json = normalJsonObject(text)
      return
    }
    this.#env.set(key, text)
    if (key === "builder") this.#builder = text
    else if (key === "system") this.#system = text
    else if (key === "outputs") this.#setOutputs(text.split(/[ \t\n\r]+/).filter((output) => output !== ""))
    else this.#readHashAttribute(key, text)
  }

  /** An attribute that becomes a member of a JSON object. Those with a meaning have to be of the right type, too. */
  *readStructured(key: string, value: Value): Task<null> {
    const json = (yield printJson(value, { strict: true, copyToStore: true }, this.context)) as string
    this.#members.push(`${quotedName(key)}:${json}`)
    if (key === "builder") {
      const builder = yield* forceAs(value, STRING)
      this.#builder = bytesOfString(builder)
      if (typeof builder !== "string") this.context.add(builder)
    } else if (key === "system") this.#system = yield* forceAs(value, PLAIN_STRING)
    else if (key === "outputs") {
      const outputs: string[] = []
      for (const item of yield* forceAs(value, LIST)) outputs.push(yield* forceAs(item, PLAIN_STRING))
      this.#setOutputs(outputs)
    } else if (key.startsWith("outputHash")) {
      if (HASH_ATTRIBUTES.has(key)) this.#readHashAttribute(key, yield* forceAs(value, PLAIN_STRING))
    } else if (UNSTRUCTURED.has(key)) {
      const advice = `'structuredAttrs' disables the effect of the derivation attribute '${key}'; use 'outputChecks.<output>.${key}' instead`
      this.#evaluation.say("notice", `In a derivation named '${this.#name}', ${advice}`)
    }
    return null
  }

  #setOutputs(outputs: readonly string[]): void {
    const seen = new Set<string>()
    for (const output of outputs) {
      if (seen.has(output)) refuse(`duplicate derivation output '${output}'`)
      // The result has that attribute already.
      if (output === "drvPath") refuse("invalid derivation output name 'drvPath'")
      seen.add(output)
    }
    if (outputs.length === 0) refuse("derivation cannot have an empty set of outputs")
    this.#outputs = outputs
  }

  #readHashAttribute(key: string, text: string): void {
    switch (key) {
      case "outputHash":
        this.#outputHash = text
        break
      case "outputHashAlgo":
        // What is not one is as if it were not there.
        this.#outputHashAlgorithm = isHashAlgorithm(text) ? text : undefined
        if (this.#outputHashAlgorithm !== undefined) allowAlgorithm(this.#outputHashAlgorithm)
        break
      case "outputHashMode":
        this.#outputHashMethod = this.#hashMethod(text)
        break
    }
  }

  #hashMethod(mode: string): HashMethod {
    switch (mode) {
      case "flat":
        return "flat"
      case "nar":
      case "recursive":
        return "nar"
      case "text":
        return refuseExperimental(
          "dynamic-derivations",
          `text-hashed derivation '${this.#name}', outputHashMode = "text"`,
        )
      case "git":
        return refuseExperimental("git-hashing")
      default:
        return refuse(`invalid value '${mode}' for 'outputHashMode' attribute`)
    }
  }
}

function quotedName(name: string): string {
  try {
    return quoteJson(name)
  } catch (error) {
    if (error instanceof JsonError) refuse(error.message)
    throw error
  }
}

const HASH_ATTRIBUTES: ReadonlySet<string> = new Set(["outputHash", "outputHashAlgo", "outputHashMode"])
