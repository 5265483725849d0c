/** `tvix-store key` and `tvix-store token` as programs. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { parsePublicKey, SecretKey, verifySignature } from "@tvix-ts/nix-compat"
import { openTokenFile } from "@tvix-ts/nar-bridge/node"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix-store", import.meta.url))

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tvix-admin-"))
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
function run(args: readonly string[], input = ""): Ran {
  const env = { PATH: process.env["PATH"], HOME: join(folder, "home"), TVIX_STORE: `local://${folder}/store` }
  const { status, stdout, stderr } = spawnSync(LAUNCHER, args, { cwd: folder, env, input, encoding: "utf8" })
  return { status, out: stdout, error: stderr }
}
function out(...args: readonly string[]): string {
  const { status, out, error } = run(args)
  assert.deepEqual({ status, error }, { status: 0, error: "" }, args.join(" "))
  return out
}

describe("keys", () => {
  test("what one signs, the public key that is printed verifies", async () => {
    const printed = out("key", "generate", "cache.example.org-1")
    const key = SecretKey.parse(readFileSync(join(folder, "cache.example.org-1.secret"), "latin1"))
    assert.match(printed, /^cache\.example\.org-1:[A-Za-z0-9+/]{43}=\n$/)
    assert.ok(await verifySignature("text", await key.sign("text"), [parsePublicKey(printed.trim())]))
    assert.equal(out("key", "public", "cache.example.org-1.secret"), printed)
  })

  test("the file is its owner's alone, and is never written over", { skip: process.platform === "win32" }, () => {
    out("key", "generate", "a-1", "--out", "a file")
    const path = join(folder, "a file")
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const before = readFileSync(path, "utf8")
    const { status, out: printed, error } = run(["key", "generate", "a-2", "-o", "a file"])
    assert.deepEqual({ status, printed }, { status: 1, printed: "" })
    assert.match(error, /^error: a file: it is there already/)
    assert.equal(readFileSync(path, "utf8"), before)
  })

  test("to and from pipes", () => {
    const secret = out("key", "generate", "piped-1", "--out", "-")
    assert.match(secret, /^piped-1:[A-Za-z0-9+/]{86}==$/)
    assert.ok(!existsSync(join(folder, "piped-1.secret")))
    assert.match(run(["key", "public", "-"], `${secret}\n`).out, /^piped-1:[A-Za-z0-9+/]{43}=\n$/)
  })

  for (const { words, status, error } of [
    { words: ["generate"], status: 2, error: /one name/ },
    { words: ["generate", "a", "b"], status: 2, error: /one name/ },
    { words: ["generate", "a:b"], status: 1, error: /'a:b' cannot be the name of a key/ },
    { words: ["generate", "a/b"], status: 2, error: /--out/ },
    { words: ["generate", "a", "-o", "nowhere/key"], status: 1, error: /cannot open 'nowhere\/key': no such file/ },
    { words: ["public"], status: 2, error: /needs files/ },
    { words: ["public", "nothing"], status: 1, error: /cannot open 'nothing'/ },
    { words: ["pubic"], status: 2, error: /unknown command 'pubic'\nDid you mean public\?/ },
  ]) {
    test(`key ${words.join(" ")} is refused`, () => {
      const ran = run(["key", ...words])
      assert.deepEqual({ status: ran.status, out: ran.out }, { status, out: "" })
      assert.match(ran.error, error)
    })
  }

  test("what is wrong with a secret is said without the secret", () => {
    const { status, error } = run(["key", "public", "-"], "mine:c2VjcmV0")
    assert.deepEqual({ status, error }, { status: 1, error: "error: secret key 'mine' has 6 bytes, not 64\n" })
  })
})

describe("tokens", () => {
  test("are made, listed and revoked beside the store", () => {
    const secret = out("token", "create", "--name", "ci", "--write", "--expires", "90d").trim()
    const path = join(folder, "store", "tokens.sqlite")
    const tokens = openTokenFile(path)
    const token = tokens.find(secret)
    assert.partialDeepStrictEqual(token, { name: "ci", right: "write" })
    assert.equal(token!.expires! - token!.created < 90 * 86_400_000 + 1, true)
    const id = token!.id
    const [listed, ...more] = out("token", "list").split("\n")
    assert.match(listed!, new RegExp(`^${id}  write  \\d{4}-\\d\\d-\\d\\d  to \\d{4}-\\d\\d-\\d\\d  ci$`))
    assert.deepEqual(more, [""])
    assert.partialDeepStrictEqual(JSON.parse(out("token", "list", "--json")), [{ id, name: "ci", right: "write" }])
    assert.ok(!out("token", "list", "--json").includes(secret.slice(-52)))
    assert.equal(out("token", "revoke", id), "")
    // This process had the file open all the while, as a server has.
    assert.equal(tokens.find(secret), undefined)
    tokens.close()
    const { status, error } = run(["token", "revoke", id])
    assert.deepEqual(
      { status, error },
      { status: 1, error: `error: a token with the id '${id}' is not in the store\n` },
    )
  })

  test("in a file that is named, without a store", () => {
    const where = ["--store", "grpc+http://127.0.0.1:9", "--tokens", "elsewhere.sqlite"]
    const made = JSON.parse(out("token", "create", "--name", "laptop", "--json", ...where)) as Record<string, unknown>
    assert.partialDeepStrictEqual(made, { name: "laptop", right: "read", expires: null })
    const tokens = openTokenFile(join(folder, "elsewhere.sqlite"))
    assert.equal(tokens.find(String(made["secret"]))?.id, made["id"])
    tokens.close()
  })

  for (const { words, error } of [
    { words: ["create"], error: /--name/ },
    { words: ["create", "ci"], error: /takes no words/ },
    { words: ["create", "--name", "ci", "--expires", "soon"], error: /--expires takes a time/ },
    { words: ["list", "ci"], error: /takes no words/ },
    { words: ["revoke"], error: /needs ids/ },
    { words: ["--store", "memory:", "list"], error: /--tokens FILE/ },
  ]) {
    test(`token ${words.join(" ")} makes no sense`, () => {
      const ran = run(["token", ...words])
      assert.deepEqual({ status: ran.status, out: ran.out }, { status: 2, out: "" })
      assert.match(ran.error, error)
    })
  }
})
