/** `parseFlakeRef` and `flakeRefToString`: references to flakes as text and as sets. Nothing is fetched. */
import { typeName, type Forced } from "@tvix-ts/eval"
import { attrs, attrsFrom, builtin, bytesOfString, isString, plainString, type Task } from "@tvix-ts/eval/builtins"
import { formatFlakeRef, parseFlakeRef, type InputAttribute } from "@tvix-ts/nix-compat"
import { checked, refuse } from "./problems.ts"

export const flakeBuiltins = [
  builtin({
    name: "parseFlakeRef",
    params: [plainString("flake-ref", "while evaluating the argument passed to builtins.parseFlakeRef")],
    doc: 'A flake reference, given as a URL, as a set: `parseFlakeRef "github:NixOS/nixpkgs"`.',
    run: (text) => attrsFrom(checked(() => parseFlakeRef(text))),
  }),
  builtin({
    name: "flakeRefToString",
    params: [attrs("attrs", "while evaluating the argument passed to builtins.flakeRefToString")],
    doc: "A flake reference, given as a set, as a URL.",
    *run(given): Task<string> {
      const attributes = new Map<string, InputAttribute>()
      for (const [name, value] of given.entries()) {
        const forced = (yield value) as Forced
        if (isString(forced)) attributes.set(name, bytesOfString(forced))
        else if (typeof forced === "boolean") attributes.set(name, forced)
        else if (typeof forced === "number" || typeof forced === "bigint") {
          if (forced < 0) refuse(`negative value given for flake ref attr ${name}: ${forced}`)
          attributes.set(name, forced)
        } else {
          const allowed = "flake reference attribute sets may only contain integers, Booleans, and strings"
          refuse(`${allowed}, but attribute '${name}' is ${typeName(forced)}`)
        }
      }
      return checked(() => formatFlakeRef(attributes))
    },
  }),
]
