/** `fetchGit`: its arguments, in the order in which C++ Nix looks at them (libexpr/primops/fetchTree.cc, libfetchers/git.cc). */
import { AttrSet, NixPath, typeName, type Evaluation, type Forced } from "@tvix-ts/eval"
import {
  any,
  attrsFrom,
  builtin,
  bytesOfString,
  coerceToString,
  ContextBuilder,
  isString,
  makeString,
  type Task,
} from "@tvix-ts/eval/builtins"
import { encodeHex } from "@tvix-ts/bytes"
import { formatHash, parseHash, type Hash } from "@tvix-ts/hash"
import { isGitRef } from "@tvix-ts/nix-compat"
import { checked, refuse, refuseExperimental } from "../problems.ts"
import { asked, type Fetching } from "./ask.ts"
import type { GitRequest, GitTree } from "./fetcher.ts"
import { fixGitUrl, formatUrl, withoutSecrets, type Url } from "./url.ts"
import { FetchError } from "./problem.ts"

/** What `fetchGit` knows, and of which type it has to be if it is looked at. */
const ATTRIBUTES = {
  url: "string",
  ref: "string",
  rev: "string",
  name: "string",
  narHash: "string",
  shallow: "boolean",
  submodules: "boolean",
  lfs: "boolean",
  allRefs: "boolean",
  exportIgnore: "boolean",
  lastModified: "number",
  revCount: "number",
  dirtyRev: "string",
  dirtyShortRev: "string",
  verifyCommit: "boolean",
  keytype: "string",
  publicKey: "string",
  publicKeys: "string",
} as const
/** Those that only mean something where signatures are verified. */
const VERIFIED = ["keytype", "publicKey", "publicKeys", "verifyCommit"]

type Attributes = Map<string, string | boolean | number | bigint>
type Input = GitRequest & {
  readonly shown: string
  readonly narHash?: Hash
  readonly lastModified?: number
  readonly revCount?: number
}

export function fetchGit({ fetcher, store, check }: Fetching) {
  return builtin({
    name: "fetchGit",
    global: "name",
    params: [any("args")],
    doc: "Fetches a commit of a Git repository, or what is in its working folder, into the store.",
    *run(argument) {
      const input = inputOf(yield* attributesOf(argument))
      if (this.options.pure === true) requireLock(this, input)
      check(input.shown)
      const tree = yield* asked(this, async () => {
        try {
          return await fetcher.git(input)
        } catch (error) {
          throw error instanceof FetchError ? error.while(`while fetching the input '${input.shown}'`) : error
        }
      })
      requireSame(input, tree)
      store.admit(tree.path)
      return resultOf(input, tree)
    },
  })
}

function* attributesOf(argument: Forced): Task<Attributes> {
  const attributes: Attributes = new Map()
  if (!(argument instanceof AttrSet)) {
    const context = "while evaluating the first argument passed to 'fetchGit'"
    const coercion = { context, more: false, copyToStore: false }
    attributes.set("url", (yield coerceToString(argument, coercion, new ContextBuilder())) as string)
    return attributes
  }
  if (argument.has("type")) refuse("unexpected argument 'type'")
  for (const [name, lazy] of argument.entries()) {
    const value = (yield lazy) as Forced
    if (isString(value)) attributes.set(name, bytesOfString(value))
    else if (value instanceof NixPath) attributes.set(name, value.path)
    else if (typeof value === "boolean") attributes.set(name, value)
    else if (typeof value === "number" || typeof value === "bigint") {
      if (value < 0) refuse(`negative value given for 'fetchGit' argument '${name}': ${value}`)
      attributes.set(name, value)
    } else if (name === "publicKeys") refuseExperimental("verified-fetches")
    else refuse(`argument '${name}' to 'fetchGit' is ${typeName(value)} while a string, Boolean or integer is expected`)
  }
  return attributes
}

function inputOf(attributes: Attributes): Input {
  const exportIgnore = get(attributes, "exportIgnore", "boolean") ?? get(attributes, "submodules", "boolean") !== true
  for (const name of [...attributes.keys()].sort()) {
    if (!Object.hasOwn(ATTRIBUTES, name)) refuse(`input attribute '${name}' not supported by scheme 'git'`)
  }
  if (VERIFIED.some((name) => attributes.has(name))) refuseExperimental("verified-fetches")
  const ref = get(attributes, "ref", "string")
  if (ref !== undefined && !isGitRef(ref)) refuse(`invalid Git branch/tag name '${ref}'`)
  const url = gitUrl(get(attributes, "url", "string") ?? refuse("input attribute 'url' is missing"))
  const shallow = get(attributes, "shallow", "boolean") ?? false
  const submodules = get(attributes, "submodules", "boolean") ?? false
  const allRefs = get(attributes, "allRefs", "boolean") ?? false
  const revCount = get(attributes, "revCount", "number")
  const lastModified = get(attributes, "lastModified", "number")
  const rev = revision(get(attributes, "rev", "string"))
  if (get(attributes, "lfs", "boolean") === true) refuse("fetching files of Git LFS is not supported")
  const narHash = get(attributes, "narHash", "string")
  const query = new Map(url.query)
  if (rev !== undefined) query.set("rev", rev)
  if (ref !== undefined) query.set("ref", ref)
  if (shallow) query.set("shallow", "1")
  if (submodules) query.set("submodules", "1")
  if (exportIgnore) query.set("exportIgnore", "1")
  const { scheme } = url
  const shown = formatUrl({ ...withoutSecrets(url), scheme: scheme === "git" ? scheme : `git+${scheme}`, query })
  return {
    url: formatUrl(url),
    shown,
    name: get(attributes, "name", "string") ?? "source",
    shallow,
    submodules,
    allRefs,
    exportIgnore,
    ...(ref !== undefined && { ref }),
    ...(rev !== undefined && { rev }),
    ...(narHash !== undefined && { narHash: checked(() => parseHash(narHash, "sha256")) }),
    ...(lastModified !== undefined && { lastModified: Number(lastModified) }),
    ...(revCount !== undefined && { revCount: Number(revCount) }),
  }
}

