/**
 * Store paths: `/nix/store/<digest>-<name>`, 160 bits in 32 digits of nix32. The digest is of what the path is made
 * from, in words (the Nix manual's "Complete Store Path Calculation"):
 *
 *     SHA-256 of  <type>:<hash>:<store directory>:<name>,  folded to 20 bytes
 *
 *     text:<references…>      sha256:<of the contents>          files written by evaluation, derivations among them
 *     source:<references…>    sha256:<of the NAR>               file trees added by their contents
 *     output:<output>         sha256:<of the derivation>        what derivations build
 *     output:out              sha256:<of fixed:out:…>           anything else added by its contents
 *
 * Paths and names are byte strings.
 */
import { byteDigest, decodeNix32, encodeNix32, formatPrefixedHash, hexDigest, type Hash } from "@tvix-ts/hash"
import { NAME_LENGTH_MAX, StorePathError, type StorePathProblem } from "./problem.ts"

export const STORE_DIR = "/nix/store"
export const DERIVATION_SUFFIX = ".drv"

/** How a store object is turned into the bytes that its hash is of. */
export type HashMethod =
  /** The bytes of a file. */
  | "flat"
  /** A file tree as a Nix archive. */
  | "nar"
  /** The bytes of a file, which may refer to other store paths. */
  | "text"
  /** A file tree as git hashes it. */
  | "git"

/** What is right below the store directory. */
export interface StorePath {
  /** 32 base-32 digits. */
  readonly digest: string
  readonly name: string
}

/** Bytes of a digest in a path. */
const DIGEST_LENGTH = 20
/** Digits of a digest in a path. */
const DIGEST_DIGITS = 32

/** @throws {StorePathError} if no store path may end in `name`. */
export function checkName(name: string): void {
  const problem = nameProblem(name)
  if (problem !== undefined) throw new StorePathError(problem)
}

const FOREIGN = /[^0-9A-Za-z+\-._?=]/
/** What most names are, and nothing is wrong with. */
const PLAIN = /^[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]*$/
function nameProblem(name: string): StorePathProblem | undefined {
  if (name.length <= NAME_LENGTH_MAX && PLAIN.test(name)) return undefined
  if (name === "") return { code: "name-empty" }
  if (name.length > NAME_LENGTH_MAX) return { code: "name-too-long", name }
  const dots = /^(\.\.?)(-|$)/.exec(name)
  if (dots !== null) {
    return dots[2] === "" ? { code: "name-dots", name } : { code: "name-dots-dash", name, dots: dots[1]! }
  }
  const foreign = FOREIGN.exec(name)
  return foreign === null ? undefined : { code: "name-character", name, character: foreign[0] }
}

/**
 * The path of what is described by `type` and `hash`.
 *
 * @param hash `sha256:` and hexadecimal digits
 * @throws {StorePathError} if `name` is not valid
 */
export function makeStorePath(type: string, hash: string, name: string, storeDir: string = STORE_DIR): string {
  const digest = byteDigest("sha256", `${type}:${hash}:${storeDir}:${name}`)
  const path = `${encodeNix32(fold(digest))}-${name}`
  const cause = nameProblem(name)
  if (cause !== undefined) throw new StorePathError({ code: "path-name", path, cause })
  return `${storeDir}/${path}`
}

/** A digest, a byte string, made shorter, no byte left unused. */
function fold(digest: string): Uint8Array {
  const folded = new Uint8Array(DIGEST_LENGTH)
  for (let i = 0; i < digest.length; i++) folded[i % DIGEST_LENGTH]! ^= digest.charCodeAt(i)
  return folded
}

/** The path of a file that evaluation writes. `references` are the store paths it mentions, in any order. */
export function textPath(
  name: string,
  contents: string,
  references: Iterable<string>,
  storeDir: string = STORE_DIR,
): string {
  const type = ["text", ...[...references].sort()].join(":")
  return makeStorePath(type, `sha256:${hexDigest("sha256", contents)}`, name, storeDir)
}

/** What a store object refers to. */
export interface References {
  /** Paths of other store objects, in any order. */
  readonly others: Iterable<string>
  /** Whether it refers to itself. */
  readonly self: boolean
}
const NO_REFERENCES: References = { others: [], self: false }

/**
 * The path of something added, or promised, by the hash of its contents. With the method `text`, the hash has to be a
 * SHA-256.
 *
 * @param references only texts and archives by SHA-256 may have any, and texts none to themselves
 * @throws {StorePathError}
 */
