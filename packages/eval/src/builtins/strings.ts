/** Strings. What is hot in real programs does without tasks where the arguments are plain strings. */
import { ContextBuilder, type Coercion } from "../coerce.ts"
import { unfilled } from "../lazy-list.ts"
import { resultOf } from "../print/value.ts"
import { fail } from "../problem.ts"
import { bytesOfString, NixString } from "../value.ts"
import { any, builtin, int, lazy, list, string, unreadList } from "./define.ts"
import { each, type Loop, GO_ON } from "./loop.ts"
import { andThen, coerce, withInt } from "./native.ts"
import { replaceStrings } from "./replace.ts"

const TO_STRING: Coercion = {
  context: "while evaluating the first argument passed to builtins.toString",
  more: true,
  copyToStore: false,
}
const LENGTH: Coercion = {
  context: "while evaluating the argument passed to builtins.stringLength",
  more: false,
  copyToStore: true,
}
const LENGTH_OF_SUBSTRING = "while evaluating the second argument (the substring length) passed to builtins.substring"
const SUBSTRING: Coercion = {
  context: "while evaluating the third argument (the string) passed to builtins.substring",
  more: false,
  copyToStore: true,
}
const ELEMENT: Coercion = {
  context: "while evaluating one element of the list of strings to concat passed to builtins.concatStringsSep",
  more: false,
  copyToStore: true,
}

export const stringBuiltins = [
  builtin({
    name: "toString",
    global: "name",
    params: [any("e")],
    doc:
      'A value as a string: `true` is `"1"`, `false` and `null` are `""`, the elements of a list are joined by spaces, ' +
      "a set is what its `__toString` makes of it, or else its `outPath`.",
    native(value) {
      if (typeof value === "string" || value instanceof NixString) return value
      if (typeof value === "number") return String(value)
      const context = new ContextBuilder()
      return andThen(coerce(value, TO_STRING, context), (text) => context.string(text as string))
    },
  }),
  builtin({
    name: "stringLength",
    params: [any("e")],
    doc: 'The number of bytes of a string: `stringLength "é"` is 2.',
    native(value) {
      if (typeof value === "string") return value.length
      return andThen(coerce(value, LENGTH, new ContextBuilder()), (text) => (text as string).length)
    },
  }),
  builtin({
    name: "substring",
    params: [
      int("start", "while evaluating the first argument (the start offset) passed to builtins.substring"),
      lazy("len"),
      lazy("s"),
    ],
    doc:
      "The `len` bytes of a string from offset `start` on, or as many as there are; all of them if `len` is negative. " +
      '`substring 1 3 "hello"` is `"ell"`.',
    native(start, length, value) {
      if (start < 0) fail({ code: "invalid-argument", message: "negative start position in 'substring'" })
      const text = resultOf(value)
      if (typeof text === "string" && typeof length === "number") return slice(text, start, length)
      return withInt(length, LENGTH_OF_SUBSTRING, (length) => {
        const context = new ContextBuilder()
        return andThen(coerce(value, SUBSTRING, context), (text) => {
          return context.string(slice(text as string, start, length))
        })
      })
    },
  }),
  builtin({
    name: "concatStringsSep",
    params: [
      string(
        "separator",
        "while evaluating the first argument (the separator string) passed to builtins.concatStringsSep",
      ),
      unreadList(
        "list",
        "while evaluating the second argument (the list of strings to concat) passed to builtins.concatStringsSep",
      ),
    ],
    doc: 'Joins strings: `concatStringsSep "/" [ "usr" "bin" ]` is `"usr/bin"`.',
    native(separator, items) {
      const between = bytesOfString(separator)
      const pieces: string[] = []
      for (let i = 0; i < items.length && unfilled(items) === undefined; i++) {
        const piece = resultOf(items[i]!)
        if (typeof piece !== "string") break
        pieces.push(piece)
      }
      if (pieces.length === items.length && typeof separator === "string") return pieces.join(between)
      const context = new ContextBuilder()
      if (separator instanceof NixString) context.add(separator)
      const loop: Loop = {
        list: items,
        begin: (item) => (typeof item === "string" ? item : coerce(item, ELEMENT, context)),
        take(piece) {
          pieces.push(piece as string)
          return GO_ON
        },
        done: () => context.string(pieces.join(between)),
      }
      return each(loop, pieces.length)
    },
  }),
  builtin({
    name: "replaceStrings",
    params: [list("from"), list("to"), lazy("s")],
    doc:
      "Replaces, from left to right, each occurrence of a string of the first list by its counterpart in the second; " +
      'where several fit, the first does. `replaceStrings [ "oo" "a" ] [ "a" "i" ] "foobar"` is `"fabir"`.',
    native: replaceStrings,
  }),
]

function slice(text: string, start: number | bigint, length: number | bigint): string {
  const from = Number(start)
  return length < 0 ? text.slice(from) : text.slice(from, from + Number(length))
}
