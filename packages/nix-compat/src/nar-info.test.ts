import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { encodeHex } from "@tvix-ts/bytes"
import { parsePrefixedHash } from "@tvix-ts/hash"
import fc from "fast-check"
import {
  fingerprint,
  formatNarInfo,
  formatStorePath,
  NarInfoError,
  parseNarInfo,
  parsePublicKey,
  parseStorePath,
  verifySignature,
  type NarInfo,
} from "./index.ts"
import { contentAddresses, sha256s, signatures, storePaths } from "./testing/store-paths.ts"

/** What cache.nixos.org says of one path, and its key. */
const REAL = `StorePath: /nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432
URL: nar/1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d.nar.xz
Compression: xz
FileHash: sha256:1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d
FileSize: 114980
NarHash: sha256:0lxjvvpr59c2mdram7ympy5ay741f180kv3349hvfc3f8nrmbqf6
NarSize: 464152
References: 7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-glibc-2.27
Deriver: 10dx1q4ivjb115y3h90mipaaz533nr0d-net-tools-1.60_p20170221182432.drv
Sig: cache.nixos.org-1:sn5s/RrqEI+YG6/PjwdbPjcAC7rcta7sJU4mFOawGvJBLsWkyLtBrT2EuFt/LJjWkTZ+ZWOI9NTtjo/woMdvAg==
Sig: hydra.other.net-1:JXQ3Z/PXf0EZSFkFioa4FbyYpbbTbHlFBtZf4VqU0tuMTWzhMD7p9Q7acJjLn3jofOtilAAwRILKIfVuyrbjAA==
`
const KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

