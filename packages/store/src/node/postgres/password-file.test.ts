import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { findPassword, passwordIn } from "./password-file.ts"

const connection = { host: "db.example.org", port: 5432, database: "store", user: "me" }

const FILES: readonly [name: string, text: string, password: string | undefined][] = [
  ["nothing", "", undefined],
  ["the line", "db.example.org:5432:store:me:open sesame", "open sesame"],
  ["anything", "*:*:*:*:x", "x"],
  ["the first that fits", "other:5432:store:me:1\n*:*:store:*:2\n*:*:*:*:3", "2"],
  ["another port", "db.example.org:5433:store:me:x", undefined],
  ["a comment", "# x\n#*:*:*:*:x", undefined],
  ["colons and backslashes", "*:*:*:*:a\\:b\\\\c", "a:b\\c"],
  ["too little", "*:*:*:x", undefined],
]
for (const [name, text, password] of FILES) {
  test(`a password by ${name}`, () => assert.equal(passwordIn(text, connection), password))
}

test("sockets are known as localhost", () => {
  assert.equal(passwordIn("localhost:5432:store:me:x", { ...connection, host: "/run/postgresql" }), "x")
})

test("the environment comes first, and a file that others may read does not count", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-pgpass-"))
  t.after(() => rmSync(dir, { recursive: true }))
  const PGPASSFILE = join(dir, "pgpass")
  assert.equal(await findPassword(connection, { PGPASSFILE }), undefined)
  writeFileSync(PGPASSFILE, "*:*:*:*:in the file\n", { mode: 0o600 })
  assert.equal(await findPassword(connection, { PGPASSFILE }), "in the file")
  assert.equal(await findPassword(connection, { PGPASSFILE, PGPASSWORD: "at hand" }), "at hand")
  const OPEN = join(dir, "open")
  writeFileSync(OPEN, "*:*:*:*:in the file\n", { mode: 0o644 })
  const expected = process.platform === "win32" ? "in the file" : undefined
  assert.equal(await findPassword(connection, { PGPASSFILE: OPEN }), expected)
})
