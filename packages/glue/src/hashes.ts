/** Hashes that programs promise. */
import type { Evaluation } from "@tvix-ts/eval"
import { digestLength, formatHash, parseHash, type Hash, type HashAlgorithm } from "@tvix-ts/hash"
import { allowAlgorithm, checked, refuse } from "./problems.ts"

/**
 * The hash that `text` names. An empty one, for those who do not know it yet and want to be told by the failing build,
 * is all zeros.
 */
export function promisedHash(evaluation: Evaluation, text: string, algorithm: HashAlgorithm | undefined): Hash {
  if (text !== "") return checked(() => parseHash(text, algorithm, allowAlgorithm))
  if (algorithm === undefined) return refuse("empty hash requires explicit hash algorithm")
  const zeros = { algorithm, digest: new Uint8Array(digestLength[algorithm]) }
  evaluation.say("notice", `found empty hash, assuming '${formatHash(zeros, "sri")}'`)
  return zeros
}
