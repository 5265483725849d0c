/** Parts of paths, by their text alone. */
import { coerceToPath, ContextBuilder, type Coercion } from "../coerce.ts"
import { baseNameOf, dirOf, parentPath } from "../text/canon-path.ts"
import { NixPath } from "../value.ts"
import { any, builtin, lazy } from "./define.ts"
import { andThen, coerce } from "./native.ts"

const BASE_NAME: Coercion = {
  context: "while evaluating the first argument passed to builtins.baseNameOf",
  more: false,
  copyToStore: false,
}
const DIRECTORY: Coercion = {
  context: "while evaluating the first argument passed to 'builtins.dirOf'",
  more: false,
  copyToStore: false,
}

export const pathNameBuiltins = [
  builtin({
    name: "baseNameOf",
    global: "name",
    params: [any("x")],
    doc: 'What follows the last slash of a path or string, one slash at the end not counting: `baseNameOf "a/b/"` is `"b"`.',
    native(value) {
      if (typeof value === "string") return baseNameOf(value)
      const context = new ContextBuilder()
      return andThen(coerce(value, BASE_NAME, context), (text) => context.string(baseNameOf(text as string)))
    },
  }),
  builtin({
    name: "dirOf",
    global: "name",
    params: [any("s")],
    doc: 'What precedes the last slash: of a path the path above it, of a string a string, which is `"."` without a slash.',
    native(value) {
      if (value instanceof NixPath) return new NixPath(parentPath(value.path))
      const context = new ContextBuilder()
      return andThen(coerce(value, DIRECTORY, context), (text) => context.string(dirOf(text as string)))
    },
  }),
  builtin({
    name: "toPath",
    params: [lazy("s")],
    doc: "An absolute path as a string. Deprecated: to make a path of a string, write `/. + s`.",
    *run(value) {
      const context = new ContextBuilder()
      const doing = "while evaluating the first argument passed to builtins.toPath"
      return context.string((yield coerceToPath(value, doing, context)) as string)
    },
  }),
]
