import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { digestLength, hash, type Hash, type HashAlgorithm } from "@tvix-ts/hash"
import fc from "fast-check"
import {
  ContentAddressError,
  contentAddressPath,
  formatContentAddress,
  parseContentAddress,
  StorePathError,
  textPath,
  type ContentAddress,
  type HashMethod,
  type References,
} from "./index.ts"

const of = (algorithm: HashAlgorithm, text: string): Hash => ({ algorithm, digest: hash(algorithm, utf8(text)) })
/** libstore-tests/data/common-protocol/content-address.bin of C++ Nix 2.26. */
const WRITTEN: readonly [ContentAddress, string][] = [
  [
    { method: "text", hash: of("sha256", "Derive(...)") },
    "text:sha256:1vb2xd67750jrvqgykxrf5ipl3h1q57sxc57q5nzjw56bqp3sxzr",
  ],
  [{ method: "flat", hash: of("sha1", "blob blob...") }, "fixed:sha1:1amk6n7wxjlw4qkq6dcj6mm7hw3acrw0"],
  [
    { method: "nar", hash: of("sha256", "(...)") },
    "fixed:r:sha256:1lr187v6dck1rjh2j6svpikcfz53wyl3qrlcbb405zlh13x0khhh",
  ],
]

describe("content addresses", () => {
  for (const [address, text] of WRITTEN) {
    test(text, () => {
      assert.equal(formatContentAddress(address), text)
      assert.deepEqual(parseContentAddress(text), address)
    })
  }

  test("are read back", () => {
    const algorithm = fc.constantFrom<HashAlgorithm>("md5", "sha1", "sha256", "sha512", "blake3")
    const hashes = algorithm.chain((one) =>
      fc
        .uint8Array({ minLength: digestLength[one], maxLength: digestLength[one] })
        .map((digest) => ({ algorithm: one, digest })),
    )
    fc.assert(
      fc.property(fc.constantFrom<HashMethod>("flat", "nar", "git", "text"), hashes, (method, one) => {
        fc.pre(method !== "text" || one.algorithm === "sha256")
        const address = { method, hash: one }
        assert.deepEqual(parseContentAddress(formatContentAddress(address)), address)
      }),
    )
  })

  const bad: [text: string, code: string][] = [
    ["", "form"],
    ["text", "form"],
    ["source:sha256:x", "prefix"],
    ["fixed:", "hash-form"],
    ["fixed:r:sha256", "hash-form"],
    ["fixed:r:r:sha256:x", "hash"],
    ["fixed:sha0:x", "hash"],
    ["fixed:sha1:1amk6n7wxjlw4qkq6dcj6mm7hw3acrw", "hash"],
    ["fixed:sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "hash-form"],
    ["text:r:sha256:1lr187v6dck1rjh2j6svpikcfz53wyl3qrlcbb405zlh13x0khhh", "hash"],
    ["text:sha1:1amk6n7wxjlw4qkq6dcj6mm7hw3acrw0", "text-hash"],
  ]
  for (const [text, code] of bad) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseContentAddress(text),
        (error) => error instanceof ContentAddressError && error.problem.code === code,
      )
    })
  }
})

describe("the path that a content address gives", () => {
  const archive = { method: "nar", hash: of("sha256", "(...)") } as const
  const bar = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar"

  test("with references, to itself too", () => {
    // libstore-tests/data/path-info/pure.json of C++ Nix 2.26.
    const path = contentAddressPath("foo", archive, { others: [bar], self: true })
    assert.equal(path, "/nix/store/n5wkd9frr45pa74if5gpz9j7mifg27fh-foo")
  })
  test("of a text", () => {
    const contents = { method: "text", hash: of("sha256", "hi") } as const
    assert.equal(contentAddressPath("x", contents, { others: [bar], self: false }), textPath("x", "hi", [bar]))
  })
  test("in another store", () => {
    assert.match(contentAddressPath("x", archive, undefined, "/other"), /^\/other\/[0-9a-z]{32}-x$/)
    assert.notEqual(
      contentAddressPath("x", archive, undefined, "/other").slice(6),
      contentAddressPath("x", archive).slice(10),
    )
  })

  const refused: [ContentAddress, References, code: string][] = [
    [{ method: "text", hash: of("sha256", "") }, { others: [], self: true }, "text-self-reference"],
    [{ method: "flat", hash: of("sha256", "") }, { others: [bar], self: false }, "fixed-output-references"],
    [{ method: "nar", hash: of("sha1", "") }, { others: [], self: true }, "fixed-output-references"],
    [{ method: "git", hash: of("md5", "") }, { others: [], self: false }, "git-hash"],
  ]
  for (const [address, references, code] of refused) {
    test(`refuses ${address.method} ${address.hash.algorithm}: ${code}`, () => {
      assert.throws(
        () => contentAddressPath("x", address, references),
        (error) => error instanceof StorePathError && error.problem.code === code,
      )
    })
  }
})
