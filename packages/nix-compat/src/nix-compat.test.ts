import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf, encodeHex } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import fc from "fast-check"
import {
  checkName,
  derivationHashes,
  derivationPath,
  DerivationError,
  fixedOutputPath,
  instantiate,
  formatStorePath,
  makeStorePath,
  outputKind,
  parseStorePath,
  parseStorePathBase,
  storePathBase,
  storePathDigest,
  StorePathError,
  storePathOf,
  textPath,
  writeAterm,
  type Derivation,
  type DerivationOutput,
  type HashMethod,
} from "./index.ts"
import { BARE, noInputs } from "./testing/derivations.ts"

const EMPTY_DIGESTS = {
  md5: hash("md5", new Uint8Array()),
  sha1: hash("sha1", new Uint8Array()),
  sha256: hash("sha256", new Uint8Array()),
  sha512: hash("sha512", new Uint8Array()),
} as const

describe("names", () => {
  const good = ["x", ".a", "...", "...-a", "a-.", "+-._?=09azAZ", "a".repeat(211)]
  for (const name of good) test(name.slice(0, 20), () => checkName(name))

  const bad: [name: string, code: string, message: string | undefined][] = [
    ["", "name-empty", "name must not be empty"],
    ["a".repeat(212), "name-too-long", `name '${"a".repeat(212)}' must be no longer than 211 characters`],
    [".", "name-dots", "name '.' is not valid"],
    ["..", "name-dots", "name '..' is not valid"],
    [".-a", "name-dots-dash", "name '.-a' is not valid: first dash-separated component must not be '.'"],
    ["..-a", "name-dots-dash", "name '..-a' is not valid: first dash-separated component must not be '..'"],
    ["x y", "name-character", "name 'x y' contains illegal character ' '"],
    ["x/y", "name-character", "name 'x/y' contains illegal character '/'"],
    ["x\n", "name-character", "name 'x\n' contains illegal character '\n'"],
  ]
  for (const [name, code, message] of bad) {
    test(JSON.stringify(name.slice(0, 20)), () => {
      assert.throws(
        () => checkName(name),
        (error) => error instanceof StorePathError && error.problem.code === code && error.message === message,
      )
    })
  }
})

describe("store paths", () => {
  // Made by C++ Nix 2.34.8.
  test("of texts", () => {
    assert.equal(textPath("greeting", "hello", []), "/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting")
    const references = [textPath("u", "k", []), textPath("b", "", [])]
    assert.equal(textPath("z", "", references), textPath("z", "", references.toReversed()))
    assert.notEqual(textPath("z", "", references), textPath("z", "", []))
  })

  const fixed: [HashMethod, keyof typeof EMPTY_DIGESTS, string][] = [
    ["flat", "md5", "/nix/store/v4hm49i7f7fmjvrmdcda7qrcizb2ckkn-x"],
    ["flat", "sha1", "/nix/store/mn86j4m8ccag3fxbjcnn16ka4mdx7i1y-x"],
    ["flat", "sha256", "/nix/store/9zicq1m4wy4bv50xa4l1jk4kpyy41kih-x"],
    ["flat", "sha512", "/nix/store/v4gwl84bl3yzlhjakfayjh37ghhhsk2f-x"],
    ["nar", "md5", "/nix/store/5mh18rriswsyfzklzh6cg20cahb1bywz-x"],
    ["nar", "sha1", "/nix/store/dii4qkmn9kdb6ziy6psgldkwa3k3gyia-x"],
    ["nar", "sha256", "/nix/store/d6q30mlzfljh7ha1b1m6fnifi34qr99p-x"],
    ["nar", "sha512", "/nix/store/0j73mv0f8ypnqzs43gfs7vffxwhsyv4f-x"],
  ]
  for (const [method, algorithm, path] of fixed) {
    test(`of fixed outputs: ${method} ${algorithm}`, () => {
      assert.equal(fixedOutputPath("x", method, { algorithm, digest: EMPTY_DIGESTS[algorithm] }), path)
    })
  }

  test("of git trees, by two algorithms only", () => {
    const md5 = { algorithm: "md5", digest: EMPTY_DIGESTS.md5 } as const
    assert.throws(() => fixedOutputPath("x", "git", md5), /^StorePathError: Git file ingestion must use SHA-1/)
  })

  test("are read back", () => {
    const name = fc.stringMatching(/^[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]{0,100}$/)
    fc.assert(
      fc.property(name, fc.string(), (one, type) => {
        const path = makeStorePath(type, "sha256:", one)
        const parsed = parseStorePath(path)
        assert.deepEqual(parsed, { digest: path.slice(11, 43), name: one })
        assert.equal(formatStorePath(parsed), path)
        assert.deepEqual(parseStorePathBase(storePathBase(parsed)), parsed)
        assert.deepEqual(storePathOf(storePathDigest(parsed), one), parsed)
        assert.equal(storePathDigest(parsed).length, 20)
      }),
    )
  })

  const bad: [path: string, code: string][] = [
    ["/nix/store", "path-elsewhere"],
    ["/nix/store/a/b", "path-elsewhere"],
    ["/tmp/5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting", "path-elsewhere"],
    ["/nix/store/short", "path-too-short"],
    ["/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hse-greeting", "path-digit"],
    ["/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-", "path-name"],
    ["/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-a b", "path-name"],
  ]
  for (const [path, code] of bad) {
    test(path, () => {
      assert.throws(
        () => parseStorePath(path),
        (error) => error instanceof StorePathError && error.problem.code === code,
      )
    })
  }
})

