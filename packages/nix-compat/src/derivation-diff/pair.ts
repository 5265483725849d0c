/** Two derivations compared: what differs in themselves, and which of their inputs correspond to each other and differ. */
import type { Derivation } from "../derivation.ts"
import { inputPlaceholder } from "../derivation-options.ts"
import { DERIVATION_SUFFIX, parseStorePath } from "../store-path.ts"
import { parseDrvName } from "../version.ts"
import { align, type Alignable, type Alignment } from "./align.ts"
import { ownChanges, type DerivationChange } from "./changes.ts"
import { Mask, textsOf, type Located } from "./sides.ts"

/** Where derivations are read from. */
export interface DerivationLoader {
  /** The derivation at a store path; undefined if it is nowhere. Asked for the same one again and again. */
  readonly load: (path: string) => Promise<Derivation | undefined>
  /** What the file at a store path contains; undefined if it is no text. Without, changed sources are told by their paths. */
  readonly text?: (path: string) => Promise<string | undefined>
}

/** One side of a comparison. */
export interface Side extends Located, DerivationLoader {}

export interface Compared {
  readonly changes: readonly DerivationChange[]
  /** Of different paths. */
  readonly inputs: readonly (readonly [before: Located, after: Located])[]
}

interface Input extends Alignable {
  readonly located: Located
}

export async function comparePair(before: Side, after: Side, storeDir: string): Promise<Compared> {
  const [inputsBefore, inputsAfter] = await Promise.all([
    inputsOf(before, after.derivation, storeDir),
    inputsOf(after, before.derivation, storeDir),
  ])
  const texts = [textsOf(before.derivation), textsOf(after.derivation)] as const
  const inputs = align(inputsBefore.found, inputsAfter.found, ...texts)
  const sources = align(sourcesOf(before, storeDir), sourcesOf(after, storeDir), ...texts)
  const [maskBefore, maskAfter] = masks(before, after, inputs, sources, storeDir)
  const unreadable = [...inputsBefore.unreadable, ...inputsAfter.unreadable]
  return {
    changes: [
      ...ownChanges(before.derivation, after.derivation, maskBefore, maskAfter),
      ...(await changedSources(before, after, sources)),
      ...changedInputs(before.derivation, after.derivation, inputs, storeDir),
      ...(unreadable.length > 0 ? [{ kind: "unreadable", paths: unreadable } as const] : []),
    ],
    inputs: inputs.pairs.map(([one, other]) => [one.located, other.located]),
  }
}

/** Of fixed outputs: what they need has no part in what they are, so store paths are told by their names only. */
export function compareFixed(before: Derivation, after: Derivation, storeDir: string): DerivationChange[] {
  const digests = new RegExp(`(?<=${escapeRegExp(storeDir)}/)[0-9a-df-np-sv-z]{32}(?=-)`, "g")
  const [maskBefore, maskAfter] = [before, after].map(({ outputs }) => {
    const mask = new Mask(storeDir)
    mask.ownOutputs(outputs)
    return { apply: (text: string): string => mask.apply(text).replace(digests, "*") }
  })
  return ownChanges(before, after, maskBefore!, maskAfter!)
}

/** Those that the other does not need as they are. */
async function inputsOf(
  { derivation, load }: Side,
  other: Derivation,
  storeDir: string,
): Promise<{ readonly found: readonly Input[]; readonly unreadable: readonly string[] }> {
  const paths = [...derivation.inputDerivations.keys()].filter((path) => !other.inputDerivations.has(path)).sort()
  const loaded = await Promise.all(paths.map(load))
  const found: Input[] = []
  for (const [i, input] of loaded.entries()) {
    if (input === undefined) continue
    const path = paths[i]!
    const mentioned = [...input.outputs].map(([output, where]) =>
      "path" in where ? where.path : inputPlaceholder(path, output, storeDir),
    )
    found.push({ path, name: input.name, mentioned, located: { path, derivation: input } })
  }
  return { found, unreadable: paths.filter((_, i) => loaded[i] === undefined) }
}

