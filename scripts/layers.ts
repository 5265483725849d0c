/**
 * `npm run layers`: checks the borders that docs/ARCHITECTURE.md draws, from the import statements alone.
 *
 * - a package imports only the packages it is allowed to, and declares them in its package.json;
 * - packages meet through their `exports`, never through each other's files;
 * - only `node/` folders, the command line, and tests touch `node:*`, and nothing portable imports a `node/` folder;
 * - no cycles between files, no `export *`.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { ROOT } from "./toolchain.mjs"

/** What each package may import. A package that is not listed here is an error: give it its place first. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  hash: ["bytes"],
  syntax: ["bytes"],
  "nix-compat": ["bytes", "hash"],
  eval: ["bytes", "hash", "syntax", "nix-compat"],
  protos: [],
  castore: ["bytes", "hash", "protos"],
  store: ["bytes", "hash", "nix-compat", "protos", "castore"],
  "nar-bridge": ["bytes", "hash", "nix-compat", "castore", "store"],
  fuse: ["bytes", "nix-compat", "castore", "store"],
  build: ["bytes", "hash", "protos", "castore"],
  glue: ["bytes", "hash", "nix-compat", "eval", "castore", "store", "build"],
  cli: ["bytes", "hash", "syntax", "eval", "nix-compat", "glue", "castore", "store", "nar-bridge", "fuse", "build"],
}

/** Packages that are programs for Node: they may use it anywhere. */
const NODE_PACKAGES: ReadonlySet<string> = new Set(["cli"])

export interface SourceText {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface Import {
  readonly specifier: string
  readonly line: number
  /** `import type` and `export type … from`: gone at run time, so it can close no cycle. */
  readonly typeOnly: boolean
}

/** One sentence per broken rule, each starting with `path:line:`. */
export function checkLayers(
  sources: readonly SourceText[],
  manifests: Readonly<Record<string, { readonly exports: object; readonly dependencies: object }>>,
): string[] {
  const problems: string[] = []
  const graph = new Map<string, string[]>()

  for (const { path, text } of sources) {
    const home = packageOf(path)
    if (home === undefined) continue
    const allowed = MAY_IMPORT[home]
    const manifest = manifests[home]
    if (allowed === undefined || manifest === undefined) {
      problems.push(`${path}:1: package '${home}' has no place in scripts/layers.ts, or no package.json`)
      continue
    }
    const isTest = /\.(test|bench)\.ts$|\/testing\//.test(path)
    const mayUseNode = isTest || NODE_PACKAGES.has(home) || /\/(node|examples)\//.test(path)
    const edges: string[] = []
    graph.set(path, edges)

    for (const [index, line] of text.split("\n").entries()) {
      if (/^\s*export\s*\*/.test(line))
        problems.push(`${path}:${index + 1}: \`export *\` hides what a file offers; name it`)
    }

    for (const { specifier, line, typeOnly } of importsOf(text)) {
      const at = `${path}:${line}:`
      if (specifier.startsWith(".")) {
        const target = normalize(join(dirname(path), specifier)).replaceAll("\\", "/")
        if (packageOf(target) !== home) problems.push(`${at} reaches into another package: ${specifier}`)
        if (target.includes("/node/") && !mayUseNode)
          problems.push(`${at} portable code imports code for Node: ${specifier}`)
        if (!typeOnly) edges.push(target)
      } else if (specifier.startsWith("@tvix-ts/")) {
        const [, name = "", ...rest] = specifier.split("/")
        const entry = rest.length > 0 ? `./${rest.join("/")}` : "."
        const exported = manifests[name]?.exports ?? {}
        if (name === home) problems.push(`${at} a package does not import itself by name: ${specifier}`)
        else if (!isTest && !allowed.includes(name)) problems.push(`${at} '${home}' may not import '${name}'`)
        else if (!(entry in exported)) problems.push(`${at} '${name}' does not export '${entry}'`)
        else if (!isTest && !(`@tvix-ts/${name}` in manifest.dependencies)) {
          problems.push(`${at} '${home}' does not declare @tvix-ts/${name} in its package.json`)
        }
      } else if (specifier.startsWith("node:")) {
        if (!mayUseNode) problems.push(`${at} ${specifier} outside a node/ folder`)
      }
    }
  }
  return [...problems, ...cycles(graph).map((cycle) => `${cycle[0]}:1: import cycle: ${cycle.join(" -> ")}`)]
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1]
}

/** Import and re-export statements, and `import("…")` with a literal. Comments and strings could fool it; ours do not. */
function importsOf(text: string): Import[] {
  const found: Import[] = []
  const statement = /^(import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm
  for (const match of text.matchAll(statement)) {
    const specifier = match[3] ?? match[4]
    // `export const x = "…"` has no `from`.
    if (specifier === undefined || (match[1] === "export" && !/\sfrom\s+"[^"]+"$/.test(match[0]))) continue
    const line = text.slice(0, match.index).split("\n").length
    // A dynamic import runs later than loading, so it cannot deadlock a cycle either.
    found.push({ specifier, line, typeOnly: match[2] !== undefined || match[4] !== undefined })
  }
  return found
}

/** Every cycle once, as the path from its first file back to itself. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const state = new Map<string, "open" | "done">()
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === "done") return
    if (state.get(path) === "open") {
      found.push([...trail.slice(trail.indexOf(path)), path])
      return
    }
    state.set(path, "open")
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    state.set(path, "done")
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

function main(): void {
  const sources = globSync("packages/*/{src,examples}/**/*.ts", { cwd: ROOT })
    .map((path) => path.replaceAll("\\", "/"))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }))
  const manifests = Object.fromEntries(
    globSync("packages/*/package.json", { cwd: ROOT }).map((path) => {
      const { exports = {}, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, path), "utf8"))
      return [relative("packages", dirname(path)), { exports, dependencies }]
    }),
  )
  const problems = checkLayers(sources, manifests)
  for (const name of Object.keys(MAY_IMPORT)) {
    if (!existsSync(join(ROOT, "packages", name))) problems.push(`scripts/layers.ts:1: there is no package '${name}'`)
  }
  for (const problem of problems) console.error(problem)
  console.log(`layers: ${sources.length} files, ${problems.length} problems`)
  if (problems.length > 0) process.exitCode = 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main()
