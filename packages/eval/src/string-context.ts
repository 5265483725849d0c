/**
 * The elements of string contexts: `/nix/store/…` (opaque), `!output!/nix/store/….drv` (one output of a derivation),
 * `=/nix/store/….drv` (a derivation with its whole closure).
 */
import type { NixString, StringContext } from "./value.ts"

export type ContextElement =
  | { readonly kind: "opaque"; readonly path: string }
  | { readonly kind: "deep"; readonly path: string }
  | { readonly kind: "built"; readonly path: string; readonly output: string }

function parseElement(element: string): ContextElement {
  if (element.startsWith("=")) return { kind: "deep", path: element.slice(1) }
  if (!element.startsWith("!")) return { kind: "opaque", path: element }
  const end = element.indexOf("!", 1)
  return { kind: "built", output: element.slice(1, end), path: element.slice(end + 1) }
}

export function encodeElement(element: ContextElement): string {
  switch (element.kind) {
    case "opaque":
      return element.path
    case "deep":
      return `=${element.path}`
    case "built":
      return `!${element.output}!${element.path}`
  }
}

/** As messages show it. */
function showElement(element: ContextElement): string {
  switch (element.kind) {
    case "opaque":
      return element.path
    case "deep":
      return `${element.path} (deep)`
    case "built":
      return `${element.path}^${element.output}`
  }
}

const RANK = { opaque: 0, deep: 1, built: 2 }

/** The elements in C++ Nix's order: by kind, path and output. */
export function elementsOf(context: StringContext): ContextElement[] {
  const elements: ContextElement[] = []
  for (const element of context) elements.push(parseElement(element))
  if (elements.length < 2) return elements
  return elements.sort(
    (a, b) =>
      RANK[a.kind] - RANK[b.kind] ||
      compare(a.path, b.path) ||
      (a.kind === "built" && b.kind === "built" ? compare(a.output, b.output) : 0),
  )
}
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The element that a message names. */
export function firstElement(string: NixString): string {
  return showElement(elementsOf(string.context)[0]!)
}

/**
 * Whether `path` is something in the store itself: `/nix/store/<32 digits of nix32>-<name>`. C++ Nix takes any byte
 * for the dash.
 */
export function isStorePath(path: string, storeDir: string): boolean {
  if (!path.startsWith(`${storeDir}/`)) return false
  const match = /^[0-9a-df-np-sv-z]{32}[^/]([0-9A-Za-z+\-._?=]{1,211})$/.exec(path.slice(storeDir.length + 1))
  return match !== null && !/^\.\.?(?:-|$)/.test(match[1]!)
}

export function isDerivationPath(path: string): boolean {
  return path.endsWith(".drv")
}
