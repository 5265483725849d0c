/** Where the caches are, if there are any: docs/guides/derivations.md tells what is in them. */
import type { UnitCache } from "@tvix-ts/eval"
import { nodeUnitCache } from "@tvix-ts/eval/node"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

type Environment = Readonly<Record<string, string | undefined>>

/** The cache that the user's processes share; what is new in it is written when it is flushed. */
export function bytecodeCache(): UnitCache | undefined {
  const directory = cacheDirectory(process.env, process.platform)
  if (directory === undefined) return undefined
  return nodeUnitCache({ directory: join(directory, "bytecode") })
}

/** The folder where the system wants what users can do without; undefined if there shall be no cache. */
export function cacheDirectory(env: Environment, platform: NodeJS.Platform): string | undefined {
  if ((env["TVIX_NO_CACHE"] ?? "") !== "") return undefined
  const own = env["TVIX_CACHE_DIR"]
  if (own !== undefined && own !== "") return isAbsolute(own) ? own : undefined
  const xdg = env["XDG_CACHE_HOME"]
  if (xdg !== undefined && xdg.startsWith("/")) return join(xdg, "tvix")
  const home = env["HOME"] || homedir()
  if (!isAbsolute(home)) return undefined
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Caches", "tvix")
    case "win32":
      return join(env["LOCALAPPDATA"] || join(homedir(), "AppData", "Local"), "tvix", "cache")
    default:
      return join(home, ".cache", "tvix")
  }
}
