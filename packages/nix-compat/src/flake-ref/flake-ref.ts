/** References to flakes: `github:NixOS/nixpkgs/23.05?dir=lib`, as text and as attributes (libflake/flakeref.cc). */
import { inputFromUrl, optionalString, urlOfInput, type InputAttributes } from "./input.ts"
import { FlakeRefError } from "./problem.ts"
import { decodePercent, formatUrl, parseQuery, parseUrl, urlPathOf, type Url } from "./url.ts"

const REF = String.raw`[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*`
const FRAGMENT = String.raw`(?:[a-zA-Z0-9._~!$&'"()*+,;=:@/? ^-]|%[0-9a-fA-F]{2})*`
/** The short form: a name of the registry, and perhaps a branch and a commit. */
const SHORT = new RegExp(`^([a-zA-Z][a-zA-Z0-9_-]*(?:/${REF})?)(?:#(${FRAGMENT}))?$`)
const QUERY = /^(?:[a-zA-Z0-9._~!$&'"()*+,;=:@/?[\] -]|%[0-9a-fA-F]{2})*$/
const PATH = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/

/** @param text a byte string. @throws {FlakeRefError} */
export function parseFlakeRef(text: string): InputAttributes {
  const { attributes, fragment } = parseWithFragment(text)
  if (fragment === "") return attributes
  throw new FlakeRefError({
    code: "reference",
    message: `unexpected fragment '${fragment}' in flake reference '${text}'`,
  })
}

/** The other way round. @throws {FlakeRefError} */
export function formatFlakeRef(attributes: InputAttributes): string {
  const input = new Map(attributes)
  input.delete("dir")
  const url = urlOfInput(input)
  const dir = optionalString(attributes, "dir") ?? ""
  // One that is there already stays.
  return formatUrl(dir === "" ? url : { ...url, query: new Map([["dir", dir], ...url.query]) })
}

interface Parsed {
  readonly attributes: InputAttributes
  readonly fragment: string
}

function parseWithFragment(text: string): Parsed {
  const [, short, fragment = ""] = SHORT.exec(text) ?? []
  if (short !== undefined) {
    const url = { scheme: "flake", path: short.split("/"), query: new Map(), fragment: "" }
    return { attributes: inputFromUrl(url), fragment: decodePercent(fragment) }
  }
  try {
    return fromUrl(parseUrl(text))
  } catch (error) {
    if (!(error instanceof FlakeRefError && error.isOfUrl)) throw error
    return fromPath(text)
  }
}

function fromPath(text: string): Parsed {
  const [, path = "", query = "", fragment = ""] = PATH.exec(text) ?? []
  if (!QUERY.test(query)) throw new FlakeRefError({ code: "url-query", query })
  if (!path.startsWith("/")) {
    throw new FlakeRefError({ code: "reference", message: `flake reference '${text}' is not an absolute path` })
  }
  return fromUrl({
    scheme: "path",
    authority: "",
    path: urlPathOf(path),
    query: parseQuery(query),
    fragment: decodePercent(fragment),
  })
}

function fromUrl(url: Url): Parsed {
  const query = new Map(url.query)
  query.delete("dir")
  const attributes = new Map(inputFromUrl({ ...url, query, fragment: "" }))
  const dir = url.query.get("dir") ?? ""
  if (dir !== "") attributes.set("dir", dir)
  return { attributes, fragment: url.fragment }
}
