/** Builtins that are values. */
import { attrsFrom } from "../attrs.ts"
import type { Evaluation } from "../evaluation.ts"
import { Thunk, type Value } from "../value.ts"
import { Code } from "../vm/code.ts"

/** Where the store is, as far as programs see. */
export const STORE_DIR = "/nix/store"

/** What of the language there is; C++ Nix's, whose behaviour is the measure of ours. */
const NIX_VERSION = "2.34.8"
const LANGUAGE_VERSION = 6

/** Values in `builtins` and, with `__` before their names, in the outermost scope. */
export function constants({ options, io }: Evaluation): readonly (readonly [name: string, value: Value])[] {
  const { pure, system, searchPath = [] } = options
  const constants: [string, Value][] = [
    ["langVersion", LANGUAGE_VERSION],
    ["nixVersion", NIX_VERSION],
    [
      "nixPath",
      (pure === true ? [] : searchPath).map(({ path, prefix }) =>
        attrsFrom([
          ["path", path],
          ["prefix", prefix],
        ]),
      ),
    ],
    ["storeDir", STORE_DIR],
  ]
  // What differs from machine to machine and from day to day is not for pure programs.
  if (pure === true) return constants
  // Asked for when it is used: an evaluation that has not seen the clock can be told to be the same as an earlier one.
  constants.push(["currentTime", new Thunk(new Code(() => io.currentTime(), 1), null)])
  if (system !== undefined) constants.push(["currentSystem", system])
  return constants
}
