import { byteStringOf, isUtf8 } from "@tvix-ts/bytes"

/** What can be wrong with JSON that has to be of a certain form. */
export type JsonProblem =
  | { readonly code: "syntax"; readonly reason: string }
  /** Objects and arrays in each other. */
  | { readonly code: "depth"; readonly depthMax: number }
  /** `at` is a path, as in `root.entries["a b"].size`. */
  | { readonly code: "value"; readonly at: string; readonly expected: string }

export class JsonError extends Error {
  override readonly name = "JsonError"
  readonly problem: JsonProblem
  constructor(problem: JsonProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: JsonProblem): string {
  switch (problem.code) {
    case "syntax":
      return problem.reason
    case "depth":
      return `more than ${problem.depthMax} objects and arrays in each other`
    case "value":
      return `${problem.at || "the JSON"}: expected ${problem.expected}`
  }
}

/**
 * V8's JSON.parse takes any depth, but where it then finds a mistake it may damage the heap: Node 26.10 crashes from a few
 * thousand levels on, and not always at once. So nothing deep gets there.
 */
const DEPTH_MAX = 1000

/** @throws {JsonError} */
export function parseJson(text: string): Json {
  if (isDeep(text)) throw new JsonError({ code: "depth", depthMax: DEPTH_MAX })
  try {
    return new Json(JSON.parse(text))
  } catch (error) {
    throw new JsonError({ code: "syntax", reason: (error as SyntaxError).message })
  }
}

/** What keeps the byte string `text` from being a JSON object. */
export function jsonObjectProblem(text: string): string | undefined {
  if (!isUtf8(text)) return "it is not UTF-8"
  try {
    const { value } = parseJson(text)
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
    return isObject ? undefined : "it is not an object"
  } catch (error) {
    if (error instanceof JsonError) return error.message
    throw error
  }
}

function isDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') inString = !inString
    else if (inString) at += char === "\\" ? 1 : 0
    else if (char === "]" || char === "}") depth--
    else if ((char === "[" || char === "{") && ++depth > DEPTH_MAX) return true
  }
  return false
}

/** A value somewhere in a JSON text, that knows where. Every question that it cannot answer is a {@link JsonError}. */
export class Json {
  readonly value: unknown
  readonly #parent: Json | undefined
  readonly #key: string | number

  constructor(value: unknown, parent?: Json, key: string | number = "") {
    this.value = value
    this.#parent = parent
    this.#key = key
  }

  /** The member `name` of an object, if it has one that is not null. */
  member(name: string): Json | undefined {
    const object = this.#object()
    if (!Object.hasOwn(object, name)) return undefined
    const value = object[name]
    return value === null || value === undefined ? undefined : new Json(value, this, name)
  }
  required(name: string): Json {
    return this.member(name) ?? new Json(undefined, this, name).refuse("a value")
  }
  members(): [name: string, Json][] {
    return Object.entries(this.#object()).map(([name, value]) => [name, new Json(value, this, name)])
  }
  list(): Json[] {
    if (!Array.isArray(this.value)) return this.refuse("an array")
    return this.value.map((value, i) => new Json(value, this, i))
  }
  /** A byte string. */
  string(): string {
    return typeof this.value === "string" ? byteStringOf(this.value) : this.refuse("a string")
  }
  boolean(): boolean {
    return typeof this.value === "boolean" ? this.value : this.refuse("true or false")
  }
  /** A number of things: from 0 to 2^53 - 1. */
  count(): number {
    const { value } = this
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      return this.refuse("an integer from 0 to 2^53 - 1")
    }
    return value
  }

  refuse(expected: string): never {
    throw new JsonError({ code: "value", at: this.#at(), expected })
  }

  #object(): Readonly<Record<string, unknown>> {
    const { value } = this
    if (typeof value !== "object" || value === null || Array.isArray(value)) return this.refuse("an object")
    return value as Readonly<Record<string, unknown>>
  }

  #at(): string {
    const keys: string[] = []
    let place: Json = this
    while (place.#parent !== undefined) {
      const key = place.#key
      const plain = typeof key === "string" && /^[A-Za-z_]\w*$/.test(key)
      keys.push(plain ? `.${key}` : `[${JSON.stringify(key)}]`)
      place = place.#parent
    }
    return keys.reverse().join("").replace(/^\./, "")
  }
}
