/** Version strings. */
import { compareVersions, parseDrvName, splitVersion } from "@tvix-ts/nix-compat"
import { attrsFrom } from "../attrs.ts"
import { builtin, plainString } from "./define.ts"

export const versionBuiltins = [
  builtin({
    name: "compareVersions",
    params: [plainString("s1"), plainString("s2")],
    doc: 'Compares two versions: -1 if the first is older, 1 if it is newer, else 0. `compareVersions "1.9" "1.10"` is -1.',
    run: compareVersions,
  }),
  builtin({
    name: "splitVersion",
    params: [plainString("s")],
    doc: 'The components of a version: `splitVersion "1.2pre3"` is `[ "1" "2" "pre" "3" ]`.',
    run: splitVersion,
  }),
  builtin({
    name: "parseDrvName",
    params: [plainString("s")],
    doc:
      "Splits the name of a package at the first dash that no letter follows: " +
      '`parseDrvName "nix-2.34"` is `{ name = "nix"; version = "2.34"; }`.',
    run(text) {
      const { name, version } = parseDrvName(text)
      return attrsFrom([
        ["name", name],
        ["version", version],
      ])
    },
  }),
]
