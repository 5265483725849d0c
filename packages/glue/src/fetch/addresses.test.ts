import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { Failure } from "@tvix-ts/eval"
import fc from "fast-check"
import { fixGitUrl, formatUrl, parseUrl, withoutSecrets } from "./url.ts"
import { resolvePseudoUrl, shownUrl, uriCheck } from "./uri.ts"

describe("addresses of repositories", () => {
  for (const { given, url } of [
    { given: "/a/b c", url: "file:///a/b%20c" },
    { given: "./a", url: "file:./a" },
    { given: "git@host:a/b.git", url: "ssh://git@host/a/b.git" },
    { given: "git+https://host/a?b=1", url: "https://host/a?b=1" },
    { given: "git+file:///a", url: "file:///a" },
    { given: "file:", url: "file:/" },
    { given: "https://host/a#fragment", url: "https://host/a" },
    { given: "https://host/a?z=1&b=%20&dubious", url: "https://host/a?b=%20&z=1" },
    { given: "https://user:secret@host:8080/a", url: "https://user:secret@host:8080/a" },
  ]) {
    test(given, () => assert.equal(formatUrl(fixGitUrl(given)), url))
  }
  for (const { given, message } of [
    { given: "host:a/b", message: /SCP-like URL 'host:a\/b' is not supported/ },
    { given: "ext::sh -c x", message: /SCP-like URL/ },
    { given: "file://host/a", message: /unexpected authority 'host'/ },
    { given: "https://host/%0", message: /not a valid URL/ },
    { given: "https://host/%00", message: /NUL byte/ },
    { given: "://x", message: /doesn't have a scheme/ },
  ]) {
    test(`refused: ${given}`, () => assert.throws(() => fixGitUrl(given), message))
  }
  test("what is printed is read as the same", () => {
    const text = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(text, fc.dictionary(text, text), (path, query) => {
        const url = { scheme: "https", authority: "host", path: `/${path}`, query: new Map(Object.entries(query)) }
        const read = parseUrl(formatUrl(url))
        assert.equal(read.path, url.path)
        assert.deepEqual(read.query, url.query)
      }),
    )
  })
  for (const { url, shown } of [
    { url: "https://token@host/a", shown: "https://host/a" },
    { url: "https://user:p@ss@host/a", shown: "https://host/a" },
    { url: "ssh://git@host/a", shown: "ssh://git@host/a" },
    { url: "ssh://git:secret@host/a", shown: "ssh://git@host/a" },
    { url: "https://host/a@b", shown: "https://host/a@b" },
  ]) {
    test(`without secrets: ${url}`, () => assert.equal(formatUrl(withoutSecrets(parseUrl(url))), shown))
  }
})

describe("allowed addresses", () => {
  const check = uriCheck(["https://a.example/x", "https://b.example/", "github:"])
  for (const uri of ["https://a.example/x", "https://a.example/x/y", "https://b.example/z", "github:o/r"]) {
    test(uri, () => check(uri))
  }
  for (const uri of [
    "https://a.example/xy",
    "https://a.example/",
    "https://c.example/",
    "http://b.example/",
    "git:x",
  ]) {
    test(`not ${uri}`, () => {
      const message = `access to URI '${uri}' is forbidden in restricted mode`
      assert.throws(
        () => check(uri),
        (failure: Failure) => {
          assert.deepEqual(failure.problem, { code: "access-forbidden", message })
          return true
        },
      )
    })
  }
})

for (const { url, shown } of [
  { url: "https://me:s3cret@host/a@b", shown: "https://host/a@b" },
  { url: "https://token@host", shown: "https://host" },
  { url: "https://host/a@b", shown: "https://host/a@b" },
  { url: "file:///a@b", shown: "file:///a@b" },
  { url: "no address@all", shown: "no address@all" },
]) {
  test(`shown: ${url}`, () => assert.equal(shownUrl(url), shown))
}

test("a channel is an archive", () => {
  assert.equal(resolvePseudoUrl("channel:nixos-x"), "https://channels.nixos.org/nixos-x/nixexprs.tar.xz")
  assert.equal(resolvePseudoUrl("https://x/channel:y"), "https://x/channel:y")
})
