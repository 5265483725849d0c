/** `nix-store --query` */
import { byteStringOf } from "@tvix-ts/bytes"
import { formatPrefixedHash } from "@tvix-ts/hash"
import { DERIVATION_SUFFIX, formatStorePath, parseStorePath, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription } from "@tvix-ts/store"
import { UsageError } from "../options.ts"
import { Lines } from "../output.ts"
import { localStore } from "../store/local-store.ts"
import { printDotGraph, printTree } from "./graph.ts"
import type { Context, Run } from "./operation.ts"
import { NixStoreError } from "./problem.ts"
import { rootLines } from "./roots.ts"
import { outputsOf, storePathOf, type StoreView } from "./store-view.ts"

interface Question {
  readonly words: readonly string[]
  /** What the words mean: with `--use-output` the outputs of derivations. Of each word in the order of the names. */
  readonly paths: () => Promise<readonly StorePath[]>
  readonly view: StoreView
  readonly lines: Lines
  readonly includeOutputs: boolean
}

/** By the flags that ask for them, of which there is one at a time. */
const QUERIES: Readonly<Record<string, (question: Question) => Promise<void>>> = {
  "--outputs": async ({ words, view, lines }) => {
    for (const word of words) {
      for (const path of await meant(storePathOf(word), true, view)) lines.add(formatStorePath(path))
    }
  },
  "--references": async ({ paths, view, lines }) => {
    const found: StorePath[] = []
    for (const path of await paths()) found.push(...(await view.describe(path)).references)
    await addSorted(found, view, lines)
  },
  "--requisites": async ({ paths, view, lines, includeOutputs }) => {
    const next = includeOutputs
      ? async (one: PathDescription) => [...one.references, ...(await builtBy(one.storePath, view))]
      : ({ references }: PathDescription) => references
    await addSorted(storePathsOf(await view.reach(await paths(), next)), view, lines)
  },
  "--referrers": async ({ paths, view, lines }) => {
    const found: StorePath[] = []
    for (const path of await paths()) found.push(...storePathsOf(await view.referrers(path)))
    await addSorted(found, view, lines)
  },
  "--referrers-closure": async ({ paths, view, lines }) => {
    await addSorted(storePathsOf(await referrersClosure(await paths(), view)), view, lines)
  },
  "--deriver": async ({ words, view, lines }) => {
    for (const word of words) {
      const { deriver } = await view.describe(storePathOf(word))
      lines.add(deriver === undefined ? "unknown-deriver" : formatStorePath(deriver))
    }
  },
  "--valid-derivers": async ({ words, view, lines }) => {
    const wanted = new Set(words.map((word) => storePathOf(word).digest))
    const found: StorePath[] = []
    for await (const { storePath, node } of view.store.pathInfos.list()) {
      if (!storePath.name.endsWith(DERIVATION_SUFFIX) || node.type !== "file") continue
      const { outputs } = await view.derivation(storePath)
      const built = [...outputs.values()].some(
        (output) => "path" in output && wanted.has(parseStorePath(output.path).digest),
      )
      if (built) found.push(storePath)
    }
    await addSorted(found, view, lines)
  },
  "--hash": async ({ paths, view, lines }) => {
    for (const path of await paths()) {
      const { narHash } = await view.describe(path)
      lines.add(formatPrefixedHash({ algorithm: "sha256", digest: narHash }, "nix32"))
    }
  },
  "--size": async ({ paths, view, lines }) => {
    for (const path of await paths()) lines.add(String((await view.describe(path)).narSize))
  },
  "--tree": async ({ words, view, lines }) => printTree(words.map(storePathOf), view, lines),
  "--graph": async ({ paths, view, lines }) => printDotGraph(await paths(), view, lines),
  "--resolve": async ({ words, lines }) => {
    for (const word of words) lines.add(formatStorePath(storePathOf(word)))
  },
  "--roots": async ({ paths, view, lines }) => {
    const kept = new Set((await referrersClosure(await paths(), view)).map(({ storePath }) => storePath.digest))
    const { roots } = localStore(view.store, "keep roots")
    for (const line of rootLines(roots.living().filter(({ path }) => kept.has(path.digest)))) lines.add(line)
  },
  "--binding": async ({ words: [name, ...words], view, lines }) => {
    if (name === undefined) throw new UsageError("expected binding name")
    for (const word of words) {
      const path = await deriverOf(storePathOf(word), view)
      const value = (await view.derivation(path)).env.get(byteStringOf(name))
      if (value === undefined) {
        throw new NixStoreError({
          code: "binding-missing",
          derivation: formatStorePath(path),
          name: byteStringOf(name),
        })
      }
      lines.add(value)
    }
  },
}

export const query: Run = async ({ flags, operands }, context) => {
  const asked = [...new Set(flags.filter((flag) => Object.hasOwn(QUERIES, flag)))]
  if (asked.length > 1) throw new UsageError(`query type '${asked[1]}' conflicts with earlier flag`)
  const view = await context.view()
  const lines = new Lines()
  if (flags.includes("--force-realise")) await realiseAll(operands, context)
  const useOutput = flags.includes("--use-output")
  try {
    await QUERIES[asked[0] ?? "--outputs"]!({
      words: operands,
      async paths() {
        const all: StorePath[] = []
        for (const word of operands) all.push(...(await meant(storePathOf(word), useOutput, view)))
        return all
      },
      view,
      lines,
      includeOutputs: flags.includes("--include-outputs"),
    })
  } finally {
    lines.flush()
  }
  return 0
}

async function realiseAll(words: readonly string[], context: Context): Promise<void> {
  const { makeAll } = await import("./realise.ts")
  await makeAll(
    words.map((word) => ({ path: storePathOf(word), outputs: "all" })),
    context,
  )
}

async function meant(path: StorePath, useOutput: boolean, view: StoreView): Promise<readonly StorePath[]> {
  if (!useOutput || !path.name.endsWith(DERIVATION_SUFFIX)) return [path]
  const outputs = outputsOf(formatStorePath(path), await view.derivation(path))
  return [...outputs.values()].sort((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1))
}

/** What a derivation has built that is there; nothing of what is none. */
async function builtBy(path: StorePath, view: StoreView): Promise<readonly StorePath[]> {
  if (!path.name.endsWith(DERIVATION_SUFFIX)) return []
  const there: StorePath[] = []
  for (const output of (await view.derivation(path)).outputs.values()) {
    if (!("path" in output)) continue
    const found = await view.find(parseStorePath(output.path))
    if (found !== undefined) there.push(found.storePath)
  }
  return there
}

async function referrersClosure(paths: readonly StorePath[], view: StoreView): Promise<readonly PathDescription[]> {
  return view.reach(paths, async ({ storePath }) => storePathsOf(await view.referrers(storePath)))
}

async function deriverOf(path: StorePath, view: StoreView): Promise<StorePath> {
  if (path.name.endsWith(DERIVATION_SUFFIX)) return path
  const { deriver } = await view.describe(path)
  if (deriver === undefined) throw new NixStoreError({ code: "deriver-unknown", path: formatStorePath(path) })
  return deriver
}

function storePathsOf(descriptions: readonly PathDescription[]): StorePath[] {
  return descriptions.map(({ storePath }) => storePath)
}

async function addSorted(paths: readonly StorePath[], view: StoreView, lines: Lines): Promise<void> {
  for (const path of await view.sorted(paths)) lines.add(formatStorePath(path))
}
