/** References of store paths, drawn as C++ Nix draws them (nix/nix-store/nix-store.cc, dotgraph.cc). */
import { byteStringOf } from "@tvix-ts/bytes"
import { formatStorePath, parseStorePathBase, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { Lines } from "../output.ts"
import type { StoreView } from "./store-view.ts"

const CONNECTION = byteStringOf("├───")
const LAST = byteStringOf("└───")
const LINE = byteStringOf("│   ")
const NOTHING = "    "

/** A line for each path, what it refers to indented below it; what was drawn before ends in `[...]`. */
export async function printTree(paths: readonly StorePath[], view: StoreView, lines: Lines): Promise<void> {
  const done = new Set<string>()
  /** The next is the last. `indent` is for what is below it. */
  const open = paths.map((path) => ({ path, start: "", indent: "" })).reverse()
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, start, indent } = next
    const line = start + formatStorePath(path)
    if (done.has(path.digest)) {
      lines.add(`${line} [...]`)
      continue
    }
    done.add(path.digest)
    lines.add(line)
    const references = await view.sorted((await view.describe(path)).references)
    for (const [i, reference] of [...references.entries()].reverse()) {
      const isLast = i === references.length - 1
      open.push({
        path: reference,
        start: indent + (isLast ? LAST : CONNECTION),
        indent: indent + (isLast ? NOTHING : LINE),
      })
    }
  }
}

const COLOURS = ["black", "red", "green", "blue", "magenta", "burlywood"]

/** For `dot` of Graphviz: an arrow from each path to those that refer to it. */
export async function printDotGraph(paths: readonly StorePath[], view: StoreView, lines: Lines): Promise<void> {
  const open = new Set(paths.map(storePathBase))
  const done = new Set<string>()
  let edges = 0
  lines.add("digraph G {")
  while (open.size > 0) {
    const base = least(open)
    open.delete(base)
    done.add(base)
    const path = parseStorePathBase(base)
    lines.add(`"${base}" [label = "${path.name}", shape = box, style = filled, fillcolor = "#ff0000"];`)
    for (const reference of (await view.describe(path)).references) {
      const to = storePathBase(reference)
      if (to === base) continue
      if (!done.has(to)) open.add(to)
      lines.add(`"${to}" -> "${base}" [color = "${COLOURS[edges++ % COLOURS.length]}"];`)
    }
  }
  lines.add("}")
}

function least(texts: ReadonlySet<string>): string {
  let least: string | undefined
  for (const text of texts) if (least === undefined || text < least) least = text
  return least!
}
