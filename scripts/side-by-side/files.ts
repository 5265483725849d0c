/** What evaluation wrote to a store, there and here. */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Session } from "./session.ts"
import { Tally } from "./tally.ts"

/**
 * Compares the derivations and texts in the store of C++ Nix below `root` with what `session` added, byte for byte.
 * `copies` counts what else is in that store: sources, whose paths stand for their contents.
 */
export async function compareFiles(
  session: Session,
  root: string,
  shown: number,
): Promise<{ readonly files: Tally; readonly copies: number }> {
  const files = new Tally("files in the store: equal bytes", shown)
  const dir = join(root, "nix", "store")
  const ours = new Set(session.added)
  let copies = 0
  for (const base of existsSync(dir) ? readdirSync(dir) : []) {
    if (base === ".links" || base.endsWith(".lock")) continue
    const path = `/nix/store/${base}`
    const our = ours.delete(path) ? await session.text(path) : undefined
    if (our === undefined && !base.endsWith(".drv")) copies++
    else {
      const file = join(dir, base)
      const their = lstatSync(file).isFile() ? readFileSync(file, "latin1") : "not a file"
      files.add(our === their, () => `${path}\n${difference(our ?? "", their)}\n`)
    }
  }
  for (const path of ours) files.add(false, () => `${path} is only in our store\n`)
  return { files, copies }
}

/** Both texts from a little before the first byte in which they differ. */
function difference(our: string, their: string): string {
  let at = 0
  while (at < our.length && our[at] === their[at]) at++
  const from = Math.max(0, at - 100)
  return `byte ${at}\nours:    ${our.slice(from, from + 400)}\nC++ Nix: ${their.slice(from, from + 400)}`
}
