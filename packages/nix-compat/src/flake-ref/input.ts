/** The kinds of input that a flake reference can name: each from a URL, checked, and as a URL again (libfetchers). */
import { formatHash, HashError, parseHash, type Hash } from "@tvix-ts/hash"
import { FlakeRefError } from "./problem.ts"
import { isGitRef } from "./ref-name.ts"
import { applicationOf, formatUrl, parseUrl, pathOfUrl, transportOf, type Url } from "./url.ts"

/** Integers are not negative; those above 2^53 are bigints. */
export type InputAttribute = string | number | bigint | boolean
export type InputAttributes = ReadonlyMap<string, InputAttribute>

interface InputKind {
  readonly type: string
  /** Attributes besides `type`. */
  readonly allowed: readonly string[]
  /** What `url` says, or undefined if it is of another kind. */
  fromUrl(url: Url): Map<string, InputAttribute> | undefined
  /** Attributes as they are kept. */
  check(attributes: InputAttributes): InputAttributes
  toUrl(attributes: InputAttributes): Url
}

const FLAKE_ID = /^[a-zA-Z][a-zA-Z0-9_-]*$/
const REVISION = /^[0-9a-fA-F]{40}$/
const HOST = /^[a-zA-Z0-9.-]*$/
const MERCURIAL_REF = /^[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*$/

const refuse = (message: string): never => {
  throw new FlakeRefError({ code: "reference", message })
}

// ------------------------------------------------------------------------------------------------ attributes

/** @throws {FlakeRefError} for an attribute of another type */
export function optionalString(attributes: InputAttributes, name: string): string | undefined {
  const value = attributes.get(name)
  if (value === undefined || typeof value === "string") return value
  throw new FlakeRefError({
    code: "attribute-type",
    attribute: name,
    wanted: `a string ${formatAttributes(attributes)}`,
  })
}
function requiredString(attributes: InputAttributes, name: string): string {
  const value = optionalString(attributes, name)
  if (value === undefined) throw new FlakeRefError({ code: "attribute-missing", attribute: name })
  return value
}
function flag(attributes: InputAttributes, name: string): boolean {
  const value = attributes.get(name) ?? false
  if (typeof value === "boolean") return value
  throw new FlakeRefError({ code: "attribute-type", attribute: name, wanted: "a Boolean" })
}
function checkInteger(attributes: InputAttributes, name: string): void {
  const value = attributes.get(name) ?? 0
  if (typeof value === "number" || typeof value === "bigint") return
  throw new FlakeRefError({ code: "attribute-type", attribute: name, wanted: "an integer" })
}

/** As JSON, for messages. */
function formatAttributes(attributes: InputAttributes): string {
  const sorted = [...attributes].sort(([a], [b]) => (a < b ? -1 : 1))
  const members = sorted.map(([name, value]) => {
    const shown = typeof value === "string" ? JSON.stringify(value) : String(value)
    return `${JSON.stringify(name)}:${shown}`
  })
  return `{${members.join(",")}}`
}

/** A commit, as hexadecimal digits. */
function revisionOf(attributes: InputAttributes): string | undefined {
  const text = optionalString(attributes, "rev")
  return text === undefined ? undefined : formatHash(readHash(text), "base16")
}
function readHash(text: string): Hash {
  try {
    return parseHash(text, /^[a-z0-9]+[:-]/.test(text) ? undefined : "sha1")
  } catch (error) {
    if (error instanceof HashError) throw new FlakeRefError({ code: "hash", message: error.message })
    throw error
  }
}
function narHashOf(attributes: InputAttributes): string | undefined {
  const text = optionalString(attributes, "narHash")
  if (text === undefined) return undefined
  if (text === "") return formatHash({ algorithm: "sha256", digest: new Uint8Array(32) }, "sri")
  if (!/^[a-z0-9]+-/.test(text)) throw new FlakeRefError({ code: "hash", message: `hash '${text}' is not SRI` })
  const hash = readHash(text)
  return hash.algorithm === "sha256" ? formatHash(hash, "sri") : refuse("narHash must use SHA-256")
}

function withQuery(url: Url, more: Readonly<Record<string, string | undefined>>): Url {
  const query = new Map(url.query)
  for (const [name, value] of Object.entries(more)) if (value !== undefined) query.set(name, value)
  return { ...url, query }
}
function plainUrl(scheme: string, path: readonly string[]): Url {
  return { scheme, path, query: new Map(), fragment: "" }
}

/** Decimal digits that fit into 64 bits. */
function unsigned(text: string): number | bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined
  const value = BigInt(text)
  if (value >= 2n ** 64n) return undefined
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

// ------------------------------------------------------------------------------------------------ kinds

const indirect: InputKind = {
  type: "indirect",
  allowed: ["id", "ref", "rev", "narHash"],
  fromUrl(url) {
    if (url.scheme !== "flake") return undefined
    const [id = "", first, second, ...rest] = url.path.filter((segment) => segment !== "")
    if (rest.length > 0 || id === "") refuse(`GitHub URL '${formatUrl(url)}' is invalid`)
    const attributes = new Map<string, InputAttribute>([["type", "indirect"], ["id", id]]) // prettier-ignore
    if (first !== undefined) {
      if (second === undefined && REVISION.test(first)) attributes.set("rev", first.toLowerCase())
      else if (isGitRef(first)) attributes.set("ref", first)
      else {
        const wanted = second === undefined ? "a commit hash or branch/tag name" : "a branch/tag name"
        refuse(`in flake URL '${formatUrl(url)}', '${first}' is not ${wanted}`)
      }
    }
    if (second !== undefined) {
      if (!REVISION.test(second)) refuse(`in flake URL '${formatUrl(url)}', '${second}' is not a commit hash`)
      attributes.set("rev", second.toLowerCase())
    }
    if (!FLAKE_ID.test(id)) refuse(`'${id}' is not a valid flake ID`)
    return attributes
  },
  check(attributes) {
    const id = requiredString(attributes, "id")
    if (!FLAKE_ID.test(id)) refuse(`'${id}' is not a valid flake ID`)
    return attributes
  },
  toUrl(attributes) {
    const parts = [requiredString(attributes, "id"), optionalString(attributes, "ref"), revisionOf(attributes)]
    return plainUrl(
      "flake",
      parts.filter((part) => part !== undefined),
    )
  },
}

/** A repository that a service hands out as archives. */
function forge(type: string): InputKind {
  return {
    type,
    allowed: ["owner", "repo", "ref", "rev", "narHash", "lastModified", "host", "treeHash"],
    fromUrl(url) {
      if (url.scheme !== type) return undefined
      const [owner, repo, ...rest] = url.path.filter((segment) => segment !== "")
      if (owner === undefined || repo === undefined) return refuse(`URL '${formatUrl(url)}' is invalid`)
      const attributes = new Map<string, InputAttribute>([["type", type], ["owner", owner], ["repo", repo]]) // prettier-ignore
      if (rest.length > 0) attributes.set(rest.length === 1 && REVISION.test(rest[0]!) ? "rev" : "ref", rest.join("/"))
      for (const [name, what] of [
        ["rev", "commit hashes"],
        ["ref", "branch/tag names"],
      ] as const) {
        const value = url.query.get(name)
        if (value === undefined) continue
        if (attributes.has(name)) refuse(`URL '${formatUrl(url)}' contains multiple ${what}`)
        attributes.set(name, value)
      }
      for (const name of ["host", "narHash"]) {
        const value = url.query.get(name)
        if (value !== undefined) attributes.set(name, value)
      }
      return attributes
    },
    check(attributes) {
      requiredString(attributes, "owner")
      requiredString(attributes, "repo")
      const ref = optionalString(attributes, "ref")
      const rev = optionalString(attributes, "rev")
      const shown = formatAttributes(attributes)
      if (ref !== undefined && rev !== undefined) {
        refuse(`input ${shown} contains both a commit hash ('${rev}') and a branch/tag name ('${ref}')`)
      }
      if (rev !== undefined) readHash(rev)
      if (ref !== undefined && !isGitRef(ref)) refuse(`input ${shown} contains an invalid branch/tag name`)
      if (!HOST.test(optionalString(attributes, "host") ?? "")) {
        refuse(`input ${shown} contains an invalid instance host`)
      }
      return attributes
    },
    toUrl(attributes) {
      const names = [requiredString(attributes, "owner"), requiredString(attributes, "repo")]
      const at = optionalString(attributes, "ref") ?? revisionOf(attributes)
      return withQuery(plainUrl(type, at === undefined ? names : [...names, at]), {
        narHash: narHashOf(attributes),
        host: optionalString(attributes, "host"),
      })
    },
  }
}

const GIT_TEXTS: ReadonlySet<string> = new Set(["rev", "ref", "keytype", "publicKey", "publicKeys"])
const GIT_FLAGS = ["shallow", "lfs", "submodules", "exportIgnore", "verifyCommit", "allRefs"]

const git: InputKind = {
  type: "git",
  allowed: [
    "url", "ref", "rev", "shallow", "submodules", "lfs", "exportIgnore", "lastModified", "revCount", "narHash",
    "allRefs", "name", "dirtyRev", "dirtyShortRev", "verifyCommit", "keytype", "publicKey", "publicKeys",
  ], // prettier-ignore
  fromUrl(url) {
    if (url.scheme !== "git" && applicationOf(url.scheme) !== "git") return undefined
    const attributes = new Map<string, InputAttribute>([["type", "git"]])
    const query = new Map<string, string>()
    for (const [name, value] of url.query) {
      if (GIT_TEXTS.has(name)) attributes.set(name, value)
      else if (GIT_FLAGS.includes(name)) attributes.set(name, value === "1")
      else query.set(name, value)
    }
    return attributes.set("url", formatUrl({ ...url, query }))
  },
  check(attributes) {
    const ref = optionalString(attributes, "ref")
    if (ref !== undefined && !isGitRef(ref)) refuse(`invalid Git branch/tag name '${ref}'`)
    const url = formatUrl(gitUrl(requiredString(attributes, "url")))
    for (const name of ["verifyCommit", "shallow", "submodules", "allRefs"]) flag(attributes, name)
    return new Map(attributes).set("url", url)
  },
  toUrl(attributes) {
    const url = parseUrl(requiredString(attributes, "url"))
    const scheme = url.scheme === "git" ? "git" : `git+${url.scheme}`
    const flags = GIT_FLAGS.filter((name) => name !== "allRefs" && flag(attributes, name))
    return withQuery(
      { ...url, scheme },
      {
        rev: revisionOf(attributes),
        ref: optionalString(attributes, "ref"),
        ...Object.fromEntries(flags.map((name) => [name, "1"])),
      },
    )
  },
}

/** What Git takes for a repository, `user@host:path` and paths included, as a URL. */
function gitUrl(given: string): Url {
  const text = given.startsWith("/") ? given : given.replace(/^([^/]*)@(.*):(.*)$/, "ssh://$1@$2/$3")
  if (/^(git\+)?file:/.test(text) || text.includes("://")) {
    const url = parseUrl(text)
    return applicationOf(url.scheme) === "git" ? { ...url, scheme: transportOf(url.scheme) } : url
  }
  const path = text.split("/")
  if (path[0]!.includes(":")) {
    refuse(`SCP-like URL '${text}' is not supported; use SSH URL syntax instead (ssh://...)`)
  }
  return { ...plainUrl("file", path), ...(text.startsWith("/") && { authority: "" }) }
}

const mercurial: InputKind = {
  type: "hg",
  allowed: ["url", "ref", "rev", "revCount", "narHash", "name"],
  fromUrl(url) {
    if (!/^hg\+(https?|ssh|file)$/.test(url.scheme)) return undefined
    const query = new Map(url.query)
    const attributes = new Map<string, InputAttribute>([["type", "hg"]])
    for (const name of ["rev", "ref"]) {
      const value = query.get(name)
      if (value !== undefined) attributes.set(name, value)
      query.delete(name)
    }
    return attributes.set("url", formatUrl({ ...url, scheme: transportOf(url.scheme), query }))
  },
  check(attributes) {
    parseUrl(requiredString(attributes, "url"))
    const ref = optionalString(attributes, "ref")
    if (ref !== undefined && !MERCURIAL_REF.test(ref)) refuse(`invalid Mercurial branch/tag name '${ref}'`)
    return attributes
  },
  toUrl(attributes) {
    const url = parseUrl(requiredString(attributes, "url"))
    const at = { rev: revisionOf(attributes), ref: optionalString(attributes, "ref") }
    return withQuery({ ...url, scheme: `hg+${url.scheme}` }, at)
  },
}

const path: InputKind = {
  type: "path",
  allowed: ["path", "rev", "revCount", "lastModified", "narHash"],
  fromUrl(url) {
    if (url.scheme !== "path") return undefined
    const shown = formatUrl(url)
    if (url.authority) {
      throw new FlakeRefError({
        code: "unsupported-url",
        message: `path URL '${shown}' should not have an authority ('${url.authority}')`,
      })
    }
    const attributes = new Map<string, InputAttribute>([["type", "path"], ["path", pathOfUrl(url.path)]]) // prettier-ignore
    for (const [name, value] of [...url.query].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (name === "rev" || name === "narHash") attributes.set(name, value)
      else {
        const known = name === "revCount" || name === "lastModified"
        const number = known ? unsigned(value) : undefined
        if (number === undefined) {
          const fault = known ? "invalid" : "unsupported"
          throw new FlakeRefError({
            code: "unsupported-url",
            message: `path URL '${shown}' has ${fault} parameter '${name}'`,
          })
        }
        attributes.set(name, number)
      }
    }
    return attributes
  },
  check(attributes) {
    requiredString(attributes, "path")
    return attributes
  },
  toUrl(attributes) {
    const query = new Map<string, string>()
    for (const [name, value] of attributes) {
      if (name === "path" || name === "type" || name === "__final") continue
      query.set(name, typeof value === "boolean" ? (value ? "1" : "0") : String(value))
    }
    return { ...plainUrl("path", requiredString(attributes, "path").split("/")), query }
  },
}

const DOWNLOAD_ATTRIBUTES = ["url", "narHash", "name", "unpack", "rev", "revCount", "lastModified"]

/** Something to download: a file, or an archive to unpack. */
function download(type: string, isDefault: boolean): InputKind {
  return {
    type,
    allowed: DOWNLOAD_ATTRIBUTES,
    fromUrl(url) {
      if (!/^(file|https?)$/.test(transportOf(url.scheme))) return undefined
      const application = applicationOf(url.scheme)
      if (application === undefined ? !isDefault : application !== type) return undefined
      const attributes = new Map<string, InputAttribute>([["type", type]])
      for (const name of ["narHash", "rev", "revCount", "lastModified"]) {
        const value = url.query.get(name)
        const kept = value === undefined || name === "narHash" || name === "rev" ? value : unsigned(value)
        if (kept !== undefined) attributes.set(name, kept)
      }
      const query = new Map([...url.query].filter(([name]) => !DOWNLOAD_ATTRIBUTES.includes(name)))
      return attributes.set("url", formatUrl({ ...url, scheme: transportOf(url.scheme), query }))
    },
    check: (attributes) => attributes,
    toUrl: (attributes) => withQuery(parseUrl(requiredString(attributes, "url")), { narHash: narHashOf(attributes) }),
  }
}

/** The first that understands a URL gets it. */
const KINDS: readonly InputKind[] = [
  download("file", false),
  git,
  forge("github"),
  forge("gitlab"),
  mercurial,
  indirect,
  path,
  forge("sourcehut"),
  download("tarball", true),
]

/** @throws {FlakeRefError} */
export function inputFromUrl(url: Url): InputAttributes {
  for (const kind of KINDS) {
    const attributes = kind.fromUrl(url)
    if (attributes !== undefined) return checked(kind.check(attributes))
  }
  const hint =
    applicationOf(url.scheme) === "file" && transportOf(url.scheme) === "git"
      ? "; did you mean 'git+file' instead of 'file+git'?"
      : ""
  throw new FlakeRefError({ code: "unsupported", url: formatUrl(url), hint })
}

/** The URL of an input given by its attributes. @throws {FlakeRefError} */
export function urlOfInput(attributes: InputAttributes): Url {
  const type = optionalString(attributes, "type")
  if (type === undefined) throw new FlakeRefError({ code: "attribute-missing", attribute: "type" })
  const kind = KINDS.find((one) => one.type === type)
  if (kind === undefined) {
    return refuse(`cannot show unsupported input '${formatAttributes(checked(attributes))}'`)
  }
  for (const name of [...attributes.keys()].sort()) {
    if (name === "type" || name === "__final" || kind.allowed.includes(name)) continue
    throw new FlakeRefError({ code: "attribute-unknown", attribute: name, type })
  }
  return kind.toUrl(checked(kind.check(attributes)))
}

/** What all kinds have in common. */
function checked(attributes: InputAttributes): InputAttributes {
  optionalString(attributes, "type")
  optionalString(attributes, "ref")
  checkInteger(attributes, "revCount")
  checkInteger(attributes, "lastModified")
  return attributes
}
