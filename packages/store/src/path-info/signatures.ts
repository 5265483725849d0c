import { equal } from "@tvix-ts/bytes"
import { fingerprint, formatSignature, storePathBase, type SecretKey, type Signature } from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo } from "./path-info.ts"

/** The signatures of a path, and those of `keys` that were missing. */
export async function signedBy(
  keys: readonly SecretKey[],
  description: PathDescription,
): Promise<readonly Signature[]> {
  const missing = keys.filter(({ name }) => description.signatures.every((signature) => signature.name !== name))
  if (missing.length === 0) return description.signatures
  const text = fingerprint(description)
  return [...description.signatures, ...(await Promise.all(missing.map((key) => key.sign(text))))]
}

/**
 * What is to be stored where `stored` is and `put` was asked for: `put`, followed by the signatures of `stored` that still
 * hold. A signature is of the path, the archive's hash and size, and the references; with any of them changed, it is void.
 */
export function mergeSignatures(stored: PathInfo | undefined, put: PathInfo): PathInfo {
  if (stored === undefined || !sameFingerprint(stored, put)) return put
  const known = new Set(put.signatures.map(formatSignature))
  const more = stored.signatures.filter((signature) => !known.has(formatSignature(signature)))
  return more.length === 0 ? put : { ...put, signatures: [...put.signatures, ...more] }
}

function sameFingerprint(a: PathInfo, b: PathInfo): boolean {
  return (
    a.narSize === b.narSize &&
    equal(a.narHash, b.narHash) &&
    a.storePath.name === b.storePath.name &&
    a.references.length === b.references.length &&
    a.references.every((reference, i) => storePathBase(reference) === storePathBase(b.references[i]!))
  )
}
