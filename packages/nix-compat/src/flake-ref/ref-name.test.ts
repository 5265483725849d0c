import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { isGitRef } from "./ref-name.ts"

describe("names of references", () => {
  for (const name of ["main", "v1.0", "feature/x-y", "refs/heads/main", "HEAD", "a@b", "\xff"]) {
    test(name, () => assert.ok(isGitRef(name)))
  }
  for (const name of [
    "", "-x", "--upload-pack=x", "@", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "/a", "a/", "a//b",
    ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\n", "a\x7f", "a\0b",
  ]) {
    test(`not ${JSON.stringify(name)}`, () => assert.ok(!isGitRef(name)))
  } // prettier-ignore
})
