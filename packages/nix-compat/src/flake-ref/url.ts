/** URLs as C++ Nix reads and writes them (libutil/url.cc): RFC 3986, percent signs decoded. All texts are byte strings. */
import { FlakeRefError } from "./problem.ts"

export interface Url {
  readonly scheme: string
  /** Encoded, as it is written between `//` and the path. */
  readonly authority?: string
  /** Between slashes; the first of an absolute path is empty. */
  readonly path: readonly string[]
  readonly query: ReadonlyMap<string, string>
  readonly fragment: string
}

// What may stand in each part, as classes of a regular expression.
const UNRESERVED = String.raw`A-Za-z0-9._~\-`
const PCHAR = `${UNRESERVED}!$&'()*+,;=:@`
const ENCODED = "%[0-9a-fA-F]{2}"
const URL = new RegExp(
  `^([A-Za-z][A-Za-z0-9+.-]*):` +
    `(?://((?:[${UNRESERVED}!$&'()*+,;=:@[\\]]|${ENCODED})*)(?=[/?#]|$))?` +
    `((?:[${PCHAR}/]|${ENCODED})*)` +
    `(?:\\?((?:[${PCHAR}/?[\\] "]|${ENCODED})*))?` +
    `(?:#((?:[${PCHAR}/?# "^]|${ENCODED})*))?$`,
)
const AUTHORITY = /^(?:([^@:]*)(?::([^@]*))?@)?([^:@[\]]*|\[[0-9A-Fa-fv:.%]*\])(?::(\d*))?$/

/** @throws {FlakeRefError} `url`, for what is not one */
export function parseUrl(text: string): Url {
  const match = URL.exec(text)
  if (match === null) {
    // Anything relative, or nothing that belongs into a URL.
    const reason = URL.test(`x:${text}`) ? "doesn't have a scheme" : "is not a valid URL: leftover"
    throw new FlakeRefError({ code: "url", url: text, reason })
  }
  const [, scheme = "", givenAuthority, givenPath = "", query = "", fragment = ""] = match
  const authority = givenAuthority === undefined ? undefined : normalAuthority(givenAuthority)
  const isFile = transportOf(scheme) === "file"
  if (isFile && authority) {
    throw new FlakeRefError({ code: "url", url: text, reason: `has unexpected authority '${authority}'` })
  }
  const path = isFile && givenPath === "" ? "/" : givenPath
  return {
    scheme,
    ...(authority !== undefined && { authority }),
    path: path.split("/").map(decodePercent),
    query: parseQuery(query),
    fragment: decodePercent(fragment),
  }
}

/** What is between `//` and the path, as it is written again. @throws {FlakeRefError} */
function normalAuthority(text: string): string {
  const [, user, password, host, port] = AUTHORITY.exec(text) ?? []
  if (host === undefined || Number(port ?? 0) > 0xffff) {
    throw new FlakeRefError({ code: "url-authority", authority: text })
  }
  const encode = (part: string): string => encodePercent(decodePercent(part), "")
  const login = user === undefined ? "" : `${encode(user)}${password === undefined ? "" : `:${encode(password)}`}@`
  return `${login}${host.startsWith("[") ? host : encode(host)}${port ? `:${Number(port)}` : ""}`
}

/** Parameters without a value are ignored; of several with one name, the first counts. */
export function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>()
  for (const parameter of text.split("&")) {
    const equals = parameter.indexOf("=")
    if (equals < 0) continue
    const name = decodePercent(parameter.slice(0, equals))
    if (!query.has(name)) query.set(name, decodePercent(parameter.slice(equals + 1)))
  }
  return query
}

export function formatUrl({ scheme, authority, path, query, fragment }: Url): string {
  const host = authority === undefined ? "" : `//${authority}`
  const place = path.map((segment) => encodePercent(segment, ":@")).join("/")
  const sorted = [...query].sort(([a], [b]) => (a < b ? -1 : 1))
  const parameters = sorted.map(([name, value]) => `${encodePercent(name, ":@/?")}=${encodePercent(value, ":@/?")}`)
  const asked = parameters.length === 0 ? "" : `?${parameters.join("&")}`
  return `${scheme}:${host}${place}${asked}${fragment === "" ? "" : `#${encodePercent(fragment, "")}`}`
}

/** @throws {FlakeRefError} `url-parameter`, for a percent sign that begins nothing */
export function decodePercent(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})?/g, (_, digits: string | undefined) => {
    if (digits === undefined) throw new FlakeRefError({ code: "url-parameter", parameter: text })
    return String.fromCharCode(Number.parseInt(digits, 16))
  })
}

/** @param keep characters besides the unreserved ones that stay */
function encodePercent(text: string, keep: string): string {
  // oxlint-disable-next-line no-control-regex -- any byte
  return text.replace(/[\0-\xff]/g, (byte) =>
    /[A-Za-z0-9._~-]/.test(byte) || keep.includes(byte)
      ? byte
      : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}

/** `git` of `git+https`. */
export function applicationOf(scheme: string): string | undefined {
  const plus = scheme.indexOf("+")
  return plus < 0 ? undefined : scheme.slice(0, plus)
}
/** `https` of `git+https`, and of `https`. */
export function transportOf(scheme: string): string {
  return scheme.slice(scheme.indexOf("+") + 1)
}

/** A path of a file system in the form of {@link Url.path}. */
export function urlPathOf(path: string): string[] {
  return path.split("/").filter((segment, index, all) => segment !== "" || index === 0 || index === all.length - 1)
}
/** The other way round. @throws {FlakeRefError} for names that no file has */
export function pathOfUrl(segments: readonly string[]): string {
  const [first = "", ...rest] = segments
  let path = first === "" && segments.length > 0 ? "/" : first
  for (const segment of [first, ...rest]) {
    if (/[/\0]/.test(segment)) throw new FlakeRefError({ code: "url-segment", segment })
  }
  for (const segment of rest) path += (path.endsWith("/") || path === "" ? "" : "/") + segment
  return path
}
