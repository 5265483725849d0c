import type { Derivation } from "@tvix-ts/nix-compat"
import { RealiseError } from "./problem.ts"

/**
 * Store paths of outputs, by name.
 *
 * @throws {RealiseError} for an output that there is not, or whose path depends on what is built
 */
export function outputPaths(
  path: string,
  { outputs }: Derivation,
  names: ReadonlySet<string> | "all",
): ReadonlyMap<string, string> {
  const paths = new Map<string, string>()
  for (const name of names === "all" ? outputs.keys() : names) {
    const output = outputs.get(name)
    if (output === undefined) {
      throw new RealiseError({ code: "output-unknown", derivation: path, output: name, known: [...outputs.keys()] })
    }
    if (!("path" in output)) {
      const reason = `the path of output '${name}' is known only when it is built, which is not supported`
      throw new RealiseError({ code: "unsupported", derivation: path, reason })
    }
    paths.set(name, output.path)
  }
  return paths
}
