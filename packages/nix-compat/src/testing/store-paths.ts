/** Random parts of narinfos and path infos. */
import { digestLength, encodeNix32, type HashAlgorithm } from "@tvix-ts/hash"
import fc from "fast-check"
import type { ContentAddress, HashMethod, Signature, StorePath } from "../index.ts"

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })

export const sha256s = bytes(digestLength.sha256)

export const storePaths: fc.Arbitrary<StorePath> = fc
  .tuple(bytes(20), fc.stringMatching(/^[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]{0,20}$/))
  .map(([digest, name]) => ({ digest: encodeNix32(digest), name }))

/** Each once, in the order in which C++ Nix writes them. */
export const signatures: fc.Arbitrary<Signature[]> = fc
  .uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}$/), { maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => bytes(64).map((signature) => ({ name, bytes: signature })))))
  .map((list) => list.sort((a, b) => (`${a.name}:` < `${b.name}:` ? -1 : 1)))

export const contentAddresses: fc.Arbitrary<ContentAddress> = fc
  .tuple(
    fc.constantFrom<HashMethod>("flat", "nar", "git", "text"),
    fc.constantFrom<HashAlgorithm>("md5", "sha1", "sha256", "sha512"),
  )
  .chain(([method, any]) => {
    const algorithm = method === "text" ? "sha256" : any
    return bytes(digestLength[algorithm]).map((digest) => ({ method, hash: { algorithm, digest } }))
  })
