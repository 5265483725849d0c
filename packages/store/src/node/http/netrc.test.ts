import assert from "node:assert/strict"
import { test } from "node:test"
import { netrcLogin } from "./netrc.ts"

const FILE = `
# machine commented.example login no password no
machine a.example login me password s3cret
machine b.example
  login "with space"   password "quo\\"te\\\\"
macdef init
machine macro.example login no password no

machine c.example account x login only-name
machine d.example
default login anonymous password guest
machine late.example login late password late
`

for (const { host, login } of [
  { host: "a.example", login: ["me", "s3cret"] },
  { host: "A.Example", login: ["me", "s3cret"] },
  { host: "b.example", login: ["with space", 'quo"te\\'] },
  { host: "c.example", login: ["only-name", ""] },
  { host: "d.example", login: ["anonymous", "guest"] },
  { host: "macro.example", login: ["anonymous", "guest"] },
  { host: "commented.example", login: ["anonymous", "guest"] },
  { host: "late.example", login: ["late", "late"] },
]) {
  test(host, () => {
    const found = netrcLogin(FILE, host)
    assert.deepEqual([found?.name, found?.password], login)
  })
}

test("without a default, others have none", () => {
  assert.equal(netrcLogin("machine a login x password y", "b"), undefined)
  assert.equal(netrcLogin("", "b"), undefined)
  assert.equal(netrcLogin("machine", "b"), undefined)
})
