import { textOf } from "@tvix-ts/bytes"
import { CastoreError, checkNode } from "@tvix-ts/castore"
import { digestLength } from "@tvix-ts/hash"
import {
  checkName,
  DERIVATION_SUFFIX,
  storePathBase,
  StorePathError,
  type ContentAddress,
  type StorePath,
} from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo } from "./path-info.ts"

/** Bytes of a SHA-256. */
export const NAR_HASH_LENGTH = 32
/** Bytes of an ed25519 signature. */
export const SIGNATURE_LENGTH = 64

const DIGITS = /^[0-9a-df-np-sv-z]{32}$/

/**
 * Checks everything that can be checked of a path info without looking at what it speaks of. Every back end does so before it
 * stores one.
 *
 * @throws {CastoreError} `invalid`
 */
export function checkPathInfo(pathInfo: PathInfo): void {
  checkNode(pathInfo.node, "node")
  checkDescription(pathInfo)
}

/**
 * The same of what is known without the tree.
 *
 * @throws {CastoreError} `invalid`
 */
export function checkDescription(pathInfo: PathDescription): void {
  checkStorePath(pathInfo.storePath, "storePath")
  let last = ""
  for (const [i, reference] of pathInfo.references.entries()) {
    const field = `references[${i}]`
    checkStorePath(reference, field)
    const baseName = storePathBase(reference)
    if (baseName <= last) invalid(field, `'${baseName}' does not come after '${last}'`)
    last = baseName
  }
  const { narSize } = pathInfo
  if (!Number.isSafeInteger(narSize) || narSize < 0) {
    invalid("narSize", `a size is a whole number from 0 to 2^53 - 1, not ${narSize}`)
  }
  checkLength(pathInfo.narHash, NAR_HASH_LENGTH, "narHash")
  for (const [i, signature] of pathInfo.signatures.entries()) {
    if (signature.name === "") invalid(`signatures[${i}].name`, "is empty")
    checkLength(signature.bytes, SIGNATURE_LENGTH, `signatures[${i}]`)
  }
  const { deriver, contentAddress } = pathInfo
  if (deriver !== undefined) {
    checkStorePath(deriver, "deriver")
    if (!deriver.name.endsWith(DERIVATION_SUFFIX)) {
      invalid("deriver", `'${deriver.name}' is no derivation, which would end in '${DERIVATION_SUFFIX}'`)
    }
  }
  if (contentAddress !== undefined) checkContentAddress(contentAddress)
}

export function checkStorePath(path: StorePath, field: string): void {
  checkStoreDigest(path.digest, field)
  checkPathName(path.name, field)
}

/** @param name ought to be what comes after the digest in a store path */
export function checkPathName(name: string, field: string): void {
  try {
    checkName(name)
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    // Of a store path all is bytes, what is said of it as well.
    invalid(field, textOf(error.message), error)
  }
}

/** @param digest ought to be the 32 digits of a store path */
export function checkStoreDigest(digest: string, field: string): void {
  if (!DIGITS.test(digest)) invalid(field, `'${digest}' is not 32 digits of base 32`)
}

/** Content addresses are as C++ Nix and the protocol have them: no git trees, and texts only by SHA-256. */
function checkContentAddress({ method, hash: { algorithm, digest } }: ContentAddress): void {
  const field = "contentAddress"
  if (method === "git" || algorithm === "blake3" || (method === "text" && algorithm !== "sha256")) {
    invalid(field, `a path info has no way of saying ${method} with ${algorithm}`)
  }
  checkLength(digest, digestLength[algorithm], field)
}

export function checkLength(bytes: Uint8Array, length: number, field: string): void {
  if (bytes.length !== length) invalid(field, `has ${bytes.length} bytes, not ${length}`)
}

export function invalid(field: string, reason: string, cause?: unknown): never {
  throw new CastoreError({ code: "invalid", field, reason }, { cause })
}
