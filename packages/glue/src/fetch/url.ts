/**
 * Addresses to fetch from: URLs (libutil/url.cc), and what `fetchGit` takes besides: `user@host:path` as ssh has it, and paths
 * of this machine (fixGitURL). Byte strings throughout.
 */
import { FetchError } from "./problem.ts"
import { shownUrl } from "./uri.ts"

export interface Url {
  /** As it is written; {@link fixGitUrl} leaves out the `git+` that some put before it. */
  readonly scheme: string
  /** As it is written, percent signs and all; undefined without the `//`. */
  readonly authority: string | undefined
  /** Decoded. */
  readonly path: string
  /** Decoded, the values that have an equal sign before them. */
  readonly query: ReadonlyMap<string, string>
}

/** @throws {FetchError} `invalid-url` */
export function fixGitUrl(text: string): Url {
  let url = text
  // The last colon counts, and the last `@` before it.
  const [, user, host, path] = /^([^/]*)@(.*):(.*)$/.exec(url) ?? []
  if (!url.startsWith("/") && user !== undefined) url = `ssh://${user}@${host}/${path}`
  if (!/^(?:git\+)?file:/.test(url) && !url.includes("://")) {
    if (/^[^/]*:/.test(url)) {
      bad(`SCP-like URL '${url}' is not supported; use SSH URL syntax instead (ssh://...)`)
    }
    return { scheme: "file", authority: url.startsWith("/") ? "" : undefined, path: url, query: new Map() }
  }
  const parsed = parseUrl(url)
  const scheme = parsed.scheme.startsWith("git+") ? parsed.scheme.slice("git+".length) : parsed.scheme
  return { ...parsed, scheme }
}

/** Of schemes, authorities and percent signs only what decides where something is. @throws {FetchError} */
export function parseUrl(url: string): Url {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]
  if (scheme === undefined) return bad(`'${url}' doesn't have a scheme`)
  const [, authority, encodedPath, query = ""] = /^(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/.exec(
    url.slice(scheme.length + 1),
  )!
  const isFile = /(?:^|\+)file$/.test(scheme)
  if (isFile && authority !== undefined && authority !== "") {
    bad(`file:// URL '${url}' has unexpected authority '${authority}'`)
  }
  const path = decode(isFile && encodedPath === "" ? "/" : encodedPath!, url)
  const parameters = new Map<string, string>()
  for (const parameter of query.split("&")) {
    const equals = parameter.indexOf("=")
    if (equals < 0) continue
    parameters.set(decode(parameter.slice(0, equals), url), decode(parameter.slice(equals + 1), url))
  }
  return { scheme, authority, path, query: parameters }
}

/** A URL that Git understands. */
export function formatUrl({ scheme, authority, path, query }: Url): string {
  const parameters = [...query]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encode(name, IN_QUERY)}=${encode(value, IN_QUERY)}`)
  const end = parameters.length === 0 ? "" : `?${parameters.join("&")}`
  return `${scheme}:${authority === undefined ? "" : `//${authority}`}${encode(path, IN_PATH)}${end}`
}

/** The same without what could be a secret: for messages, and for whatever else lasts. */
export function withoutSecrets(url: Url): Url {
  const { authority } = url
  if (authority === undefined || !authority.includes("@")) return url
  const at = authority.lastIndexOf("@")
  // To ssh, the user is a name, and a password has no meaning; to a web server, either may be a token.
  const user = url.scheme.endsWith("ssh") ? `${authority.slice(0, at).replace(/:.*/s, "")}@` : ""
  return { ...url, authority: user + authority.slice(at + 1) }
}

/** By which a server knows who asks: byte strings. */
export interface Login {
  readonly name: string
  readonly password: string
}

/**
 * What stands before the `@` of an authority, decoded.
 *
 * @param url for messages
 * @throws {FetchError} `invalid-url`
 */
export function loginOf(userinfo: string, url: string): Login {
  const [, name = "", password = ""] = /^([^:]*):?(.*)$/s.exec(userinfo)!
  return { name: decode(name, url), password: decode(password, url) }
}

/** Characters that stand for themselves besides letters, digits and `-._~`. */
const IN_PATH = ":@/"
const IN_QUERY = ":@/?"

function encode(text: string, plain: string): string {
  return text.replace(/[^A-Za-z0-9._~-]/g, (c) =>
    plain.includes(c) ? c : `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}

function decode(text: string, url: string): string {
  return text.replace(/%(..)?/g, (_, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9A-Fa-f]{2}$/.test(digits)) return bad(`'${shownUrl(url)}' is not a valid URL`)
    const byte = Number.parseInt(digits, 16)
    return byte === 0 ? bad(`URL '${shownUrl(url)}' contains NUL byte which is not allowed`) : String.fromCharCode(byte)
  })
}

function bad(message: string): never {
  throw new FetchError({ code: "invalid-url", message })
}
