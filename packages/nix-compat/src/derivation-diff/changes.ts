/** What differs between the two derivations of a pair themselves, whatever differs in what they need. */
import { encodeHex } from "@tvix-ts/bytes"
import type { Derivation, DerivationOutput } from "../derivation.ts"
import { isJsonArray, writeJsonText, type JsonText } from "../json-text.ts"
import { methodPrefix } from "../store-path.ts"
import { attributesOf, type Mask } from "./sides.ts"

/**
 * One thing that differs; what is not on a side is undefined there. In texts, `/nix/store/*-name` stands for what both
 * sides mean by it, though its path differs, and `*-$out` for an output of the derivation itself.
 */
export type DerivationChange =
  | ChangedText<"name" | "system" | "builder">
  | (ChangedText<"variable" | "output"> & { readonly name: string })
  | { readonly kind: "arguments"; readonly before: readonly string[]; readonly after: readonly string[] }
  /** Of the structured attributes: texts of JSON. */
  | (ChangedText<"attribute"> & { readonly path: readonly string[] })
  /** A derivation that only one of them needs, by its path. */
  | (ChangedText<"input"> & { readonly name: string })
  /** Of one that both need: which outputs. */
  | {
      readonly kind: "input-outputs"
      readonly name: string
      readonly before: readonly string[]
      readonly after: readonly string[]
    }
  /** Something in the store that no derivation builds: its path, and what is in it if it is a text that can be read. */
  | (ChangedText<"source"> & { readonly name: string; readonly beforeText?: string; readonly afterText?: string })
  /** Derivations that cannot be looked into, for want of their files. */
  | { readonly kind: "unreadable"; readonly paths: readonly string[] }
  /** Their outputs differ and nothing else does: what corresponds to what is not what it seems. */
  | { readonly kind: "unexplained" }

interface ChangedText<Kind extends string> {
  readonly kind: Kind
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Everything but the inputs. */
export function ownChanges(
  before: Derivation,
  after: Derivation,
  maskBefore: Pick<Mask, "apply">,
  maskAfter: Pick<Mask, "apply">,
): DerivationChange[] {
  const changes: DerivationChange[] = []
  if (before.name !== after.name) changes.push({ kind: "name", before: before.name, after: after.name })
  if (before.system !== after.system) changes.push({ kind: "system", before: before.system, after: after.system })
  for (const [name, ...sides] of both(before.outputs, after.outputs)) {
    const [a, b] = sides.map((output) => output && outputText(output))
    if (a !== b) changes.push({ kind: "output", name, before: a, after: b })
  }
  const builders = [maskBefore.apply(before.builder), maskAfter.apply(after.builder)] as const
  if (builders[0] !== builders[1]) changes.push({ kind: "builder", before: builders[0], after: builders[1] })
  const argsBefore = before.args.map((arg) => maskBefore.apply(arg))
  const argsAfter = after.args.map((arg) => maskAfter.apply(arg))
  if (argsBefore.length !== argsAfter.length || argsBefore.some((arg, i) => arg !== argsAfter[i])) {
    changes.push({ kind: "arguments", before: argsBefore, after: argsAfter })
  }
  for (const [name, a, b] of both(before.env, after.env)) {
    // `derivation` makes variables of these, too.
    const field = name === "name" || name === "system" || name === "builder" ? name : undefined
    if (a === b || (field !== undefined && a === before[field] && b === after[field])) continue
    const texts = [a && maskBefore.apply(a), b && maskAfter.apply(b)] as const
    if (texts[0] !== texts[1]) changes.push({ kind: "variable", name, before: texts[0], after: texts[1] })
  }
  const attributes = [before, after].map(({ structuredAttrs = "{}" }, i) =>
    attributesOf((i === 0 ? maskBefore : maskAfter).apply(structuredAttrs)),
  )
  changedAttributes(attributes[0]!, attributes[1]!, changes)
  return changes
}

/** All names, in order, with what each side has. */
function* both<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): Generator<readonly [name: string, before: T | undefined, after: T | undefined]> {
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    yield [name, before.get(name), after.get(name)]
  }
}

/** Without the path, which only says that something differs. */
function outputText(output: DerivationOutput): string {
  switch (output.kind) {
    case "fixed":
      return `fixed ${methodPrefix(output.method)}${output.hash.algorithm}:${encodeHex(output.hash.digest)}`
    case "floating":
    case "impure":
      return `${output.kind} ${methodPrefix(output.method)}${output.algorithm}`
    // Whether its path is known depends on its inputs.
    case "input-addressed":
    case "deferred":
      return "input-addressed"
  }
}

/** Member by member, and of lists of texts as a whole. */
function changedAttributes(before: JsonText, after: JsonText, changes: DerivationChange[]): void {
  type Place = readonly [path: readonly string[], before: JsonText | undefined, after: JsonText | undefined]
  const rest: Place[] = [[[], before, after]]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [path, a, b] = next
    if (isObject(a) && isObject(b)) {
      for (const [name, one, other] of [...both(a, b)].reverse()) rest.push([[...path, name], one, other])
      continue
    }
    const texts = [a, b].map((json) => (json === undefined ? undefined : writeJsonText(json)))
    if (texts[0] !== texts[1]) changes.push({ kind: "attribute", path, before: texts[0], after: texts[1] })
  }
}

function isObject(json: JsonText | undefined): json is ReadonlyMap<string, JsonText> {
  return json !== undefined && typeof json !== "string" && !isJsonArray(json)
}
