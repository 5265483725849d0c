import { DERIVATION_SUFFIX, STORE_DIR } from "@tvix-ts/nix-compat"
import type { Program } from "../session.ts"
import { linkedPath } from "./linked-path.ts"

/**
 * What a file on the command line is: the path of a derivation in the store, or a link to one, stands for that derivation, of
 * which the output `out` is built.
 */
export function fileProgram(word: string): Program {
  const path = linkedPath(word)
  if (!path.startsWith(`${STORE_DIR}/`) || !path.endsWith(DERIVATION_SUFFIX)) return { kind: "file", path: word }
  return { kind: "expression", text: `let it = import ${JSON.stringify(path)}; in it.out or it` }
}
