import assert from "node:assert/strict"
import { test } from "node:test"
import { parseSandboxPath, type SandboxPath } from "./sandbox-paths.ts"

const words: [word: string, parsed: SandboxPath | undefined][] = [
  ["/var/cache", { path: "/var/cache", source: "/var/cache", optional: false }],
  ["/cache=/var/cache", { path: "/cache", source: "/var/cache", optional: false }],
  ["/dev/kvm?", { path: "/dev/kvm", source: "/dev/kvm", optional: true }],
  ["/a=/b=c?", { path: "/a", source: "/b=c", optional: true }],
  ["/...", { path: "/...", source: "/...", optional: false }],
  ...["", "?", "/", "a", "/a/", "//a", "/a/./b", "/a/..", "/..", "/a=", "=/a", "/a=b", "/a\0"].map(
    (word): [string, undefined] => [word, undefined],
  ),
]
for (const [word, parsed] of words) {
  test(`${JSON.stringify(word)} is ${parsed === undefined ? "no sandbox path" : "one"}`, () => {
    assert.deepEqual(parseSandboxPath(word), parsed)
  })
}