export function fixedOutputPath(
  name: string,
  method: HashMethod,
  hash: Hash,
  storeDir: string = STORE_DIR,
  references: References = NO_REFERENCES,
): string {
  const { algorithm } = hash
  if (method === "git" && algorithm !== "sha1" && algorithm !== "sha256") {
    throw new StorePathError({ code: "git-hash", algorithm })
  }
  const written = formatPrefixedHash(hash, "base16")
  const others = [...references.others].sort()
  if (method === "text") {
    if (algorithm !== "sha256") throw new StorePathError({ code: "text-hash", algorithm })
    if (references.self) throw new StorePathError({ code: "text-self-reference", name })
    return makeStorePath(["text", ...others].join(":"), written, name, storeDir)
  }
  if (method === "nar" && algorithm === "sha256") {
    const type = ["source", ...others, ...(references.self ? ["self"] : [])].join(":")
    return makeStorePath(type, written, name, storeDir)
  }
  if (references.self || others.length > 0) throw new StorePathError({ code: "fixed-output-references", name })
  const described = hexDigest("sha256", `fixed:out:${methodPrefix(method)}${written}:`)
  return makeStorePath("output:out", `sha256:${described}`, name, storeDir)
}

/** What stands before the hash algorithm where both are written as one: `r:sha256`. */
export function methodPrefix(method: HashMethod): string {
  return PREFIXES[method]
}
const PREFIXES: Readonly<Record<HashMethod, string>> = { flat: "", nar: "r:", text: "text:", git: "git:" }

/**
 * The path of one output of a derivation.
 *
 * @param hash SHA-256 modulo fixed outputs, in hexadecimal digits: derivation-hash.ts
 * @throws {StorePathError}
 */
export function outputPath(derivation: string, output: string, hash: string, storeDir: string = STORE_DIR): string {
  return makeStorePath(`output:${output}`, `sha256:${hash}`, outputName(derivation, output), storeDir)
}

/** The name in an output's path: `git`, `git-doc`. */
export function outputName(derivation: string, output: string): string {
  return output === "out" ? derivation : `${derivation}-${output}`
}

/**
 * The parts of `path`, which must be canonical.
 *
 * @throws {StorePathError} if it is not something right below the store directory
 */
export function parseStorePath(path: string, storeDir: string = STORE_DIR): StorePath {
  const slash = path.lastIndexOf("/")
  if (path.slice(0, slash) !== storeDir) throw new StorePathError({ code: "path-elsewhere", path: `"${path}"` })
  return parseStorePathBase(path.slice(slash + 1))
}

/**
 * The parts of `<digest>-<name>`.
 *
 * @throws {StorePathError}
 */
export function parseStorePathBase(base: string): StorePath {
  if (base.length < DIGEST_DIGITS + 1) throw new StorePathError({ code: "path-too-short", path: base })
  const digest = base.slice(0, DIGEST_DIGITS)
  const foreign = /[^0-9a-df-np-sv-z]/.exec(digest)
  if (foreign !== null) throw new StorePathError({ code: "path-digit", path: base, character: foreign[0] })
  // C++ Nix does not look at what is between the two.
  const name = base.slice(DIGEST_DIGITS + 1)
  const cause = nameProblem(name)
  if (cause !== undefined) throw new StorePathError({ code: "path-name", path: base, cause })
  return { digest, name }
}

/** The path with the store directory before it. */
export function formatStorePath(path: StorePath, storeDir: string = STORE_DIR): string {
  return `${storeDir}/${storePathBase(path)}`
}

/** What is below the store directory: `<digest>-<name>`. It is also what store paths are sorted by. */
export function storePathBase({ digest, name }: StorePath): string {
  return `${digest}-${name}`
}

/** The 20 bytes of the digest in a path. */
export function storePathDigest({ digest }: StorePath): Uint8Array {
  return decodeNix32(digest)!
}

/**
 * The inverse of {@link storePathDigest}.
 *
 * @throws {StorePathError} if `name` is not valid, or the digest has not 20 bytes
 */
export function storePathOf(digest: Uint8Array, name: string): StorePath {
  if (digest.length !== DIGEST_LENGTH) throw new StorePathError({ code: "digest-length", length: digest.length })
  checkName(name)
  return { digest: encodeNix32(digest), name }
}
