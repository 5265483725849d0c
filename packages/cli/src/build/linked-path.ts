import { STORE_DIR } from "@tvix-ts/nix-compat"
import { readlinkSync } from "node:fs"

/** Where a link such as `./result` leads, if the word is one. */
export function linkedPath(word: string): string {
  try {
    const target = readlinkSync(word)
    const at = target.indexOf(`${STORE_DIR}/`)
    return at < 0 ? word : target.slice(at)
  } catch {
    return word
  }
}
