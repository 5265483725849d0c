import { formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"
import { decodeDirectory } from "./codec.ts"
import type { Directory } from "./service.ts"

/**
 * What is stored under a digest that was found to be right. If it is no directory all the same, it should never have been
 * stored, which is no fault of whoever asks for it.
 *
 * @throws {CastoreError} `corrupt`
 */
export function decodeStored(digest: B3Digest, bytes: Uint8Array): Directory {
  try {
    return decodeDirectory(bytes)
  } catch (error) {
    if (!(error instanceof CastoreError)) throw error
    const what = `directory ${formatDigest(digest)}`
    throw new CastoreError({ code: "corrupt", what, reason: error.message }, { cause: error })
  }
}
