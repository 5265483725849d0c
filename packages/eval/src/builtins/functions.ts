import { OwnPositions } from "../attribute-positions.ts"
import { AttrSet, EMPTY_ATTRS } from "../attrs.ts"
import { fail } from "../problem.ts"
import { Shape } from "../shape.ts"
import { isFunction } from "../type-name.ts"
import { Lambda, PartialLambda, type Forced } from "../value.ts"
import type { FormalParameter } from "../vm/code.ts"
import { any, builtin } from "./define.ts"

export const functionBuiltins = [
  builtin({
    name: "functionArgs",
    params: [any("f")],
    doc: "The names in the set pattern of a function, each with whether it has a default. `{ }` for functions without one.",
    run(f) {
      if (!isFunction(f)) fail({ code: "invalid-argument", message: "'functionArgs' requires a function" })
      const formals = formalsOf(f)
      if (formals === undefined) return EMPTY_ATTRS
      let set = SETS.get(formals)
      if (set === undefined) {
        const shape = Shape.of(formals.map(({ name }) => name))
        set = new AttrSet(
          shape,
          formals.map(({ optional }) => optional),
          new OwnPositions(
            shape,
            formals.map(({ at }) => at),
          ),
        )
        SETS.set(formals, set)
      }
      return set
    },
  }),
]

/** The answers, kept because every `callPackage` asks. */
const SETS = new WeakMap<readonly FormalParameter[], AttrSet>()

function formalsOf(f: Forced): readonly FormalParameter[] | undefined {
  if (f instanceof Lambda) return f.code.params[0]!.formals
  return f instanceof PartialLambda ? f.lambda.code.params[f.args.length]!.formals : undefined
}
