import { equal } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions, type Node } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { contentAddressPath, fingerprint, formatStorePath, verifySignature, type PublicKey } from "@tvix-ts/nix-compat"
import { renderNar } from "../nar/render.ts"
import type { Store } from "../store.ts"
import type { PathDescription } from "./path-info.ts"

/** Signatures that are looked at: more than anybody has. */
export const SIGNATURES_MAX = 64
/**
 * Bytes of an archive that nobody need have signed. It can say of itself how large it is, and has to be stored to find out
 * whether it is what it says.
 */
const UNSIGNED_SIZE_MAX = 64 * 2 ** 30

/** Whether one of the signatures is by one of the keys, and holds. */
async function isSignedBy(description: PathDescription, keys: readonly PublicKey[]): Promise<boolean> {
  const text = fingerprint(description)
  for (const signature of description.signatures.slice(0, SIGNATURES_MAX)) {
    // oxlint-disable-next-line no-await-in-loop -- of most, the first is enough
    if (await verifySignature(text, signature, keys)) return true
  }
  return false
}

/**
 * Whether the store path follows from the content address and the references, so that the contents, once they are checked
 * ({@link checkContents}), need nobody to vouch for them. Paths that refer to themselves, or are very large, are signed like
 * others.
 */
function isContentAddressed(description: PathDescription): boolean {
  const { storePath, contentAddress, references, narHash, narSize } = description
  if (contentAddress === undefined || narSize > UNSIGNED_SIZE_MAX) return false
  const { method, hash } = contentAddress
  // Whoever believes the one may pass on the other.
  if (method === "nar" && hash.algorithm === "sha256" && !equal(hash.digest, narHash)) return false
  if (references.some(({ digest }) => digest === storePath.digest)) return false
  const others = references.map((reference) => formatStorePath(reference))
  try {
    const path = contentAddressPath(storePath.name, contentAddress, { others, self: false })
    return path === formatStorePath(storePath)
  } catch {
    // A combination for which there is no path: texts by another hash, flat files with references.
    return false
  }
}

/**
 * @param keys of those who are trusted
 * @throws {CastoreError} `corrupt` for what nobody trusted has signed, unless it is content-addressed
 */
export async function checkTrust(
  description: PathDescription,
  keys: readonly PublicKey[],
  what: string,
): Promise<void> {
  if (isContentAddressed(description) || (await isSignedBy(description, keys))) return
  const names = [...new Set(description.signatures.map(({ name }) => `'${name}'`))].slice(0, 5)
  const signers = names.length === 0 ? "by nobody" : `by ${names.join(", ")}`
  const trusted = keys.map(({ name }) => `'${name}'`).join(", ")
  const reason = `no signature by a trusted key holds: it is signed ${signers}, trusted are ${trusted || "none"}`
  throw new CastoreError({ code: "corrupt", what, reason })
}

/**
 * Checks that `node` is what the content address of `description` says.
 *
 * @throws {CastoreError} `corrupt`
 */
export async function checkContents(
  { storePath, contentAddress, narHash }: PathDescription,
  node: Node,
  store: Pick<Store, "blobs" | "directories">,
  options: CallOptions,
): Promise<void> {
  if (contentAddress === undefined) return
  const { method, hash } = contentAddress
  const wrong = (reason: string): never => {
    throw new CastoreError({ code: "corrupt", what: formatStorePath(storePath), reason })
  }
  if (method === "nar" && hash.algorithm === "sha256") {
    if (!equal(hash.digest, narHash)) wrong("its archive has another SHA-256 than its content address says")
    return
  }
  const hasher = startHash(hash.algorithm)
  switch (method) {
    case "git":
      return wrong("it has a git tree as its content address, which is not supported")
    case "nar":
      for await (const piece of renderNar(node, store, options)) hasher.update(piece)
      break
    case "flat":
    case "text": {
      if (node.type !== "file" || node.executable)
        return wrong("its content address is that of a file, which it is not")
      const contents = await store.blobs.read(node.digest, { ...options, fleeting: true })
      for await (const piece of contents ?? []) hasher.update(piece)
    }
  }
  if (!equal(hasher.digest(), hash.digest)) wrong("its contents have another hash than its content address says")
}