describe("narinfos", () => {
  test("as C++ Nix writes them", async () => {
    const info = parseNarInfo(REAL)
    assert.equal(
      formatStorePath(info.storePath),
      "/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432",
    )
    assert.equal(info.fileSize, 114_980)
    assert.equal(info.signatures.length, 2)
    assert.equal(formatNarInfo(info), REAL)
    assert.equal(
      fingerprint(info),
      "1;/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432;" +
        "sha256:0lxjvvpr59c2mdram7ympy5ay741f180kv3349hvfc3f8nrmbqf6;464152;" +
        "/nix/store/7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-glibc-2.27",
    )
    assert.ok(await verifySignature(fingerprint(info), info.signatures[0]!, [parsePublicKey(KEY)]))
    const other = { ...info, narSize: info.narSize + 1 }
    assert.ok(!(await verifySignature(fingerprint(other), info.signatures[0]!, [parsePublicKey(KEY)])))
  })

  test("are read back", () => {
    const text = fc.stringMatching(/^[ -~]{1,20}$/)
    const infos: fc.Arbitrary<NarInfo> = fc.record(
      {
        storePath: storePaths,
        url: text,
        compression: text,
        fileHash: sha256s,
        fileSize: fc.maxSafeNat(),
        narHash: sha256s,
        narSize: fc.maxSafeNat().map((size) => Math.max(1, size)),
        references: fc
          .array(storePaths, { maxLength: 4 })
          .map((paths) =>
            [...new Set(paths.map((path) => formatStorePath(path)))].sort().map((path) => parseStorePath(path)),
          ),
        deriver: storePaths,
        signatures: signatures,
        contentAddress: contentAddresses,
      },
      {
        requiredKeys: ["storePath", "url", "compression", "narHash", "narSize", "references", "signatures"],
        noNullPrototype: true,
      },
    )
    fc.assert(fc.property(infos, (info) => assert.deepEqual(parseNarInfo(formatNarInfo(info)), info)))
  })

  const without = (field: string): string => REAL.replace(new RegExp(`^${field}:.*\n`, "gm"), "")
  const replaced = (field: string, value: string): string =>
    REAL.replace(new RegExp(`^${field}:.*$`, "m"), `${field}: ${value}`)

  test("that leave out what may be left out", () => {
    const info = parseNarInfo(
      ["Compression", "FileHash", "FileSize", "References", "Deriver", "Sig"].reduce((text, field) => {
        return text.replace(new RegExp(`^${field}:.*\n`, "gm"), "")
      }, REAL),
    )
    assert.equal(info.compression, "bzip2")
    assert.deepEqual(info.references, [])
    assert.ok(!("fileHash" in info) && !("fileSize" in info) && !("deriver" in info) && !("contentAddress" in info))
  })
  test("with fields that nobody knows, and values that mean nothing", () => {
    const plain = parseNarInfo(REAL)
    assert.deepEqual(parseNarInfo(`System: x86_64-linux\nconstructor: x\nconstructor: y\n${REAL}CA: \n`), plain)
    assert.ok(!("deriver" in parseNarInfo(replaced("Deriver", "unknown-deriver"))))
  })
  test("with references in any order, each perhaps twice", () => {
    const [a, b] = ["7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-b", "7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-a"]
    const info = parseNarInfo(replaced("References", ` ${a}  ${b} ${a}`))
    assert.deepEqual(
      info.references.map(({ name }) => name),
      ["a", "b"],
    )
  })
  test("with hashes in another notation", () => {
    const { digest } = parsePrefixedHash("sha256:0lxjvvpr59c2mdram7ympy5ay741f180kv3349hvfc3f8nrmbqf6")
    assert.deepEqual(parseNarInfo(replaced("NarHash", `sha256:${encodeHex(digest)}`)).narHash, digest)
  })
  test("of another store directory", () => {
    const elsewhere = REAL.replace("/nix/store", "/other")
    assert.equal(formatNarInfo(parseNarInfo(elsewhere, "/other"), "/other"), elsewhere)
    assert.throws(() => parseNarInfo(elsewhere), NarInfoError)
  })

  const missing = (field: string): object => ({ code: "missing", field })
  const bad: [what: string, text: string, problem: object][] = [
    ["nothing", "", missing("StorePath")],
    ["no path", without("StorePath"), missing("StorePath")],
    ["no URL", without("URL"), missing("URL")],
    ["an empty URL", replaced("URL", ""), missing("URL")],
    ["no hash", without("NarHash"), missing("NarHash")],
    ["no size", without("NarSize"), missing("NarSize")],
    ["a size of nothing", replaced("NarSize", "0"), missing("NarSize")],
    ["no line feed", REAL.slice(0, -1), { code: "line", line: 11, expected: "\n" }],
    ["no colon", `x\n${REAL}`, { code: "line", line: 1, expected: ": " }],
    ["no blank", REAL.replace("NarSize: ", "NarSize:"), { code: "line", line: 7, expected: ": " }],
    ["an empty line", `${REAL}\n`, { code: "line", line: 12, expected: ": " }],
    ...["StorePath", "URL", "Compression", "FileHash", "FileSize", "NarHash", "NarSize", "References", "Deriver"].map(
      (field): [string, string, object] => {
        const line = REAL.split("\n").find((one) => one.startsWith(field))
        return [`${field} twice`, `${REAL}${line}\n`, { code: "duplicate", line: 12, field }]
      },
    ),
    ...Object.entries({
      StorePath: ["7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-a", "/tmp/7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-a", "/nix/store/x", ""],
      FileHash: [
        "",
        "sha256:0",
        "1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d",
        "sha1:1amk6n7wxjlw4qkq6dcj6mm7hw3acrw0",
      ],
      FileSize: ["", "-1", "+1", "1.5", "1e3", "0x1", "9007199254740992", "1 ", "1".repeat(400)],
      NarHash: ["", "md5:00000000000000000000000000000000"],
      NarSize: ["x", "18446744073709551615"],
      References: ["/nix/store/7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-a", "a", "7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-a\t"],
      Deriver: ["", "../../etc/passwd"],
      Sig: ["", "x", "x:AAAA", "x:!"],
    }).flatMap(([field, values]) =>
      values.map((value): [string, string, object] => {
        const line = REAL.split("\n").findIndex((one) => one.startsWith(`${field}:`)) + 1
        return [`${field}: ${value.slice(0, 60)}`, replaced(field, value), { code: "value", line, field }]
      }),
    ),
    ["CA: x", `${REAL}CA: x\n`, { code: "value", line: 12, field: "CA" }],
    ["CA twice", `${REAL}CA: \nCA: \n`, { code: "duplicate", line: 13, field: "CA" }],
    ["too much", "x".repeat(9_000_000), { code: "too-large", length: 9_000_000, lengthMax: 8_388_608 }],
  ]
  for (const [what, text, problem] of bad) {
    test(`refused: ${what}`, () => {
      assert.throws(
        () => parseNarInfo(text),
        (error) => {
          assert.ok(error instanceof NarInfoError, String(error))
          const { reason: _, ...rest } = { reason: "", ...error.problem }
          assert.deepEqual(rest, problem)
          return true
        },
      )
    })
  }

  test("are not written with lines of somebody else's in them", () => {
    const info = parseNarInfo(REAL)
    for (const url of ["", "a\nNarSize: 1"]) assert.throws(() => formatNarInfo({ ...info, url }), NarInfoError)
    assert.throws(() => formatNarInfo({ ...info, compression: "xz\n" }), NarInfoError)
  })
})
