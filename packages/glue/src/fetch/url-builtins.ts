/** `fetchurl` and `fetchTarball`: what a URL leads to, in the store. */
import { AttrSet, type Evaluation, type Forced, type Value } from "@tvix-ts/eval"
import { any, builtin, makeString, type Task } from "@tvix-ts/eval/builtins"
import { equal } from "@tvix-ts/bytes"
import { formatPrefixedHash, type Hash } from "@tvix-ts/hash"
import { checkName, fixedOutputPath, StorePathError } from "@tvix-ts/nix-compat"
import { forceAs, PLAIN_STRING } from "../force.ts"
import { promisedHash } from "../hashes.ts"
import { checked, refuse } from "../problems.ts"
import { asked, type Fetching } from "./ask.ts"
import { resolvePseudoUrl, shownUrl } from "./uri.ts"

interface Arguments {
  readonly url: string
  /** Undefined if there is none, or an empty one. */
  readonly name: string | undefined
  readonly expected: Hash | undefined
  /** What to do if no store path may have the name. */
  readonly nameAdvice: string
}

interface Kind {
  readonly who: "fetchurl" | "fetchTarball"
  readonly method: "flat" | "nar"
}

export function fetchUrl(fetching: Fetching) {
  return builtin({
    name: "fetchurl",
    params: [any("arg")],
    doc: "Downloads a file into the store: `fetchurl url`, or `fetchurl { url = …; name = …; sha256 = …; }`.",
    *run(argument) {
      const given = yield* argumentsOf(this, argument, "fetchurl")
      return yield* fetched(this, fetching, given, { who: "fetchurl", method: "flat" })
    },
  })
}

export function fetchTarball(fetching: Fetching) {
  return builtin({
    name: "fetchTarball",
    global: "name",
    params: [any("args")],
    doc: "Downloads and unpacks an archive into the store. A folder around all of it is left out.",
    *run(argument) {
      const given = yield* argumentsOf(this, argument, "fetchTarball")
      const url = resolvePseudoUrl(given.url)
      const name = given.name ?? "source"
      return yield* fetched(this, fetching, { ...given, url, name }, { who: "fetchTarball", method: "nar" })
    },
  })
}

function* argumentsOf(evaluation: Evaluation, argument: Forced, who: Kind["who"]): Task<Arguments> {
  const urlDoing = "while evaluating the url we should fetch"
  if (!(argument instanceof AttrSet)) {
    const nameAdvice = `Please pass an attribute set with 'url' and 'name' attributes to '${who}',  so that it can create a valid store path.`
    const url = yield* forceAs(argument as Value, PLAIN_STRING, urlDoing)
    return { url, name: undefined, expected: undefined, nameAdvice }
  }
  let url: string | undefined
  let name: string | undefined
  let expected: Hash | undefined
  for (const [key, value, at] of argument.entries()) {
    switch (key) {
      case "url":
        url = yield* forceAs(value, PLAIN_STRING, urlDoing, at)
        break
      case "name":
        name = yield* forceAs(value, PLAIN_STRING, "while evaluating the name of the content we should fetch", at)
        break
      case "sha256": {
        const doing = "while evaluating the sha256 of the content we should fetch"
        expected = promisedHash(evaluation, yield* forceAs(value, PLAIN_STRING, doing, at), "sha256")
        break
      }
      default:
        refuse(`unsupported argument '${key}' to '${who}'`)
    }
  }
  if (url === undefined) return refuse("'url' argument required")
  const nameAdvice =
    name === undefined
      ? `Please add a valid 'name' attribute to the argument for '${who}', so that it can create a valid store path.`
      : `Please change the value for the 'name' attribute passed to '${who}', so that it can create a valid store path.`
  return { url, name: name === "" ? undefined : name, expected, nameAdvice }
}

function* fetched(
  evaluation: Evaluation,
  { fetcher, store, check }: Fetching,
  given: Arguments,
  { who, method }: Kind,
): Task {
  const { url, expected } = given
  check(url)
  const shown = shownUrl(url)
  const name = given.name ?? lastPart(shown)
  try {
    checkName(name)
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    refuse(`invalid store path name when fetching URL '${shown}': ${error.message}. ${given.nameAdvice}`)
  }
  if (evaluation.options.pure === true && expected === undefined) {
    refuse(`in pure evaluation mode, '${who}' requires a 'sha256' argument`)
  }
  if (expected !== undefined) {
    const promised = checked(() => fixedOutputPath(name, method, expected))
    if (yield* evaluation.ask(() => store.isValid(promised))) {
      store.admit(promised)
      return makeString(promised, new Set([promised]))
    }
  }
  const { path, hash } = yield* asked(evaluation, () =>
    who === "fetchurl" ? fetcher.file({ url, name }) : fetcher.tarball({ url, name }),
  )
  if (expected !== undefined && !equal(hash.digest, expected.digest)) {
    const [specified, got] = [expected, hash].map((each) => formatPrefixedHash(each, "nix32"))
    refuse(`hash mismatch in file downloaded from '${shown}':\n  specified: ${specified}\n  got:       ${got}`)
  }
  store.admit(path)
  return makeString(path, new Set([path]))
}

/** As `baseNameOf` has it: one slash at the end does not count. */
function lastPart(url: string): string {
  return /([^/]*)\/?$/.exec(url)![1]!
}
