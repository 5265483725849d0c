import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { JsonError, parsePathInfoJson, pathInfoJson, storePathBase, type DescribedPath } from "./index.ts"
import { contentAddresses, sha256s, storePaths } from "./testing/store-paths.ts"

const word = fc.stringMatching(/^[ -~]{1,20}$/)
const paths: fc.Arbitrary<DescribedPath> = fc.record(
  {
    narHash: sha256s,
    narSize: fc.maxSafeNat(),
    references: fc
      .array(storePaths, { maxLength: 4 })
      .map((list) => list.sort((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1))),
    contentAddress: contentAddresses,
    impure: fc.record(
      {
        deriver: storePaths,
        registrationTime: fc.maxSafeNat(),
        ultimate: fc.boolean(),
        signatures: fc.uniqueArray(word, { maxLength: 3 }).map((list) => list.sort()),
        url: word,
        compression: word,
        downloadHash: sha256s,
        downloadSize: fc.maxSafeNat(),
      },
      { requiredKeys: ["ultimate", "signatures"], noNullPrototype: true },
    ),
  },
  { requiredKeys: ["narHash", "narSize", "references"], noNullPrototype: true },
)

const HASH = "sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc="
const json = (more: object): string => JSON.stringify({ narHash: HASH, narSize: 1, references: [], ...more })

describe("path infos as JSON", () => {
  // `npm run store-vectors` compares with C++ Nix's own.
  test("are read back", () => {
    fc.assert(
      fc.property(paths, (path) => assert.deepEqual(parsePathInfoJson(JSON.stringify(pathInfoJson(path))), path)),
    )
  })
  test("the members are sorted", () => {
    const path = parsePathInfoJson(json({ ultimate: true, url: "a", compression: "b" }))
    assert.deepEqual(
      Object.keys(pathInfoJson(path)).join(" "),
      "ca compression deriver narHash narSize references registrationTime signatures ultimate url",
    )
  })
  test("of old, without content address", () => {
    assert.ok(!("contentAddress" in parsePathInfoJson(json({}))))
    assert.ok(!("impure" in parsePathInfoJson(json({ ca: null, deriver: null }))))
  })

  const bad: [more: object, at: string][] = [
    [{ narHash: null }, "narHash"],
    [{ narHash: "sha256-x" }, "narHash"],
    [{ narHash: "sha1-DGQvmZKoYmGX8EwAwbtz2PAXnJA=" }, "narHash"],
    [{ narSize: -1 }, "narSize"],
    [{ narSize: "1" }, "narSize"],
    [{ references: {} }, "references"],
    [{ references: ["/nix/store/a"] }, "references[0]"],
    [{ ca: "x" }, "ca"],
    [{ deriver: 1 }, "deriver"],
    [{ registrationTime: 0.5 }, "registrationTime"],
    [{ ultimate: 1 }, "ultimate"],
    [{ signatures: ["a", 1] }, "signatures[1]"],
    [{ downloadHash: "" }, "downloadHash"],
  ]
  for (const [more, at] of bad) {
    test(`refused: ${JSON.stringify(more)}`, () => {
      assert.throws(
        () => parsePathInfoJson(json(more)),
        (error) => error instanceof JsonError && error.problem.code === "value" && error.problem.at === at,
      )
    })
  }
})
