/** What stands for what in the two derivations of a pair, so that they can be compared without the noise of store paths. */
import type { Derivation } from "../derivation.ts"
import { inputPlaceholder } from "../derivation-options.ts"
import { isJsonArray, jsonTextString, readJsonText, type JsonText } from "../json-text.ts"
import { JsonError } from "../json.ts"
import { parseStorePath } from "../store-path.ts"

/** A derivation at its path. */
export interface Located {
  readonly path: string
  readonly derivation: Derivation
}

/** The parts of store paths and placeholders that nothing else looks like: 32 digits, or 52. */
const DIGESTS = /(?<![0-9a-z])(?:[0-9a-df-np-sv-z]{52}|[0-9a-df-np-sv-z]{32})(?![0-9a-z])/g
/** What a digest is written as when both sides mean the same by what it is of. */
const MASKED = "*"

/** Writes one side's store paths as names that are the same on both sides if, and only if, they stand for the same. */
export class Mask {
  /** By digest: what comes after it there, and what is written instead of both. */
  readonly #names = new Map<string, { readonly rest: string; readonly shown: string }>()
  readonly #storeDir: string

  constructor(storeDir: string) {
    this.#storeDir = storeDir
  }

  /** @param shown the same as for what it corresponds to on the other side */
  path(path: string, shown: string): void {
    const { digest, name } = parseStorePath(path, this.#storeDir)
    this.#names.set(digest, { rest: `-${name}`, shown: `${MASKED}-${shown}` })
  }

  /** The outputs of the derivation itself. */
  ownOutputs(outputs: Derivation["outputs"]): void {
    for (const [name, output] of outputs) if ("path" in output) this.path(output.path, `$${name}`)
  }

  /** The outputs of an input. */
  outputs({ path, derivation }: Located, shown: string): void {
    for (const [name, output] of derivation.outputs) {
      const written = name === "out" ? shown : `${shown}^${name}`
      if ("path" in output) this.path(output.path, written)
      else {
        const placeholder = inputPlaceholder(path, name, this.#storeDir).slice(1)
        this.#names.set(placeholder, { rest: "", shown: `${MASKED}-${written}` })
      }
    }
  }

  apply(text: string): string {
    let masked = ""
    let done = 0
    for (const match of text.matchAll(DIGESTS)) {
      const known = this.#names.get(match[0])
      if (known === undefined) continue
      const end = match.index + match[0].length
      masked += text.slice(done, match.index) + known.shown
      done = text.startsWith(known.rest, end) ? end + known.rest.length : end
    }
    return done === 0 ? text : masked + text.slice(done)
  }
}

/** Where the store paths that a derivation names come up in it: the environment, arguments and so on, by their names. */
export function textsOf({ env, args, builder, structuredAttrs }: Derivation): Map<string, string> {
  const texts = new Map(env)
  for (const [i, arg] of args.entries()) texts.set(`argument ${i}`, arg)
  texts.set("builder", builder)
  if (structuredAttrs === undefined) return texts
  const rest: (readonly [name: string, json: JsonText])[] = [["attribute", attributesOf(structuredAttrs)]]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [name, json] = next
    if (typeof json === "string") texts.set(name, jsonTextString(json) ?? json)
    else if (isJsonArray(json)) for (const [i, item] of json.entries()) rest.push([`${name} ${i}`, item])
    else for (const [member, value] of json) rest.push([`${name} ${member}`, value])
  }
  return texts
}

/** An object without members if they are no JSON, which whoever reads derivations has refused. */
export function attributesOf(structuredAttrs: string): JsonText {
  try {
    return readJsonText(structuredAttrs)
  } catch (error) {
    if (error instanceof JsonError) return new Map()
    throw error
  }
}
