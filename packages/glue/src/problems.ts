/** What goes wrong with what programs say, as a problem of theirs. */
import { fail } from "@tvix-ts/eval/builtins"
import { HashError, type HashAlgorithm } from "@tvix-ts/hash"
import { DerivationError, FlakeRefError, StorePathError } from "@tvix-ts/nix-compat"
import { FetchError } from "./fetch/problem.ts"

export function refuse(message: string): never {
  return fail({ code: "invalid-argument", message })
}

const KNOWN = [StorePathError, DerivationError, HashError, FlakeRefError, FetchError]

/** Runs `work`; what it finds wrong with names, hashes, addresses and derivations is the program's problem. */
export function checked<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (KNOWN.some((kind) => error instanceof kind)) refuse((error as Error).message)
    throw error
  }
}

/** Refuses what C++ Nix does only when asked to. `why` is an explanation in parentheses. */
export function refuseExperimental(feature: string, why?: string): never {
  const reason = why === undefined ? "" : ` (${why})`
  return refuse(
    `experimental Nix feature '${feature}' is disabled${reason}; ` +
      `add '--extra-experimental-features ${feature}' to enable it`,
  )
}

/** For those who read hashes. */
export function allowAlgorithm(algorithm: HashAlgorithm): void {
  if (algorithm === "blake3") refuseExperimental("blake3-hashes")
}
