import { bytesOf, byteStringFrom, concat, equal } from "@tvix-ts/bytes"
import type { CallOptions } from "@tvix-ts/castore"
import { startHash, type HashAlgorithm } from "@tvix-ts/hash"
import {
  contentAddressPath,
  formatStorePath,
  storePathBase,
  StorePathError,
  type ContentAddress,
} from "@tvix-ts/nix-compat"
import { writeNar, type PathInfo, type Store } from "@tvix-ts/store"
import { refuse } from "./problem.ts"

/**
 * Checks that a store path follows from the content address that is claimed for it, and that from its contents.
 *
 * @throws {CacheError} `malformed`
 */
export async function checkContentAddress(
  { storePath, references, node, narHash }: PathInfo,
  contentAddress: ContentAddress,
  store: Store,
  options: CallOptions,
): Promise<void> {
  const { method, hash } = contentAddress
  const base = storePathBase(storePath)
  const self = references.some((path) => storePathBase(path) === base)
  const others = references.filter((path) => storePathBase(path) !== base).map((path) => formatStorePath(path))
  let path: string
  try {
    path = contentAddressPath(storePath.name, contentAddress, { others, self })
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    return refuse({ code: "malformed", part: "CA", reason: "no path with these references has such a content address" })
  }
  if (path !== formatStorePath(storePath)) {
    refuse({ code: "malformed", part: "CA", reason: `the path that follows from it is ${path}` })
  }
  const { algorithm } = hash
  let digest: Uint8Array
  switch (method) {
    case "git":
      return refuse({ code: "unsupported", part: "CA", reason: "trees as git hashes them are not" })
    case "nar":
      if (algorithm === "sha256" && !self) digest = narHash
      else digest = await hashNar(node, self ? storePath.digest : undefined, algorithm, store, options)
      break
    case "flat":
    case "text": {
      if (node.type !== "file")
        return refuse({ code: "malformed", part: "CA", reason: "the NAR is not that of a file" })
      if (node.executable) return refuse({ code: "malformed", part: "CA", reason: "the file is executable" })
      const hasher = startHash(algorithm)
      const contents = await store.blobs.read(node.digest, options)
      for await (const piece of contents ?? []) hasher.update(piece)
      digest = hasher.digest()
    }
  }
  if (!equal(digest, hash.digest)) refuse({ code: "malformed", part: "CA", reason: "the contents have another hash" })
}

/**
 * The hash of an archive, or modulo the digest of its own path: that is read as zeros, and after the archive comes, for each
 * place where it was, a `|` and the offset of it in decimal digits (C++ Nix, libstore/references.cc).
 */
async function hashNar(
  node: PathInfo["node"],
  self: string | undefined,
  algorithm: HashAlgorithm,
  store: Store,
  options: CallOptions,
): Promise<Uint8Array> {
  const hasher = startHash(algorithm)
  const modulo = self === undefined ? undefined : new SelfEraser(self, (bytes) => void hasher.update(bytes))
  await writeNar(
    node,
    store,
    (bytes) => (modulo === undefined ? void hasher.update(bytes) : modulo.write(bytes)),
    options,
  )
  if (modulo !== undefined) for (const at of modulo.end()) hasher.update(bytesOf(`|${at}`))
  return hasher.digest()
}

/** Replaces each occurrence of some digits with zeros. */
class SelfEraser {
  readonly #digits: string
  readonly #output: (bytes: Uint8Array) => void
  /** The end of what was written, which may be the beginning of an occurrence. */
  #tail: Uint8Array = new Uint8Array()
  /** Offset of the tail. */
  #at = 0
  readonly #found: number[] = []

  constructor(digits: string, output: (bytes: Uint8Array) => void) {
    this.#digits = digits
    this.#output = output
  }

  write(bytes: Uint8Array): void {
    const joined = concat([this.#tail, bytes])
    const text = byteStringFrom(joined)
    let from = 0
    for (let at = text.indexOf(this.#digits); at >= 0; at = text.indexOf(this.#digits, from)) {
      from = at + this.#digits.length
      joined.fill(0, at, from)
      this.#found.push(this.#at + at)
    }
    const keep = Math.min(joined.length - from, this.#digits.length - 1)
    const done = joined.length - keep
    this.#output(joined.subarray(0, done))
    this.#tail = joined.slice(done)
    this.#at += done
  }

  /** Offsets of the occurrences. */
  end(): readonly number[] {
    this.#output(this.#tail)
    return this.#found
  }
}
