/**
 * What the paths of derivations and of their outputs come from.
 *
 * A derivation's own path is that of a text file. The paths of outputs come from a hash of the derivation in which each
 * input stands by a hash of the same kind instead of by its path, and each fixed output by what is promised of it: where
 * a download comes from changes nothing that is built with it. C++ Nix calls it `hashDerivationModulo`.
 */
import { encodeHex } from "@tvix-ts/bytes"
import { hexDigest } from "@tvix-ts/hash"
import { writeAterm } from "./aterm.ts"
import { outputKind, type Derivation, type DerivationOutput } from "./derivation.ts"
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

/** The path of the derivation itself. @throws {StorePathError} if its name is not valid */
export function derivationPath(derivation: Derivation, storeDir: string = STORE_DIR): string {
  const references = [...derivation.inputSources, ...derivation.inputDerivations.keys()]
  return textPath(derivation.name + DERIVATION_SUFFIX, writeAterm(derivation), new Set(references), storeDir)
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
  const outputs = new Map<string, string>()
  if (kind === "fixed") {
    for (const [name, output] of derivation.outputs) outputs.set(name, promiseHash(output))
    return { outputs, deferred: false }
  }
  let deferred = kind === "floating" || kind === "impure"
  const inputs = new Map<string, Set<string>>()
  for (const [path, needed] of derivation.inputDerivations) {
    const input = hashesOfInput(path)
    deferred ||= input.deferred
    for (const output of needed) {
      const hash = input.outputs.get(output)
      if (hash === undefined) throw new DerivationError({ code: "no-output-hash", output, derivation: derivation.name })
      // Different derivations may promise the same output.
      const names = inputs.get(hash)
      if (names === undefined) inputs.set(hash, new Set([output]))
      else names.add(output)
    }
  }
  const hash = hexDigest("sha256", writeAterm(derivation, { maskOutputs, inputs }))
  for (const name of derivation.outputs.keys()) outputs.set(name, hash)
  return { outputs, deferred }
}

function promiseHash(output: DerivationOutput): string {
  const { method, hash, path } = output as DerivationOutput & { readonly kind: "fixed" }
  const algorithm = methodPrefix(method) + hash.algorithm
  return hexDigest("sha256", `fixed:out:${algorithm}:${encodeHex(hash.digest)}:${path}`)
}

/**
 * `derivation` with the paths of its deferred outputs found, unless an input keeps them from being known, and the
 * environment variable of each output set to its path if it is empty or missing.
 *
 * @throws {DerivationError}
 * @throws {StorePathError} if the name of an output is not valid
 */
export function withOutputPaths(
  derivation: Derivation,
  hashesOfInput: HashesOfInput,
  storeDir: string = STORE_DIR,
): Derivation {
  const found = new Map(derivation.outputs)
  const env = new Map(derivation.env)
  // There already when the hash is taken, though empty.
  for (const name of found.keys()) if (!env.has(name)) env.set(name, "")
  const { outputs, deferred } = derivationHashes({ ...derivation, env }, hashesOfInput, true)
  for (const [name, output] of derivation.outputs) {
    let path = "path" in output ? output.path : undefined
    if (output.kind === "deferred" && !deferred) {
      path = outputPath(derivation.name, name, outputs.get(name)!, storeDir)
      found.set(name, { kind: "input-addressed", path })
    }
    if (path !== undefined && env.get(name) === "") env.set(name, path)
  }
  return { ...derivation, outputs: found, env }
}
