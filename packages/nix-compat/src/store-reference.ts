/**
 * Where a store is, in one word, as C++ Nix's `--store` takes it (libstore/store-reference.cc):
 *
 *     auto?PARAMETERS                    whatever there is
 *     SCHEME://AUTHORITY?PARAMETERS      ssh://host, unix://, local:///path, https://cache.example.org
 *     daemon, local, /path               short for unix://, local://, local:///path
 *
 * PARAMETERS are `name=value` with `&` between them, percent-encoded.
 */

export type StoreReference = {
  /** By name, in any order. Byte strings. */
  readonly parameters: ReadonlyMap<string, string>
} & (
  | { readonly type: "auto" }
  | {
      readonly type: "specified"
      readonly scheme: string
      /** All that comes before the parameters: host, port, path. A byte string, not percent-encoded in its path. */
      readonly authority: string
    }
)

export type StoreReferenceProblem =
  | { readonly code: "form"; readonly text: string }
  /** A parameter without `=`, or with a `%` that two hexadecimal digits do not follow. */
  | { readonly code: "parameter"; readonly text: string; readonly parameter: string }
  /** A path that depends on where one is; C++ Nix looks, we do not. */
  | { readonly code: "relative"; readonly text: string }

export class StoreReferenceError extends Error {
  override readonly name = "StoreReferenceError"
  readonly problem: StoreReferenceProblem
  constructor(problem: StoreReferenceProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: StoreReferenceProblem): string {
  switch (problem.code) {
    case "form":
      return `cannot parse Nix store '${problem.text}'`
    case "parameter":
      return `invalid parameter '${problem.parameter}' of Nix store '${problem.text}'`
    case "relative":
      return `the path of Nix store '${problem.text}' is not absolute`
  }
}

const URL = /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<authority>[^?#\s]*)$/

/**
 * @param text a byte string
 * @throws {StoreReferenceError}
 */
export function parseStoreReference(text: string): StoreReference {
  const question = text.indexOf("?")
  const base = question < 0 ? text : text.slice(0, question)
  const parameters = question < 0 ? new Map<string, string>() : parseParameters(text, text.slice(question + 1))
  const specified = (scheme: string, authority: string): StoreReference => {
    return { type: "specified", scheme, authority, parameters }
  }
  const url = URL.exec(base)?.groups
  if (url !== undefined) {
    const authority = percentDecoded(url["authority"]!)
    if (authority === undefined) throw new StoreReferenceError({ code: "form", text })
    return specified(url["scheme"]!, authority)
  }
  switch (base) {
    case "":
    case "auto":
      return { type: "auto", parameters }
    case "daemon":
      return specified("unix", "")
    case "local":
      return specified("local", "")
  }
  if (base.includes("://") || !base.includes("/")) throw new StoreReferenceError({ code: "form", text })
  if (!base.startsWith("/")) throw new StoreReferenceError({ code: "relative", text })
  return specified("local", base)
}

/** In full, the parameters sorted by name. */
export function formatStoreReference(reference: StoreReference): string {
  const base =
    reference.type === "auto" ? "auto" : `${reference.scheme}://${percentEncoded(reference.authority, KEPT_IN_PATH)}`
  const parameters = [...reference.parameters]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${percentEncoded(name, KEPT_IN_QUERY)}=${percentEncoded(value, KEPT_IN_QUERY)}`)
  return parameters.length === 0 ? base : `${base}?${parameters.join("&")}`
}

/** Of the same name, the first counts, as in C++ Nix. */
function parseParameters(text: string, query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const parameter of query.split("&")) {
    if (parameter === "") continue
    const equals = parameter.indexOf("=")
    const name = percentDecoded(parameter.slice(0, Math.max(0, equals)))
    const value = percentDecoded(parameter.slice(equals + 1))
    if (!name || value === undefined) throw new StoreReferenceError({ code: "parameter", text, parameter })
    if (!parameters.has(name)) parameters.set(name, value)
  }
  return parameters
}

function percentDecoded(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined
  return text.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))
}

/** Characters that stand for themselves, besides letters, digits and `-._~`. */
const KEPT_IN_QUERY = ":@/?"
const KEPT_IN_PATH = ":@/[]!$&'()*+,;="

function percentEncoded(text: string, kept: string): string {
  return text.replaceAll(/[^A-Za-z0-9\-._~]/g, (char) =>
    kept.includes(char) ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}
