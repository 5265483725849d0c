import { CastoreError } from "@tvix-ts/castore"
import { decodePathInfo } from "./codec.ts"
import type { PathInfo } from "./path-info.ts"

/**
 * What is stored as the path info of a store path, which others may have written.
 *
 * @param digest the 32 digits that it was found under
 * @throws {CastoreError} `corrupt` if it is none, or that of another path
 */
export function decodeStored(digest: string, bytes: Uint8Array): PathInfo {
  const what = `path info ${digest}`
  let pathInfo: PathInfo
  try {
    pathInfo = decodePathInfo(bytes)
  } catch (cause) {
    if (!(cause instanceof CastoreError)) throw cause
    throw new CastoreError({ code: "corrupt", what, reason: cause.message }, { cause })
  }
  if (pathInfo.storePath.digest === digest) return pathInfo
  throw new CastoreError({ code: "corrupt", what, reason: `it is that of ${pathInfo.storePath.digest}` })
}