test("a digest has 20 bytes", () => {
  assert.throws(() => storePathOf(new Uint8Array(32), "x"), StorePathError)
})

describe("derivations", () => {
  test("as C++ Nix 2.34.8 writes them", () => {
    const env = new Map([
      ["system", "s"],
      ["builder", "/bin/sh"],
      ["outputs", "out dev"],
      ["name", "x"],
    ])
    const outputs = new Map<string, DerivationOutput>([
      ["out", { kind: "deferred" }],
      ["dev", { kind: "deferred" }],
    ])
    const derivation = instantiate({ ...BARE, env, outputs }, noInputs).derivation
    assert.equal(
      writeAterm(derivation),
      'Derive([("dev","/nix/store/39h3dhcdf7n4a3bkyyljkw75gcklfk5w-x-dev","",""),' +
        '("out","/nix/store/8y3baggy3zqp302vklhagnlahj10cp93-x","","")],[],[],"s","/bin/sh",[],' +
        '[("builder","/bin/sh"),("dev","/nix/store/39h3dhcdf7n4a3bkyyljkw75gcklfk5w-x-dev"),("name","x"),' +
        '("out","/nix/store/8y3baggy3zqp302vklhagnlahj10cp93-x"),("outputs","out dev"),("system","s")])',
    )
    assert.equal(derivationPath(derivation), "/nix/store/cxdd2z9lv7rhi297gq9p001yl146hs47-x.drv")
  })

  test("escapes, and bytes that are none of our business", () => {
    const args = ['"', "\\", "\n\r\t", "$'\0\x7f\xff", byteStringOf("é")]
    const written = writeAterm({ ...BARE, args, structuredAttrs: '{"a":1}', env: new Map([['"', "\n"]]) })
    assert.equal(
      written,
      'Derive([("out","","","")],[],[],"s","/bin/sh",["\\"","\\\\","\\n\\r\\t","$\'\0\x7f\xff","\xc3\xa9"],' +
        '[("\\"","\\n"),("__json","{\\"a\\":1}")])',
    )
  })

  const sha256 = { algorithm: "sha256", digest: EMPTY_DIGESTS.sha256 } as const
  const kinds: [DerivationOutput, written: string][] = [
    [{ kind: "fixed", path: "/p", method: "nar", hash: sha256 }, `"/p","r:sha256","${encodeHex(sha256.digest)}"`],
    [{ kind: "floating", method: "text", algorithm: "sha256" }, '"","text:sha256",""'],
    [{ kind: "impure", method: "flat", algorithm: "sha512" }, '"","sha512","impure"'],
  ]
  for (const [output, written] of kinds) {
    test(`an output that is ${output.kind}`, () => {
      const derivation = { ...BARE, outputs: new Map([["out", output]]) }
      assert.ok(writeAterm(derivation).startsWith(`Derive([("out",${written})]`), writeAterm(derivation))
      assert.equal(derivationHashes(derivation, noInputs).deferred, output.kind !== "fixed")
    })
  }

  test("where a download comes from changes nothing that is built with it", () => {
    const path = fixedOutputPath("src", "flat", sha256)
    const paths = ["a", "b"].map((url) => {
      const source: Derivation = {
        ...BARE,
        name: "src",
        outputs: new Map([["out", { kind: "fixed", path, method: "flat", hash: sha256 }]]),
        env: new Map([["url", url]]),
      }
      const user = { ...BARE, inputDerivations: new Map([[derivationPath(source), new Set(["out"])]]) }
      return instantiate(user, () => derivationHashes(source, noInputs)).derivation.env.get("out")
    })
    assert.equal(paths[0], paths[1])
  })

  test("what depends on an output that is not known is not known", () => {
    const floating = new Map<string, DerivationOutput>([
      ["out", { kind: "floating", method: "nar", algorithm: "sha256" }],
    ])
    const user = { ...BARE, inputDerivations: new Map([["/i.drv", new Set(["out"])]]) }
    const found = instantiate(user, () => derivationHashes({ ...BARE, outputs: floating }, noInputs)).derivation
    assert.deepEqual(found.outputs.get("out"), { kind: "deferred" })
  })

  const deferred = { kind: "deferred" } as const
  const fixedOutput = { kind: "fixed", path: "/p", method: "flat", hash: sha256 } as const
  const floating = (algorithm: "sha1" | "sha256") => ({ kind: "floating", method: "flat", algorithm }) as const
  const bad: [outputs: [string, DerivationOutput][], code: string][] = [
    [[], "outputs-missing"],
    [[["out", deferred], ["b", fixedOutput]], "outputs-mixed"],
    [[["out", fixedOutput], ["b", fixedOutput]], "fixed-outputs-many"],
    [[["dev", fixedOutput]], "fixed-output-name"],
    [[["a", floating("sha1")], ["b", floating("sha256")]], "floating-algorithms"],
  ] // prettier-ignore
  for (const [outputs, code] of bad) {
    test(code, () => {
      assert.throws(
        () => outputKind({ outputs: new Map(outputs) }),
        (error) => error instanceof DerivationError && error.problem.code === code,
      )
    })
  }
  test("json-variable", () => {
    assert.throws(() => writeAterm({ ...BARE, env: new Map([["__json", ""]]) }), DerivationError)
  })
  test("no-output-hash", () => {
    const user = { ...BARE, inputDerivations: new Map([["/i.drv", new Set(["nope"])]]) }
    const message = "no hash for output 'nope' of derivation 'x'"
    assert.throws(() => derivationHashes(user, () => derivationHashes(BARE, noInputs)), { message })
  })
})
