/** Hashes. */
import {
  encodeNix32,
  formatHash,
  HashError,
  hashByteString,
  hexDigest,
  parseHash,
  parseHashAlgorithm,
  parseHashFormat,
  type HashAlgorithm,
} from "@tvix-ts/hash"
import type { AttrSet } from "../attrs.ts"
import { coerceToPath, ContextBuilder } from "../coerce.ts"
import { fail, Failure } from "../problem.ts"
import { bytesOfString, isString, type Forced } from "../value.ts"
import { asFailure, type Task } from "../vm/machine.ts"
import { attrs, builtin, lazy, plainString, refersToStore } from "./define.ts"
import { withString } from "./native.ts"

/** Runs `work`; what is wrong with a written hash is the program's problem. */
function hashing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof HashError) return fail({ code: "invalid-argument", message: error.message })
    throw error
  }
}

function allow(algorithm: HashAlgorithm): void {
  if (algorithm !== "blake3") return
  const feature = "blake3-hashes"
  const message = `experimental Nix feature '${feature}' is disabled; add '--extra-experimental-features ${feature}' to enable it`
  fail({ code: "invalid-argument", message })
}

function algorithmOf(name: string): HashAlgorithm {
  const algorithm = hashing(() => parseHashAlgorithm(name))
  allow(algorithm)
  return algorithm
}

export const hashBuiltins = [
  builtin({
    name: "hashString",
    params: [plainString("type"), lazy("s")],
    doc: 'The hash of a string in hexadecimal digits, by `"md5"`, `"sha1"`, `"sha256"` or `"sha512"`.',
    native(name, value) {
      const algorithm = algorithmOf(name)
      return withString(value, "while evaluating the second argument passed to builtins.hashString", (text) => {
        return hexDigest(algorithm, bytesOfString(text))
      })
    },
  }),
  builtin({
    name: "hashFile",
    params: [plainString("type"), lazy("path")],
    doc: "The hash of a file's bytes in hexadecimal digits, by the same algorithms as `hashString`.",
    *run(name, value) {
      const algorithm = algorithmOf(name)
      const path = (yield coerceToPath(value, "while realising the context of a path", new ContextBuilder())) as string
      return hexDigest(algorithm, yield* this.ask(() => this.io.readFile(path)))
    },
  }),
  builtin({
    name: "convertHash",
    params: [attrs("args")],
    doc:
      'A hash in another notation: `convertHash { hash = "sha256:…"; toHashFormat = "sri"; }`. Formats are `"base16"`, ' +
      '`"nix32"`, `"base64"` and `"sri"`; a hash that does not name its algorithm needs `hashAlgo`, too.',
    *run(args) {
      const text = yield* stringIn(args, "hash")
      const name = args.has("hashAlgo") ? yield* stringIn(args, "hashAlgo") : undefined
      const algorithm = name === undefined ? undefined : algorithmOf(name)
      const format = yield* stringIn(args, "toHashFormat")
      if (format === "base32") this.say("notice", '"base32" is a deprecated alias for hash format "nix32".')
      const to = hashing(() => parseHashFormat(format))
      return hashing(() => formatHash(parseHash(text, algorithm, allow), to))
    },
  }),
  builtin({
    name: "placeholder",
    global: "name",
    params: [plainString("output")],
    doc: 'What stands for the path of a derivation\'s output, such as `"out"`, until it is built.',
    run: (output) => `/${encodeNix32(hashByteString("sha256", `nix-output:${output}`))}`,
  }),
]

/** The string without a context that has to be in `set`. */
function* stringIn(set: AttrSet, name: string): Task<string> {
  const attribute = set.get(name)
  if (attribute === undefined) {
    // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
    throw new Failure({ code: "attribute-missing", name, known: [] }).traced(
      0,
      `while locating the attribute '${name}'`,
    )
  }
  try {
    const value = (yield attribute) as Forced
    if (typeof value === "string") return value
    return fail(isString(value) ? refersToStore(value) : { code: "type-error", expected: "a string", found: value })
  } catch (problem) {
    throw asFailure(problem).traced(0, `while evaluating the attribute '${name}'`)
  }
}
