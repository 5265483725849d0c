/** Graphs of derivations, made from the bottom up. */
import {
  fixedOutputPath,
  instantiate,
  textPath,
  type Derivation,
  type DerivationHashes,
  type DerivationOutput,
  type Side,
} from "../index.ts"

export interface Draft {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly system?: string
  readonly builder?: string
  readonly outputs?: readonly string[]
  /** Paths of derivations. */
  readonly inputs?: readonly string[]
  /** Other outputs of those than `out`, by their paths. */
  readonly needs?: Readonly<Record<string, readonly string[]>>
  readonly sources?: readonly string[]
  readonly structuredAttrs?: object
  /** A fixed output, whose hash has this byte. */
  readonly fixed?: number
  readonly floating?: boolean
}

export class Graph {
  readonly derivations = new Map<string, Derivation>()
  readonly texts = new Map<string, string>()
  readonly #hashes = new Map<string, DerivationHashes>()

  /** The path of the derivation. */
  add(name: string, draft: Draft = {}): string {
    const hashesOf = (path: string): DerivationHashes => this.#hashes.get(path)!
    const { env = {}, args = [], inputs = [], needs = {}, sources = [], system = "s", builder = "b" } = draft
    const { derivation, path, hashes } = instantiate(
      {
        name,
        outputs: new Map((draft.outputs ?? ["out"]).map((output) => [output, outputOf(name, draft)] as const)),
        inputDerivations: new Map(inputs.map((path) => [path, new Set(needs[path] ?? ["out"])] as const)),
        inputSources: new Set(sources),
        system,
        builder,
        args,
        env: new Map(Object.entries({ name, ...env })),
        ...(draft.structuredAttrs !== undefined && { structuredAttrs: JSON.stringify(draft.structuredAttrs) }),
      },
      hashesOf,
    )
    this.derivations.set(path, derivation)
    this.#hashes.set(path, hashes)
    return path
  }

  /** Where an output of a derivation goes. */
  output(path: string, output = "out"): string {
    return this.derivations.get(path)!.env.get(output)!
  }

  /** The path of a source. */
  source(name: string, text: string): string {
    const path = textPath(name, text, [])
    this.texts.set(path, text)
    return path
  }

  side(path: string): Side {
    return {
      path,
      derivation: this.derivations.get(path)!,
      load: async (one) => this.derivations.get(one),
      text: async (one) => this.texts.get(one),
    }
  }
}

function outputOf(name: string, { fixed, floating = false }: Draft): DerivationOutput {
  if (floating) return { kind: "floating", method: "nar", algorithm: "sha256" }
  if (fixed === undefined) return { kind: "deferred" }
  const hash = { algorithm: "sha256", digest: new Uint8Array(32).fill(fixed) } as const
  return { kind: "fixed", path: fixedOutputPath(name, "flat", hash), method: "flat", hash }
}
