/** `derivation`, a function of the language itself: only `derivationStrict` below it needs a store. */
import { SourceFile } from "@tvix-ts/syntax"
import type { Evaluation } from "../evaluation.ts"
import { Thunk } from "../value.ts"
import { Code } from "../vm/code.ts"
import { force } from "../vm/machine.ts"

/** The name that C++ Nix gives its own in messages. No trace tells of attributes that were defined there. */
export const DERIVATION_FILE = "\xc2\xabnix-internal\xc2\xbb/derivation-internal.nix"

/**
 * Each output is a set with all the attributes given, all the outputs, and its own paths; those are looked up only when
 * somebody wants them, which is what makes packages cheap as long as nobody builds them.
 */
const SOURCE = `
drvAttrs@{ outputs ? [ "out" ], ... }:
let
  written = derivationStrict drvAttrs;
  shared = drvAttrs // builtins.listToAttrs named // {
    all = map (output: output.value) named;
    inherit drvAttrs;
  };
  named = map (outputName: {
    name = outputName;
    value = shared // {
      type = "derivation";
      inherit outputName;
      inherit (written) drvPath;
      outPath = builtins.getAttr outputName written;
    };
  }) outputs;
in
(builtins.head named).value
`

/** The function, read when it is first used. */
export function derivationFunction(evaluation: Evaluation): Thunk {
  return new Thunk(new Code(() => force(evaluation.load(new SourceFile(DERIVATION_FILE, SOURCE), "/"), 0), 3), null)
}
