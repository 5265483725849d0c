/**
 * Content addresses, as C++ Nix writes them into narinfos and its database:
 *
 *     text:sha256:<hash>       a file that may have references
 *     fixed:<algorithm>:<hash>        a file by its bytes
 *     fixed:r:<algorithm>:<hash>      a file tree as a Nix archive
 *     fixed:git:<algorithm>:<hash>    a file tree as git hashes it
 */
import { formatPrefixedHash, HashError, parseBareHash, parseHashAlgorithm, type Hash } from "@tvix-ts/hash"
import { ContentAddressError, type ContentAddressProblem } from "./problem.ts"
import { fixedOutputPath, methodPrefix, type HashMethod, type References } from "./store-path.ts"

/** How the path of a store object follows from its contents: `text:sha256:…`, `fixed:sha256:…`, `fixed:r:sha256:…`. */
export interface ContentAddress {
  readonly method: HashMethod
  readonly hash: Hash
}

/** @throws {ContentAddressError} */
export function parseContentAddress(text: string): ContentAddress {
  const [prefix, rest] = splitAtColon(text)
  if (rest === undefined) refuse({ code: "form", text })
  if (prefix !== "text" && prefix !== "fixed") refuse({ code: "prefix", prefix })
  const method = prefix === "text" ? "text" : rest.startsWith("r:") ? "nar" : rest.startsWith("git:") ? "git" : "flat"
  const [algorithm, digits] = splitAtColon(method === "text" ? rest : rest.slice(methodPrefix(method).length))
  if (digits === undefined) refuse({ code: "hash-form", text })
  const hash = parseHashOf(algorithm, digits)
  if (method === "text" && hash.algorithm !== "sha256") refuse({ code: "text-hash", algorithm: hash.algorithm })
  return { method, hash }
}

/** The hash in nix32. */
export function formatContentAddress({ method, hash }: ContentAddress): string {
  const prefix = method === "text" ? "text:" : `fixed:${methodPrefix(method)}`
  return prefix + formatPrefixedHash(hash, "nix32")
}

/**
 * The path of a store object with this content address.
 *
 * @throws {StorePathError}
 */
export function contentAddressPath(
  name: string,
  { method, hash }: ContentAddress,
  references?: References,
  storeDir?: string,
): string {
  return fixedOutputPath(name, method, hash, storeDir, references)
}

function splitAtColon(text: string): [before: string, after: string | undefined] {
  const colon = text.indexOf(":")
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
}

function parseHashOf(algorithm: string, digits: string): Hash {
  try {
    return parseBareHash(digits, parseHashAlgorithm(algorithm))
  } catch (cause) {
    if (cause instanceof HashError) refuse({ code: "hash", cause })
    throw cause
  }
}

function refuse(problem: ContentAddressProblem): never {
  throw new ContentAddressError(problem)
}