function sourcesOf({ derivation }: Located, storeDir: string): Alignable[] {
  return [...derivation.inputSources].sort().map((path) => {
    return { path, name: parseStorePath(path, storeDir).name, mentioned: [path] }
  })
}

/** What is meant by both sides is written alike. */
function masks(
  before: Located,
  after: Located,
  inputs: Alignment<Input>,
  sources: Alignment<Alignable>,
  storeDir: string,
): readonly [Mask, Mask] {
  const masks = [new Mask(storeDir), new Mask(storeDir)] as const
  const names = new SharedNames()
  for (const pair of inputs.pairs) {
    const name = names.of(pair[0].name, pair[1].name)
    for (const [i, { path, located }] of pair.entries()) {
      masks[i]!.outputs(located, name)
      masks[i]!.path(path, name + DERIVATION_SUFFIX)
    }
  }
  for (const pair of sources.pairs) {
    const name = names.of(pair[0].name, pair[1].name)
    for (const [i, { path }] of pair.entries()) masks[i]!.path(path, name)
  }
  masks[0].ownOutputs(before.derivation.outputs)
  masks[1].ownOutputs(after.derivation.outputs)
  return masks
}

/** A name for two things, and for no others. */
class SharedNames {
  readonly #taken = new Set<string>()
  of(before: string, after: string): string {
    const [a, b] = [parseDrvName(before).name, parseDrvName(after).name]
    const name = before === after ? before : a === b ? a : `${before}|${after}`
    let free = name
    for (let n = 2; this.#taken.has(free); n++) free = `${name}#${n}`
    this.#taken.add(free)
    return free
  }
}

async function changedSources(
  before: Side,
  after: Side,
  { pairs, removed, added }: Alignment<Alignable>,
): Promise<DerivationChange[]> {
  const text = async ({ text }: Side, source: Alignable | undefined): Promise<string | undefined> =>
    source === undefined ? undefined : text?.(source.path)
  const all: (readonly [Alignable | undefined, Alignable | undefined])[] = [
    ...pairs,
    ...removed.map((one) => [one, undefined] as const),
    ...added.map((one) => [undefined, one] as const),
  ]
  return Promise.all(
    all.map(async ([a, b]) => {
      const [beforeText, afterText] = await Promise.all([text(before, a), text(after, b)])
      return {
        kind: "source",
        name: (a ?? b)!.name,
        before: a?.path,
        after: b?.path,
        ...(beforeText !== undefined && { beforeText }),
        ...(afterText !== undefined && { afterText }),
      } as const
    }),
  )
}

function changedInputs(
  before: Derivation,
  after: Derivation,
  { pairs, removed, added }: Alignment<Input>,
  storeDir: string,
): DerivationChange[] {
  const changes: DerivationChange[] = []
  const compareOutputs = (a: string, b: string): void => {
    const [one, other] = [sortedOutputs(before, a), sortedOutputs(after, b)]
    if (one.join() === other.join()) return
    const name = nameOfDerivation(a, storeDir)
    changes.push({ kind: "input-outputs", name, before: one, after: other })
  }
  for (const path of before.inputDerivations.keys()) if (after.inputDerivations.has(path)) compareOutputs(path, path)
  for (const [a, b] of pairs) compareOutputs(a.path, b.path)
  for (const { name, path } of removed) changes.push({ kind: "input", name, before: path, after: undefined })
  for (const { name, path } of added) changes.push({ kind: "input", name, before: undefined, after: path })
  return changes
}

function sortedOutputs({ inputDerivations }: Derivation, path: string): readonly string[] {
  return [...inputDerivations.get(path)!].sort()
}

function nameOfDerivation(path: string, storeDir: string): string {
  return parseStorePath(path, storeDir).name.slice(0, -DERIVATION_SUFFIX.length)
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
}
