import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { ahead } from "../ahead.ts"
import type { PathInfoService } from "./service.ts"

const AT_ONCE = 32

/** For back ends that cannot look in the moment of storing. @throws {CastoreError} `missing` if one of `paths` is not there */
export async function requireThere(
  paths: readonly StorePath[],
  pathInfos: Pick<PathInfoService, "describe">,
  { signal }: CallOptions,
): Promise<void> {
  const options = signal === undefined ? {} : { signal }
  const look = async (path: StorePath): Promise<void> => {
    const found = await pathInfos.describe(path.digest, options)
    if (found?.storePath.name !== path.name) throw missingPath(path)
  }
  for await (const _ of ahead(paths, AT_ONCE, look));
}

export function missingPath(path: StorePath): CastoreError {
  return new CastoreError({ code: "missing", what: formatStorePath(path) })
}
