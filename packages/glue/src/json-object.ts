/** `__json`, the old way to give structured attributes. */
import { jsonFloat, JsonError, parseJson, quoteJson, type JsonBuilder } from "@tvix-ts/eval/builtins"
import { refuse } from "./problems.ts"

/** JSON as nlohmann::json writes what it has read: without blanks, names sorted. */
const NORMAL: JsonBuilder<string> = {
  null: () => "null",
  boolean: String,
  integer: String,
  float: jsonFloat,
  string: quoteJson,
  list: (values) => `[${values.join(",")}]`,
  set(values) {
    const names = [...values.keys()].sort()
    return `{${names.map((name) => `${quoteJson(name)}:${values.get(name)!}`).join(",")}}`
  },
}

/** The JSON object in `text`, written in the one way that derivations have it. */
export function normalJsonObject(text: string): string {
  const json = read(text)
  if (json.startsWith("{")) return json
  return wrong(`[json.exception.type_error.302] type must be object, but is ${typeOf(json)}`)
}

function read(text: string): string {
  try {
    return parseJson(text, NORMAL)
  } catch (error) {
    return error instanceof JsonError ? wrong(error.message) : raise(error)
  }
}

function typeOf(json: string): string {
  if (json.startsWith("[")) return "array"
  if (json.startsWith('"')) return "string"
  if (json === "null") return "null"
  return json === "true" || json === "false" ? "boolean" : "number"
}

function wrong(message: string): never {
  return refuse(`cannot process __json attribute: ${message}`)
}
function raise(error: unknown): never {
  throw error
}
