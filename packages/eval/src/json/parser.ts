/** `builtins.fromJSON`: reads what C++ Nix reads, complains as it does, and does not recurse. */
import type { Integer } from "../text/number.ts"
import { Lexer, TOKEN_NAMES, type Token } from "./lexer.ts"
import { JsonError } from "./problem.ts"

/** Makes values of type `V` of what is read, innermost first. Strings and names are byte strings without NUL. */
export interface JsonBuilder<V> {
  null(): V
  boolean(value: boolean): V
  integer(value: Integer): V
  float(value: number): V
  string(value: string): V
  /** The array is not used again. */
  list(values: V[]): V
  /** In order of first appearance; of values with the same name, the last. The map is not used again. */
  set(values: Map<string, V>): V
}

type Container<V> = { readonly values: V[] } | { readonly entries: Map<string, V>; name: string }

/**
 * @param text a byte string
 * @throws {JsonError} To C++ Nix, `json-syntax` and `json-float-overflow` are parse errors, traced as "while decoding a
 *   JSON string"; the others are plain errors without a trace.
 */
export function parseJson<V>(text: string, build: JsonBuilder<V>): V {
  const lexer = new Lexer(text)
  const open: Container<V>[] = []
  let token = lexer.next("value")
  for (;;) {
    let value: V
    switch (token) {
      case "{": {
        token = lexer.next("object key", "string")
        if (token === "}") {
          value = build.set(new Map())
          break
        }
        open.push({ entries: new Map(), name: name(lexer, token) })
        token = lexer.next("value")
        continue
      }
      case "[":
        token = lexer.next("value")
        if (token === "]") {
          value = build.list([])
          break
        }
        open.push({ values: [] })
        continue
      case "null":
        value = build.null()
        break
      case "true":
      case "false":
        value = build.boolean(token === "true")
        break
      case "number":
        value = number(lexer.number, lexer.isInteger, build)
        break
      case "string":
        value = build.string(withoutNull(lexer.string))
        break
      default:
        if (token === "end" && lexer.at === 1) {
          lexer.fail(
            "attempting to parse an empty input; check that your input string or stream contains the expected JSON",
          )
        }
        return unexpected(lexer, token, "value", "value")
    }
    // Hand the value to what it is part of; that may complete it in turn.
    for (;;) {
      const container = open.at(-1)
      if (container === undefined) {
        token = lexer.next("value", "end")
        return token === "end" ? value : unexpected(lexer, token, "end", "value")
      }
      if ("values" in container) {
        container.values.push(value)
        token = lexer.next("array", "]")
        if (token === ",") {
          token = lexer.next("value")
          break
        }
        if (token !== "]") unexpected(lexer, token, "]", "array")
        value = build.list(container.values)
      } else {
        container.entries.set(container.name, value)
        token = lexer.next("object", "}")
        if (token === ",") {
          container.name = name(lexer, lexer.next("object key", "string"))
          token = lexer.next("value")
          break
        }
        if (token !== "}") unexpected(lexer, token, "}", "object")
        value = build.set(container.entries)
      }
      open.pop()
    }
  }
}

/** Integers beyond 64 bits become floats, as in C++ Nix; those that would fit an unsigned one are refused. */
function number<V>(token: string, isInteger: boolean, build: JsonBuilder<V>): V {
  const near = Number(token)
  if (isInteger) {
    if (Number.isSafeInteger(near)) return build.integer(near + 0)
    const exact = BigInt(token)
    if (BigInt.asIntN(64, exact) === exact) return build.integer(exact)
    if (BigInt.asUintN(64, exact) === exact) throw new JsonError({ code: "json-integer-overflow", token })
  }
  if (!Number.isFinite(near)) throw new JsonError({ code: "json-float-overflow", token })
  return build.float(near)
}

/** A name and the colon behind it. */
function name(lexer: Lexer, token: Token): string {
  if (token !== "string") unexpected(lexer, token, "string", "object key")
  const name = withoutNull(lexer.string)
  const colon = lexer.next("object separator", ":")
  if (colon !== ":") unexpected(lexer, colon, ":", "object separator")
  return name
}

function unexpected(lexer: Lexer, token: Token, expected: Token, context: string): never {
  return lexer.fail(
    `syntax error while parsing ${context} - unexpected ${TOKEN_NAMES[token]}; expected ${TOKEN_NAMES[expected]}`,
  )
}

function withoutNull(string: string): string {
  if (string.includes("\0")) throw new JsonError({ code: "json-null-byte", string })
  return string
}
