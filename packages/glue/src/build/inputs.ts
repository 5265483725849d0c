/** What a build may see: the outputs and sources that its derivation names, and all that these refer to. */
import { encodeNix32 } from "@tvix-ts/hash"
import {
  DERIVATION_SUFFIX,
  formatContentAddress,
  formatStorePath,
  parseStorePath,
  quoteJsonText,
  writeJsonText,
  type Derivation,
  type DerivationOptions,
  type JsonText,
} from "@tvix-ts/nix-compat"
import { closureOf, type PathInfo, type PathInfoService, type Store } from "@tvix-ts/store"
import { RealiseError } from "./problem.ts"

/** The path infos of what a build may see, by store path; whatever is referred to comes first. */
export type BuildInputs = ReadonlyMap<string, PathInfo>

/** @param outputPaths of the input derivations: those that are needed, built already */
export async function buildInputs(
  { inputSources }: Derivation,
  outputPaths: Iterable<string>,
  { pathInfos }: Pick<Store, "pathInfos">,
  signal: AbortSignal,
): Promise<BuildInputs> {
  const closure = await closureInfos([...inputSources, ...outputPaths], pathInfos, signal)
  return new Map(closure.map((pathInfo) => [formatStorePath(pathInfo.storePath), pathInfo]))
}

/**
 * What `exportReferencesGraph` asks for, by the name it is to be given under: as `nix-store --load-db` reads it, or as JSON
 * with structured attributes (libstore/parsed-derivations.cc).
 *
 * @param readDerivation of a path among the inputs: what it builds is looked at, too
 * @throws {RealiseError} `graph`
 */
export async function exportedGraphs(
  { structuredAttrs }: Derivation,
  { exportReferencesGraph }: DerivationOptions,
  inputs: BuildInputs,
  { pathInfos }: Pick<Store, "pathInfos">,
  readDerivation: (path: string) => Promise<Derivation>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const graphs = new Map<string, string>()
  const closure = (paths: Iterable<string>): Promise<readonly PathInfo[]> => closureInfos(paths, pathInfos, signal)
  for (const [name, references] of exportReferencesGraph) {
    const wanted: string[] = []
    for (const reference of references) {
      if (reference.kind !== "path" || !inputs.has(reference.path)) {
        throw new RealiseError({
          code: "graph",
          path: reference.kind === "path" ? reference.path : reference.derivation,
        })
      }
      wanted.push(reference.path)
    }
    const found = new Map<string, PathInfo>()
    const add = (some: readonly PathInfo[]): void => {
      for (const pathInfo of some) found.set(formatStorePath(pathInfo.storePath), pathInfo)
    }
    add(await closure(wanted))
    const derivations = [...found.keys()].filter((path) => path.endsWith(DERIVATION_SUFFIX))
    for (const path of derivations) {
      const { outputs } = await readDerivation(path)
      add(await closure([...outputs.values()].flatMap((output) => ("path" in output ? [output.path] : []))))
    }
    const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pathInfo]) => pathInfo)
    graphs.set(name, structuredAttrs === undefined ? registrations(sorted) : await described(sorted, closure))
  }
  return graphs
}

/** @param paths store paths */
async function closureInfos(
  paths: Iterable<string>,
  pathInfos: PathInfoService,
  signal: AbortSignal,
): Promise<readonly PathInfo[]> {
  const roots = [...paths].map((path) => parseStorePath(path))
  const infos: PathInfo[] = []
  for (const { storePath } of await closureOf(roots, pathInfos, { signal })) {
    const info = await pathInfos.get(storePath.digest, { signal })
    if (info === undefined) throw new RealiseError({ code: "path-missing", path: formatStorePath(storePath) })
    infos.push(info)
  }
  return infos
}

/** For each path: the path, an empty line for what built it, how many references it has, and these. */
function registrations(pathInfos: readonly PathInfo[]): string {
  let text = ""
  for (const { storePath, references } of pathInfos) {
    text += `${formatStorePath(storePath)}\n\n${references.length}\n`
    for (const reference of references) text += `${formatStorePath(reference)}\n`
  }
  return text
}

async function described(
  pathInfos: readonly PathInfo[],
  closure: (paths: Iterable<string>) => Promise<readonly PathInfo[]>,
): Promise<string> {
  const list: JsonText[] = []
  for (const { storePath, references, narHash, narSize, contentAddress } of pathInfos) {
    const path = formatStorePath(storePath)
    let closureSize = 0
    for (const member of await closure([path])) closureSize += member.narSize
    const json = new Map<string, JsonText>([
      ["closureSize", String(closureSize)],
      ["narHash", quoteJsonText(`sha256:${encodeNix32(narHash)}`)],
      ["narSize", String(narSize)],
      ["path", quoteJsonText(path)],
      ["references", references.map((reference) => quoteJsonText(formatStorePath(reference)))],
      ["valid", "true"],
    ])
    if (contentAddress !== undefined) json.set("ca", quoteJsonText(formatContentAddress(contentAddress)))
    list.push(json)
  }
  return writeJsonText(list)
}
