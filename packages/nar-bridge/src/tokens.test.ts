import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { encodeBase64, utf8 } from "@tvix-ts/bytes"
import fc from "fast-check"
import { openTokenFile } from "./node/token-file.ts"
import { memoryTokens, presentedSecret, type TokenRegistry } from "./tokens.ts"

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tokens-"))
})
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function newFile(): string {
  return join(folder, `${++files}.sqlite`)
}

const BIRTH = Date.UTC(2026, 0, 1)

const REGISTRIES: Readonly<Record<string, (clock: () => number) => TokenRegistry>> = {
  memory: memoryTokens,
  file: (clock) => openTokenFile(newFile(), clock),
}

for (const [kind, open] of Object.entries(REGISTRIES)) {
  describe(`tokens: ${kind}`, () => {
    test("one that was made is found by its secret, and says what it may", () => {
      const tokens = open(() => BIRTH)
      const { token, secret } = tokens.create({ name: "ci", right: "write" })
      assert.match(secret, /^tvix_[0-9a-z]{8}_[0-9a-z]{52}$/)
      assert.deepEqual(token, { id: token.id, name: "ci", right: "write", created: BIRTH, expires: undefined })
      assert.equal(secret.split("_")[1], token.id)
      assert.deepEqual(tokens.find(secret), token)
      assert.deepEqual(tokens.list(), [token])
      tokens.close()
    })

    test("a revoked one is worth nothing, the others are what they were", () => {
      const tokens = open(() => BIRTH)
      const [ours, theirs] = ["ours", "theirs"].map((name) => tokens.create({ name, right: "read" }))
      assert.equal(tokens.revoke(ours!.token.id), true)
      assert.equal(tokens.revoke(ours!.token.id), false)
      assert.equal(tokens.find(ours!.secret), undefined)
      assert.deepEqual(tokens.find(theirs!.secret), theirs!.token)
      assert.deepEqual(tokens.list(), [theirs!.token])
      tokens.close()
    })

    test("one is good until the moment that it expires", () => {
      let now = BIRTH
      const tokens = open(() => now)
      const { secret } = tokens.create({ name: "a day", right: "read", expires: BIRTH + 1000 })
      now = BIRTH + 999
      assert.equal(tokens.find(secret)?.name, "a day")
      now = BIRTH + 1000
      assert.equal(tokens.find(secret), undefined)
      assert.equal(tokens.list().length, 1)
      tokens.close()
    })

    test("nothing but the whole secret is one", () => {
      const tokens = open(() => BIRTH)
      const { token, secret } = tokens.create({ name: "ci", right: "write" })
      const other = tokens.create({ name: "other", right: "read" })
      const ofOther = secret.slice(0, 14) + other.secret.slice(14)
      const near = secret.slice(0, -1) + (secret.endsWith("0") ? "1" : "0")
      for (const wrong of [
        "",
        token.id,
        secret.slice(0, -1),
        `${secret}0`,
        ofOther,
        near,
        secret.toUpperCase(),
        ` ${secret}`,
      ]) {
        assert.equal(tokens.find(wrong), undefined, wrong)
      }
      fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => tokens.find(text) === undefined))
      tokens.close()
    })

    for (const { title, name = "ci", expires, reason } of [
      { title: "no name", name: "", reason: /its name is empty/ },
      { title: "a name of two lines", name: "a\nb", reason: /line break/ },
      { title: "a name that clears the screen", name: "\x1b[2J", reason: /control character/ },
      { title: "a name without end", name: "x".repeat(201), reason: /longer than 200/ },
      { title: "a time that is over", expires: BIRTH, reason: /expired already/ },
      { title: "no time at all", expires: Number.NaN, reason: /expired already/ },
    ]) {
      test(`none is made of ${title}`, () => {
        const tokens = open(() => BIRTH)
        assert.throws(() => tokens.create({ name, right: "read", expires }), reason)
        assert.deepEqual(tokens.list(), [])
        tokens.close()
      })
    }
  })
}

describe("tokens in a file", () => {
  test("who has it open learns at once of what others make and revoke", () => {
    const path = newFile()
    const server = openTokenFile(path)
    const admin = openTokenFile(path)
    const { token, secret } = admin.create({ name: "ci", right: "write" })
    assert.deepEqual(server.find(secret), token)
    assert.equal(admin.revoke(token.id), true)
    assert.equal(server.find(secret), undefined)
    admin.close()
    server.close()
  })

  test("they outlive the process, the secrets do not", () => {
    const path = newFile()
    const made = openTokenFile(path)
    const { token, secret } = made.create({ name: "ci", right: "write", expires: Date.now() + 60_000 })
    made.close()
    assert.equal(readFileSync(path, "latin1").includes(secret.slice(-52)), false)
    const again = openTokenFile(path)
    assert.deepEqual(again.find(secret), token)
    again.close()
  })

  test("it is its owner's alone", { skip: process.platform === "win32" }, () => {
    const path = join(folder, "new", "tokens.sqlite")
    const tokens = openTokenFile(path)
    tokens.create({ name: "ci", right: "write" })
    for (const suffix of ["", "-wal", "-shm"]) assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix)
    tokens.close()
  })

  test("something else is left as it is", () => {
    const path = newFile()
    writeFileSync(path, "machine example.org login a password b\n".repeat(200))
    assert.throws(() => openTokenFile(path), { name: "CastoreError" })
    assert.match(readFileSync(path, "utf8"), /^machine/)
  })
})

describe("the secret that a request presents", () => {
  const basic = (pair: string): string => `Basic ${encodeBase64(utf8(pair))}`
  for (const [header, secret] of [
    ["Bearer tvix_a_b", "tvix_a_b"],
    ["bearer   tvix_a_b ", "tvix_a_b"],
    [basic("token:tvix_a_b"), "tvix_a_b"],
    [basic(":tvix_a_b"), "tvix_a_b"],
    [basic("a:b:c"), "b:c"],
    [basic("ü:é"), "Ã©"],
    [basic("no colon"), undefined],
    ["Basic ???", undefined],
    ["Bearer", undefined],
    ["Bearer a b", undefined],
    ["Digest username=a", undefined],
    ["", undefined],
  ] as const) {
    test(`${JSON.stringify(header)}: ${secret}`, () => assert.equal(presentedSecret(header), secret))
  }
})
