/** Derivations: what to build, from what, and where it goes. All texts are byte strings. */
import type { Hash, HashAlgorithm } from "@tvix-ts/hash"
import { DerivationError } from "./problem.ts"
import type { HashMethod } from "./store-path.ts"

export type DerivationOutput =
  /** Its path comes from how it is built. */
  | { readonly kind: "input-addressed"; readonly path: string }
  /** Its path comes from its contents, whose hash is promised: downloads. */
  | { readonly kind: "fixed"; readonly path: string; readonly method: HashMethod; readonly hash: Hash }
  /** Its path will come from its contents, whatever they are. */
  | { readonly kind: "floating"; readonly method: HashMethod; readonly algorithm: HashAlgorithm }
  /** As `floating`, and built anew each time. */
  | { readonly kind: "impure"; readonly method: HashMethod; readonly algorithm: HashAlgorithm }
  /** Input-addressed, the path not known: not yet, or not before an input that is `floating` is built. */
  | { readonly kind: "deferred" }

/** Of {@link DynamicInput}s in each other, those that are read: nobody has more than two. */
export const DYNAMIC_DEPTH_MAX = 32

/** What is needed of a derivation that is an output of another. */
export interface DynamicInput {
  readonly outputs: ReadonlySet<string>
  /** By output: what is needed of the derivation that it is. Not there if there are none. */
  readonly dynamic?: ReadonlyMap<string, DynamicInput>
}

export interface Derivation {
  /** Without the `.drv` of its path. */
  readonly name: string
  readonly outputs: ReadonlyMap<string, DerivationOutput>
  /** Paths of derivations, and which outputs of each are needed. */
  readonly inputDerivations: ReadonlyMap<string, ReadonlySet<string>>
  /**
   * By paths among {@link inputDerivations}: what is needed of derivations that are outputs of those, which C++ Nix calls
   * dynamic derivations and has as an experiment. Not there if there are none.
   */
  readonly dynamicInputs?: ReadonlyMap<string, ReadonlyMap<string, DynamicInput>>
  /** Store paths that are needed as they are. */
  readonly inputSources: ReadonlySet<string>
  /** What kind of machine builds it, as in `x86_64-linux`. */
  readonly system: string
  readonly builder: string
  readonly args: readonly string[]
  readonly env: ReadonlyMap<string, string>
  /** `__structuredAttrs`: a JSON object, written as the environment variable `__json`. */
  readonly structuredAttrs?: string
}

/** What its outputs, which all are of one kind, make a derivation. @throws {DerivationError} if they are not. */
export function outputKind({ outputs }: Pick<Derivation, "outputs">): DerivationOutput["kind"] {
  let first: DerivationOutput | undefined
  for (const [name, output] of outputs) {
    if (first === undefined) first = output
    else if (output.kind !== first.kind) throw new DerivationError({ code: "outputs-mixed" })
    else if (output.kind === "fixed") throw new DerivationError({ code: "fixed-outputs-many" })
    if (output.kind === "fixed" && name !== "out") throw new DerivationError({ code: "fixed-output-name" })
    if (output.kind === "floating" && first.kind === "floating" && output.algorithm !== first.algorithm) {
      throw new DerivationError({ code: "floating-algorithms" })
    }
  }
  if (first === undefined) throw new DerivationError({ code: "outputs-missing" })
  return first.kind
}