interface Types {
  string: string
  boolean: boolean
  number: number | bigint
}
const TYPE_NAMES = { string: "a string", boolean: "a Boolean", number: "an integer" }
function get<T extends keyof Types>(attributes: Attributes, name: string, type: T): Types[T] | undefined {
  const value = attributes.get(name)
  if (value === undefined) return undefined
  const actual = typeof value === "bigint" ? "number" : typeof value
  if (actual === type) return value as Types[T]
  // Only of strings, C++ Nix shows what it was given.
  const shown = type === "string" ? ` ${jsonOf(attributes)}` : ""
  return refuse(`input attribute '${name}' is not ${TYPE_NAMES[type]}${shown}`)
}

function jsonOf(attributes: Attributes): string {
  const members = new Map<string, Types[keyof Types]>([["type", "git"], ...attributes])
  if (!members.has("exportIgnore") && members.get("submodules") !== true) members.set("exportIgnore", true)
  const url = members.get("url")
  if (typeof url === "string") members.set("url", formatUrl(withoutSecrets(gitUrl(url))))
  const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1))
  const text = sorted.map(
    ([name, value]) => `${JSON.stringify(name)}:${typeof value === "bigint" ? value : JSON.stringify(value)}`,
  )
  return `{${text.join(",")}}`
}

function gitUrl(text: string): Url {
  return checked(() => fixGitUrl(text))
}

/** As Git writes it. */
function revision(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const hash = checked(() => parseHash(text, /^[a-z0-9]+[:-]/.test(text) ? undefined : "sha1"))
  if (hash.algorithm !== "sha1" && hash.algorithm !== "sha256") {
    const shown = `${hash.algorithm}:${encodeHex(hash.digest)}`
    refuse(`Hash '${shown}' is not supported by Git. Supported types are sha1 and sha256.`)
  }
  return encodeHex(hash.digest)
}

const isNull = (rev: string): boolean => /^0+$/.test(rev)

/** A pure program gets what its text says, not what somebody pushed last. */
function requireLock(evaluation: Evaluation, { rev, narHash, shown }: Input): void {
  if (rev !== undefined && !isNull(rev)) return
  if (narHash === undefined) refuse(`in pure evaluation mode, 'fetchGit' doesn't fetch unlocked input '${shown}'`)
  evaluation.say(
    "notice",
    `Input '${shown}' is unlocked (e.g. lacks a Git revision) but is checked by NAR hash. ` +
      "This is not reproducible and will break after garbage collection or when shared.",
  )
}

function requireSame(input: Input, tree: GitTree): void {
  const { shown, narHash, lastModified, revCount } = input
  if (narHash !== undefined && !sameHash(narHash, tree.narHash)) {
    const [expected, got] = [narHash, tree.narHash].map((hash) => formatHash(hash, "sri"))
    refuse(`NAR hash mismatch in input '${shown}', expected '${expected}' but got '${got}'`)
  }
  if (lastModified !== undefined && lastModified !== tree.lastModified) {
    refuse(`'lastModified' attribute mismatch in input '${shown}', expected ${lastModified}, got ${tree.lastModified}`)
  }
  if (revCount !== undefined && tree.revCount !== undefined && revCount !== tree.revCount) {
    refuse(`'revCount' attribute mismatch in input '${shown}', expected ${revCount}`)
  }
}

function sameHash(a: Hash, b: Hash): boolean {
  return a.algorithm === b.algorithm && encodeHex(a.digest) === encodeHex(b.digest)
}

const SHORT_LENGTH = 7
const NULL_REV = "0".repeat(40)

function resultOf({ submodules }: Input, tree: GitTree): AttrSet {
  const { path, rev = NULL_REV, revCount = 0, lastModified, dirtyRev } = tree
  return attrsFrom([
    ["outPath", makeString(path, new Set([path]))],
    ["narHash", formatHash(tree.narHash, "sri")],
    ["submodules", submodules],
    ["rev", rev],
    ["shortRev", rev.slice(0, SHORT_LENGTH)],
    ["revCount", revCount],
    ["lastModified", lastModified],
    ["lastModifiedDate", dateOf(lastModified)],
    ...(dirtyRev === undefined
      ? []
      : ([
          ["dirtyRev", `${dirtyRev}-dirty`],
          ["dirtyShortRev", `${dirtyRev.slice(0, SHORT_LENGTH)}-dirty`],
        ] as const)),
  ])
}

/** `20260102030405`, in UTC. */
function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\..*|[^0-9]/g, "")
}
