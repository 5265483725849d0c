/** Derivations with something wrong, and what both implementations say of them. */
import { Random } from "../random.ts"
import type { Reply } from "../side-by-side/repl.ts"
import { generateChain } from "./generate.ts"

const HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

/** Attributes that replace those of a valid derivation; `null` takes one away. Most are wrong, alone or together. */
const FAULTS: readonly Readonly<Record<string, string | null>>[] = [
  ...[
    '""', '"."', '".."', '".-a"', '"..-a"', '"a b"', '"a/b"', '"a\\nb"', '"é"', '"a~"', '"a.drv"', "1", "null", "[ ]", "{ }",
    '"${d0}"', "(x: x)", "./files", '(throw "no name")', '{ outPath = "x"; }', '{ __toString = x: "x"; }',
    `"${"n".repeat(207)}"`, `"${"n".repeat(208)}"`, `"${"n".repeat(211)}"`, `"${"n".repeat(212)}"`, "(1 + true)", '"\\u0000"',
  ].map((name) => ({ name })),
  { name: null },
  { system: null },
  { builder: null },
  { system: '""' },
  { builder: '""' },
  ...["1", "{ }", '"${d0}"', "null", "(x: x)", '[ "a" ]', "true", "1.5"].flatMap((value) => [
    { system: value },
    { builder: value },
    { outputHash: value, outputHashAlgo: '"sha256"' },
    { outputHashAlgo: value, outputHash: `"${HASH}"` },
    { outputHashMode: value, outputHash: `"${HASH}"` },
    { outputs: value },
    { args: value },
    { __structuredAttrs: value },
    { __ignoreNulls: value },
    { __contentAddressed: value },
    { __impure: value },
    { __json: value },
    { anything: value },
  ]),
  ...[
    '[ "out" "out" ]', '[ "a" "b" "a" ]', '[ "drvPath" ]', '[ "drv" ]', "[ ]", '""', '" "', '[ "a b" ]', '[ "a/b" ]', '[ "" ]',
    '[ "é" ]', '[ "out" "." ]', '[ "." ]', '[ ".." ]', '[ "name" ]', '[ "all" ]', '[ "type" ]', "[ 1 ]", "[ null ]",
    '[ "${d0}" ]', '[ "out" [ "dev" ] ]', '"out out"', '[ "out!dev" ]', '[ "outPath" ]', `[ "${"o".repeat(212)}" ]`,
    '[ "^" ]', '[ "*" ]',
  ].map((outputs) => ({ outputs })),
  { outputs: '[ "dev" ]', outputHash: `"${HASH}"` },
  { outputs: '[ "out" "dev" ]', outputHash: `"${HASH}"` },
  ...[
    '"x"', '"sha256:x"', '"sha256-x"', '"md5-x"', '"foo:abc"', '"foo-abc"', '"sha256:"', '"sha256-"', '"sha1:"', '"-"', '":"',
    '"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"', '"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="',
    '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"', '"sha256-!!DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="',
    '"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"', `"${"0".repeat(52)}"`, `"${"e".repeat(52)}"`,
    `"${"z".repeat(52)}"`, '"d41d8cd98f00b204e9800998ecf8427e"', '"md5:d41d8cd98f00b204e9800998ecf8427e"',
    '"blake3:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"', `" ${HASH}"`, `"${HASH} "`, `"${HASH}?x"`,
    '"sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="', '"sha256-é"', '""', '"SHA256:x"',
  ].flatMap((outputHash) => [
    { outputHash },
    { outputHash, outputHashAlgo: '"sha256"' },
    { outputHash, outputHashAlgo: '"md5"' },
    { outputHash, outputHashAlgo: '"sha1"', outputHashMode: '"recursive"' },
    { outputHash, outputHashAlgo: '"foo"' },
    { outputHash, outputHashAlgo: '""' },
    { outputHash, outputHashAlgo: '"blake3"' },
  ]),
  ...['"x"', '""', '"Flat"', '"text"', '"git"', '"nar "', '"recursive"'].flatMap((outputHashMode) => [
    { outputHashMode, outputHash: `"${HASH}"` },
    { outputHashMode },
    { outputHashMode, outputHash: `"${HASH}"`, __structuredAttrs: "true" },
  ]),
  { __contentAddressed: "true" },
  { __impure: "true" },
  { __contentAddressed: "true", __impure: "true" },
  { __contentAddressed: "true", outputHash: `"${HASH}"` },
  ...['"x"', '"[ ]"', '"{"', '"{}x"', '"1"', '"null"', '"{\\"a\\":1,}"', '""', '"{ \\"a\\": NaN }"'].flatMap((__json) => [
    { __json },
    { __json, __structuredAttrs: "true" },
  ]),
  ...['[ (throw "x") ]', "[ { } ]", "[ (x: x) ]", "[ [ (abort \"x\") ] ]", '[ "${d0}" 1 null ]', "[ ./nowhere ]"].flatMap((args) => [
    { args },
    { anything: args },
    { anything: args, __structuredAttrs: "true" },
  ]),
  ...[
    '(throw "evaluated")', "(assert false; 1)", "{ a = 1; }", "{ outPath = 1; }", "{ outPath = { }; }", "(x: x)", "builtins.add",
    "{ __toString = 1; }", "{ __toString = x: 1; }", "./nowhere", "./nowhere.drv", "<nowhere>", '"${./nowhere}"', "[ { a = 1; } ]",
    '(builtins.toFile "x" "${d0}")', '(builtins.toFile "a b" "")', "(builtins.toFile 1 \"\")",
    '(builtins.toFile "${d0}" "")', '(builtins.toFile "x" d0)', '(builtins.toFile "x" d0.drvPath)', '(builtins.toFile "" "")',
    '(builtins.path { path = ./nowhere; })', "(builtins.path { })", '(builtins.path { path = ./files; name = "a b"; })',
    "(builtins.path { path = ./files; recursive = false; })", "(builtins.path { path = ./files; filter = 1; })",
    "(builtins.path { path = ./files; filter = p: t: 1; })", '(builtins.path { path = ./files; sha256 = "x"; })',
    `(builtins.path { path = ./files; sha256 = "${HASH}"; })`, "(builtins.path { path = ./files; foo = 1; })",
    "(builtins.path { path = 1; })", '(builtins.path { path = "files"; })', "(builtins.path ./files)",
    "(builtins.filterSource 1 ./files)", "(builtins.filterSource (p: t: t) ./files)", "(builtins.filterSource (p: t: true) ./nowhere)",
    "(builtins.placeholder 1)", '(builtins.placeholder "${d0}")',
    "(builtins.storePath ./files)", '(builtins.storePath "/nix/store/x")', "(builtins.storePath 1)",
    '(builtins.appendContext "x" { "/nix/store/x" = { }; })', '(builtins.appendContext "x" { a = 1; })',
    '(builtins.appendContext "x" { "${builtins.unsafeDiscardStringContext d0.drvPath}" = { outputs = [ "nope" ]; }; })',
    '(builtins.appendContext "x" { "${builtins.unsafeDiscardStringContext d0.drvPath}" = { outputs = [ 1 ]; }; })',
    '(builtins.addDrvOutputDependencies "x")', "(builtins.addDrvOutputDependencies d0.outPath)",
    '(builtins.addDrvOutputDependencies "${d0} ${d0.drvPath}")', "(builtins.addDrvOutputDependencies \"${./files}\")",
    "(builtins.addDrvOutputDependencies 1)", "(builtins.getContext 1)", "(builtins.unsafeDiscardOutputDependency 1)",
    "(builtins.hasContext { })", "{ a.b = [ (x: x) ]; }", '{ "${d0}" = 1; }', 
    "d0.nope", '(d0 // { outPath = throw "x"; })', "(1.0e400)",
  ].flatMap((anything) => [{ anything }, { anything, __structuredAttrs: "true" }, { args: `[ ${anything} ]` }]),
] // prettier-ignore

