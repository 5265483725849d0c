/**
 * What the paths of derivations and of their outputs come from.
 *
 * A derivation's own path is that of a text file. The paths of outputs come from a hash of the derivation in which each
 * input stands by a hash of the same kind instead of by its path, and each fixed output by what is promised of it: where
 * a download comes from changes nothing that is built with it. C++ Nix calls it `hashDerivationModulo`.
 */
import { encodeHex } from "@tvix-ts/bytes"
import { hexDigest } from "@tvix-ts/hash"
import { AtermText, writeAterm } from "./aterm.ts"
import { outputKind, type Derivation, type DerivationOutput } from "./derivation.ts"
import { withOutput } from "./output-names.ts"
import { DerivationError } from "./problem.ts"
import { DERIVATION_SUFFIX, methodPrefix, outputPath, STORE_DIR, textPath } from "./store-path.ts"

/** What stands for a derivation in the hashes of those that need it. */
export interface DerivationHashes {
  /** By output: hexadecimal digits of a SHA-256. */
  readonly outputs: ReadonlyMap<string, string>
  /** Whether output paths that depend on it are not known before it is built. */
  readonly deferred: boolean
}

/** The hashes of an input, by the path of its derivation. Asked for no others than `inputDerivations`. */
export type HashesOfInput = (derivationPath: string) => DerivationHashes

/** A derivation, and what follows from it. */
export interface Instantiated {
  readonly derivation: Derivation
  /** Of its file. */
  readonly path: string
  /** What is in the file: an ATerm. */
  readonly text: string
  readonly hashes: DerivationHashes
}

/** The path of the derivation itself. @throws {StorePathError} if its name is not valid */
export function derivationPath(derivation: Derivation, storeDir: string = STORE_DIR): string {
  return pathOfText(derivation, writeAterm(derivation), storeDir)
}
function pathOfText(derivation: Derivation, text: string, storeDir: string): string {
  const references = new Set(derivation.inputSources)
  for (const path of derivation.inputDerivations.keys()) references.add(path)
  return textPath(derivation.name + DERIVATION_SUFFIX, text, references, storeDir)
}

/**
 * What stands for `derivation` in others.
 *
 * @param maskOutputs for finding the paths of its own outputs, which cannot be part of what they come from
 * @throws {DerivationError}
 */
export function derivationHashes(
  derivation: Derivation,
  hashesOfInput: HashesOfInput,
  maskOutputs = false,
): DerivationHashes {
  const kind = outputKind(derivation)
  if (kind === "fixed") return promiseHashes(derivation)
  const { inputs, deferred } = inputHashes(derivation, kind, hashesOfInput)
  return hashesOf(derivation, writeAterm(derivation, { maskOutputs, inputs }), deferred)
}

/** What stands for the inputs, and the outputs that are needed of each. */
interface InputHashes {
  readonly inputs: ReadonlyMap<string, ReadonlySet<string>>
  readonly deferred: boolean
}

function inputHashes(
  { name, inputDerivations }: Derivation,
  kind: DerivationOutput["kind"],
  hashesOfInput: HashesOfInput,
): InputHashes {
  let deferred = kind === "floating" || kind === "impure"
  const inputs = new Map<string, ReadonlySet<string>>()
  for (const [path, needed] of inputDerivations) {
    const input = hashesOfInput(path)
    deferred ||= input.deferred
    for (const output of needed) {
      const hash = input.outputs.get(output)
      if (hash === undefined) throw new DerivationError({ code: "no-output-hash", output, derivation: name })
      // Different derivations may promise the same output.
      inputs.set(hash, withOutput(inputs.get(hash), output))
    }
  }
  return { inputs, deferred }
}

function hashesOf({ outputs }: Derivation, text: string | readonly string[], deferred: boolean): DerivationHashes {
  const hash = hexDigest("sha256", text)
  const hashes = new Map<string, string>()
  for (const name of outputs.keys()) hashes.set(name, hash)
  return { outputs: hashes, deferred }
}

function promiseHashes({ outputs }: Derivation): DerivationHashes {
  const hashes = new Map<string, string>()
  for (const [name, output] of outputs) {
    const { method, hash, path } = output as DerivationOutput & { readonly kind: "fixed" }
    const algorithm = methodPrefix(method) + hash.algorithm
    hashes.set(name, hexDigest("sha256", `fixed:out:${algorithm}:${encodeHex(hash.digest)}:${path}`))
  }
  return { outputs: hashes, deferred: false }
}

/**
 * `draft` with the paths of its deferred outputs found, unless an input keeps them from being known, and the environment
 * variable of each output set to its path if it is empty or missing; and everything that follows from that.
 *
 * @throws {DerivationError}
 * @throws {StorePathError} if the name of the derivation or of an output is not valid
 */
export function instantiate(draft: Derivation, hashesOfInput: HashesOfInput, storeDir?: string): Instantiated {
  return complete({ ...draft, env: new Map(draft.env) }, hashesOfInput, storeDir)
}

/** As {@link instantiate}, the environment of `draft` becoming that of the result: copying it takes as long as hashing it. */
export function complete(
  draft: Derivation & { readonly env: Map<string, string> },
  hashesOfInput: HashesOfInput,
  storeDir: string = STORE_DIR,
): Instantiated {
  const kind = outputKind(draft)
  const { env } = draft
  // There already when the hash is taken, though empty.
  for (const name of draft.outputs.keys()) if (!env.has(name)) env.set(name, "")
  const text = new AtermText(draft)
  const known = kind === "fixed" ? undefined : inputHashes(draft, kind, hashesOfInput)
  const inputs = known && text.inputs(known.inputs)
  const outputs = new Map(draft.outputs)
  if (kind === "deferred" && known?.deferred === false) {
    const hash = hexDigest("sha256", text.pieces(undefined, inputs!))
    for (const name of outputs.keys()) {
      const path = outputPath(draft.name, name, hash, storeDir)
      outputs.set(name, { kind: "input-addressed", path })
    }
  }
  for (const [name, output] of outputs) if ("path" in output && env.get(name) === "") env.set(name, output.path)
  const derivation: Derivation = { ...draft, outputs }
  const written = text.write(derivation, text.inputs())
  return {
    derivation,
    path: pathOfText(derivation, written, storeDir),
    text: written,
    hashes:
      known === undefined
        ? promiseHashes(derivation)
        : hashesOf(derivation, text.pieces(derivation, inputs!), known.deferred),
  }
}
