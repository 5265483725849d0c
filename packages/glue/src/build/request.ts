/** From a derivation to a request that any builder understands, whatever it knows of Nix. */
import { bytesOf } from "@tvix-ts/bytes"
import type { BuildRequest } from "@tvix-ts/build"
import { parseStorePath, storePathBase, type Derivation, type DerivationOptions } from "@tvix-ts/nix-compat"
import { builderEnvironment, outputPlaceholder, type BuilderSettings } from "./environment.ts"
import type { BuildInputs } from "./inputs.ts"

/** Of the build, relative to its root. */
const BUILD_DIR = "build"

/** @param settings but where it is built, which follows */
export function buildRequest(
  derivation: Derivation,
  options: DerivationOptions,
  inputs: BuildInputs,
  settings: Omit<BuilderSettings, "buildDir">,
): BuildRequest {
  const { storeDir } = settings
  const inputsDir = storeDir.slice(1)
  const rewrite = placeholdersReplaced(derivation)
  const { variables, files } = builderEnvironment(derivation, options, { ...settings, buildDir: `/${BUILD_DIR}` })
  const outputs = [...derivation.outputs.values()].flatMap((output) => ("path" in output ? [output.path] : []))
  return {
    inputs: new Map(
      [...inputs].map(([, { storePath, node }]) => [storePathBase(storePath), node] as const).sort(byName),
    ),
    inputsDir,
    command: [derivation.builder, ...derivation.args].map(rewrite),
    workingDir: BUILD_DIR,
    scratchPaths: [BUILD_DIR, inputsDir],
    outputs: outputs.map((path) => path.slice(1)).sort(),
    environment: new Map([...variables].map(([name, value]) => [name, rewrite(value)] as const).sort(byName)),
    constraints: {
      system: derivation.system,
      memoryMin: 0,
      availablePaths: options.requiredSystemFeatures.has("kvm") ? ["/dev/kvm"] : [],
      network: [...derivation.outputs.values()].some(({ kind }) => kind === "fixed"),
      binSh: true,
    },
    additionalFiles: new Map(
      [...files].map(([name, text]) => [`${BUILD_DIR}/${name}`, bytesOf(rewrite(text))] as const).sort(byName),
    ),
    needles: [...inputs.keys(), ...outputs].map((path) => parseStorePath(path, storeDir).digest),
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** Derivations may speak of their own outputs before the paths are known. */
function placeholdersReplaced({ outputs }: Derivation): (text: string) => string {
  const replacements = [...outputs].flatMap(([name, output]) =>
    "path" in output ? [[outputPlaceholder(name), output.path] as const] : [],
  )
  return (text) => {
    let rewritten = text
    for (const [placeholder, path] of replacements) {
      if (rewritten.includes(placeholder)) rewritten = rewritten.replaceAll(placeholder, path)
    }
    return rewritten
  }
}
