/** `toFile` and `storePath`: single store objects that programs name. */
import {
  builtin,
  bytesOfString,
  coerceToPath,
  ContextBuilder,
  elementsOf,
  encodeElement,
  isStorePath,
  makeString,
  plainString,
  string,
  lazy,
} from "@tvix-ts/eval/builtins"
import { NixString } from "@tvix-ts/eval"
import { parseStorePath, STORE_DIR, textPath } from "@tvix-ts/nix-compat"
import { checked, refuse } from "./problems.ts"
import type { EvaluationStore } from "./store.ts"

export function toFile(store: EvaluationStore) {
  return builtin({
    name: "toFile",
    params: [plainString("name"), string("s")],
    doc: "Writes a string to a file in the store. It may refer to store paths, though not to what derivations build.",
    *run(name, contents) {
      const references = new Set<string>()
      for (const element of contents instanceof NixString ? elementsOf(contents.context) : []) {
        if (element.kind !== "opaque") {
          const shown = encodeElement({ ...element, path: element.path.slice(STORE_DIR.length + 1) })
          refuse(`files created by builtins.toFile may not reference derivations, but ${name} references ${shown}`)
        }
        references.add(element.path)
      }
      const bytes = bytesOfString(contents)
      const path = checked(() => textPath(name, bytes, references))
      yield* this.ask(() => store.addText(path, bytes, references))
      return makeString(path, new Set([path]))
    },
  })
}

export const storePath = builtin({
  name: "storePath",
  params: [lazy("path")],
  doc: "A path of the store as a string that refers to it.",
  *run(value) {
    if (this.options.pure === true) refuse("'builtins.storePath' is not allowed in pure evaluation mode")
    const context = new ContextBuilder()
    const doing = "while evaluating the first argument passed to 'builtins.storePath'"
    let path = (yield coerceToPath(value, doing, context)) as string
    // A link in the store is meant itself; any other says where in the store something is.
    if (!isStorePath(path, STORE_DIR)) path = yield* this.ask(() => this.io.realPath(path))
    if (!path.startsWith(`${STORE_DIR}/`)) refuse(`path '${path}' is not in the Nix store`)
    const object = /^[^/]*/.exec(path.slice(STORE_DIR.length + 1))![0]
    checked(() => parseStorePath(`${STORE_DIR}/${object}`))
    const objectPath = `${STORE_DIR}/${object}`
    if (this.io.ensureStorePath !== undefined) yield* this.ask(() => this.io.ensureStorePath!(objectPath))
    context.addElement(objectPath)
    return context.string(path)
  },
})
