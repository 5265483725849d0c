import { byteStringOf } from "@tvix-ts/bytes"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { Root } from "@tvix-ts/store/node"

const LINK = /^link:/

/** `LINK -> PATH`, or what else the root is called; byte strings. */
export function rootLines(roots: readonly Root[]): string[] {
  return roots.map(({ name, path }) => `${byteStringOf(name.replace(LINK, ""))} -> ${formatStorePath(path)}`).sort()
}