/** A program, on one line, whose value is a string if nothing is wrong with it after all. */
export function generateInvalid(seed: number): string {
  const random = new Random(seed)
  const chain = generateChain(seed, 1)
  const attributes = new Map<string, string>([
    ["name", '"x"'],
    ["system", '"x86_64-linux"'],
    ["builder", '"/bin/sh"'],
  ])
  // The first so many seeds are every fault by itself.
  const faults = seed <= FAULTS.length ? [FAULTS[seed - 1]!] : [random.pick(FAULTS), random.pick(FAULTS)]
  for (const fault of faults) {
    for (const [name, value] of Object.entries(fault)) {
      if (value === null) attributes.delete(name)
      else attributes.set(name, value)
    }
  }
  if (seed > FAULTS.length && random.chance(0.3)) attributes.set("__structuredAttrs", "true")
  const written = [...attributes].map(([name, value]) => `${name} = ${value};`).join(" ")
  const what = random.pick(["derivation", "derivation", "builtins.derivationStrict"])
  return `let d0 = ${chain.derivations[0]!.expression}; in (${what} { ${written} }).drvPath`
}

/** How many programs are one fault each. */
export const FAULT_COUNT = FAULTS.length

/** What of the two replies differs, as text: the message, or the places of it and of the trace. */
export function compareProblems(our: Reply, their: Reply): string | undefined {
  const [ourText, theirText] = [summary(our), summary(their)]
  return ourText === theirText ? undefined : `ours:    ${ourText}\nC++ Nix: ${theirText}\n`
}

function summary(reply: Reply): string {
  if ("value" in reply) return reply.value
  const [message = ""] = reply.error.trim().split("\n")
  // Places in files are those of the definition of `derivation`, which is ours.
  const places = [...reply.trace.matchAll(/at «string»:(\d+:\d+)|at \xc2\xabstring\xc2\xbb:(\d+:\d+)/g)]
  return `error: ${message} at ${places.map(([, bytes, text]) => bytes ?? text).join(", ")}`
}
