/** `derivationStrict`, what `derivation` is made of: attributes in, the paths of a derivation and its outputs out. */
import { isPromise, type Evaluation, type Value } from "@tvix-ts/eval"
import {
  asFailure,
  attrs,
  AttrSet,
  builtin,
  elementsOf,
  encodeElement,
  Failure,
  makeString,
  Shape,
  type ContextBuilder,
  type Task,
} from "@tvix-ts/eval/builtins"
import {
  checkName,
  complete,
  DERIVATION_SUFFIX,
  fixedOutputPath,
  StorePathError,
  withOutput,
  type Derivation,
  type DerivationHashes,
  type DerivationOutput,
} from "@tvix-ts/nix-compat"
import { readAttributes, type DerivationAttributes } from "./derivation-attributes.ts"
import { forceAs, PLAIN_STRING } from "./force.ts"
import { promisedHash } from "./hashes.ts"
import { checked, refuse } from "./problems.ts"
import type { EvaluationStore } from "./store.ts"

export function derivationStrict(store: EvaluationStore) {
  return builtin({
    name: "derivationStrict",
    global: "name",
    params: [attrs("attrs", "while evaluating the argument passed to builtins.derivationStrict")],
    doc: "What `derivation` is made of: writes the derivation to the store. The result has its `drvPath` and a path for each output.",
    *run(given) {
      const name = yield* nameOf(given)
      try {
        return yield* instantiate(this, store, name, given)
      } catch (problem) {
        const at = given.position("name")
        const place = this.positions.show(at)
        const doing = `while evaluating derivation '${name}'\n  whose name attribute is located at ${place}`
        throw asFailure(problem).traced(0, doing, "normal", at)
      }
    },
  })
}

function* nameOf(given: AttrSet): Task<string> {
  const value = given.get("name")
  if (value === undefined) {
    const failure = new Failure({ code: "attribute-missing", name: "name", known: [] })
    // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
    throw failure.traced(0, "in the attrset passed as argument to builtins.derivationStrict")
  }
  try {
    const doing = "while evaluating the `name` attribute passed to builtins.derivationStrict"
    return yield* forceAs(value, PLAIN_STRING, doing)
  } catch (problem) {
    throw asFailure(problem).traced(given.position("name"), "while evaluating the derivation attribute 'name'")
  }
}

function* instantiate(evaluation: Evaluation, store: EvaluationStore, name: string, given: AttrSet): Task {
  checkDerivationName(name)
  const read = yield* readAttributes(evaluation, name, given)
  const inputs = yield* inputsOf(evaluation, store, read.context)
  if (read.builder === "") refuse("required attribute 'builder' missing")
  if (read.system === "") refuse("required attribute 'system' missing")
  if (name.endsWith(DERIVATION_SUFFIX)) {
    refuse(
      `derivation names are allowed to end in '${DERIVATION_SUFFIX}' only if they produce a single derivation file`,
    )
  }
  const outputs = outputsOf(evaluation, name, read)
  const { env } = read
  // An attribute that is called like an output gives way to it.
  for (const output of outputs.keys()) env.set(output, "")
  const draft = {
    name,
    outputs,
    ...inputs,
    system: read.system,
    builder: read.builder,
    args: read.args,
    env,
    ...(read.structuredAttrs !== undefined && { structuredAttrs: read.structuredAttrs }),
  }
  const known = read.outputHash === undefined ? yield* inputHashes(evaluation, store, draft) : new Map<string, never>()
  const hashesOfInput = (path: string): DerivationHashes => known.get(path)!
  const { derivation, path, text, hashes } = checked(() => complete(draft, hashesOfInput))
  yield* evaluation.ask(() => store.addDerivation(path, { derivation, hashes }, text))
  return resultOf(path, derivation)
}

function checkDerivationName(name: string): void {
  try {
    checkName(name)
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    refuse(`invalid derivation name: ${error.message}. Please pass a different 'name'.`)
  }
}

/** The outputs as far as they are known without the inputs. */
function outputsOf(
  evaluation: Evaluation,
  name: string,
  { outputs, outputHash, outputHashAlgorithm, outputHashMethod = "flat" }: DerivationAttributes,
): Map<string, DerivationOutput> {
  if (outputHash === undefined) return new Map(outputs.map((output) => [output, { kind: "deferred" }] as const))
  if (outputs.length !== 1 || outputs[0] !== "out") {
    refuse("multiple outputs are not supported in fixed-output derivations")
  }
  const hash = promisedHash(evaluation, outputHash, outputHashAlgorithm)
  const path = checked(() => fixedOutputPath(name, outputHashMethod, hash))
  return new Map([["out", { kind: "fixed", path, method: outputHashMethod, hash }]])
}

/** What the strings of a derivation refer to is what it needs. */
function* inputsOf(
  evaluation: Evaluation,
  store: EvaluationStore,
  context: ContextBuilder,
): Task<Pick<Derivation, "inputDerivations" | "inputSources">> {
  const inputSources = new Set<string>()
  const inputDerivations = new Map<string, ReadonlySet<string>>()
  const need = (path: string, output: string): void => {
    inputDerivations.set(path, withOutput(inputDerivations.get(path), output))
  }
  for (const element of elementsOf(context.context)) {
    switch (element.kind) {
      case "opaque":
        inputSources.add(element.path)
        break
      case "built":
        need(element.path, element.output)
        break
      case "deep":
        // Whoever builds it may look at any path that the derivation leads to, so all of them have to be there.
        for (const path of yield* closureOf(evaluation, store, element.path)) {
          inputSources.add(path)
          const record = yield* evaluation.ask(() => store.derivation(path))
          for (const output of record?.derivation.outputs.keys() ?? []) need(path, output)
        }
    }
  }
  return { inputSources, inputDerivations }
}

/** `path` and everything it refers to, as far as the store knows. */
function* closureOf(evaluation: Evaluation, store: EvaluationStore, path: string): Task<ReadonlySet<string>> {
  const closure = new Set([path])
  // A set goes on with what is added meanwhile.
  for (const member of closure) {
    const references = yield* evaluation.ask(() => store.references(member))
    if (references === undefined && member.endsWith(DERIVATION_SUFFIX)) refuse(`path '${member}' is not valid`)
    for (const reference of references ?? []) closure.add(reference)
  }
  return closure
}

function* inputHashes(
  evaluation: Evaluation,
  store: EvaluationStore,
  { inputDerivations }: Pick<Derivation, "inputDerivations">,
): Task<Map<string, DerivationHashes>> {
  const found = new Map<string, DerivationHashes>()
  for (const path of [...inputDerivations.keys()].sort()) {
    const answer = store.derivation(path)
    const record = isPromise(answer) ? yield* evaluation.ask(() => answer) : answer
    if (record === undefined) return refuse(`derivation '${path}' is not valid`)
    found.set(path, record.hashes)
  }
  return found
}

function resultOf(path: string, { outputs }: Derivation): AttrSet {
  const names = ["drvPath"]
  const values: Value[] = [makeString(path, new Set([encodeElement({ kind: "deep", path })]))]
  for (const [name, output] of outputs) {
    if (!("path" in output)) throw new Error(`the path of output '${name}' of ${path} is not known`)
    names.push(name)
    values.push(makeString(output.path, new Set([encodeElement({ kind: "built", path, output: name })])))
  }
  return new AttrSet(Shape.of(names), values)
}
