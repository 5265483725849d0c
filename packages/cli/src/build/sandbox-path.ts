import { parseSandboxPath, type SandboxPath } from "@tvix-ts/build/node"
import { CastoreError } from "@tvix-ts/castore"
import { wordBytes } from "../command-line.ts"

/** What `--sandbox-path` and C++ Nix's `sandbox-paths` say. @throws {CastoreError} `invalid` */
export function sandboxPath(word: string): SandboxPath {
  const path = parseSandboxPath(wordBytes(word))
  if (path !== undefined) return path
  const reason = "one looks like /path, /path=/source or /path=/source?"
  throw new CastoreError({ code: "invalid", field: `sandbox path '${word}'`, reason })
}
