/** What the command line of tvix-store says and understands, without a store. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { TreeSink } from "@tvix-ts/castore"
import { NarWriter } from "@tvix-ts/nix-compat"
import { formatBytes, formatCount, formatDuration, formatNumber } from "../amounts.ts"
import { parsePathWord, parseStoreWord } from "./lookup.ts"
import { MeteredTree } from "./metered-tree.ts"
import { progressLine } from "../progress.ts"
import { defaultStore, parseDuration, storeAddress, storeSettings } from "./settings.ts"

describe("amounts", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1, "1 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [10_240, "10 KiB"],
    [10_300, "10.1 KiB"],
    [102_400, "100 KiB"],
    [1_048_575, "1 MiB"],
    [769_654_784, "734 MiB"],
    [5 * 2 ** 40, "5 TiB"],
    [2 ** 53, "8 PiB"],
  ] as const) {
    test(`${bytes} is ${text}`, () => assert.equal(formatBytes(bytes), text))
  }
  for (const [ms, text] of [
    [0, "0 s"],
    [59_400, "59 s"],
    [59_600, "1:00 min"],
    [185_000, "3:05 min"],
    [3_750_000, "1:02:30 h"],
  ] as const) {
    test(`${ms} ms is ${text}`, () => assert.equal(formatDuration(ms), text))
  }
  test("counts", () => {
    assert.equal(formatNumber(1_234_567), "1,234,567")
    assert.equal(formatNumber(123), "123")
    assert.equal(formatCount(1, "file"), "1 file")
    assert.equal(formatCount(1000, "entry", "entries"), "1,000 entries")
  })
})

describe("progress", () => {
  test("what is not known is not said", () => {
    assert.equal(progressLine("importing src", { bytes: 2048 }, 0), "importing src  2 KiB")
    assert.equal(
      progressLine("importing src", { files: 3, bytes: 2 ** 20 }, 2 ** 20),
      "importing src  3 files  1 MiB  1 MiB/s",
    )
    assert.equal(
      progressLine("exporting x", { bytes: 2 ** 20 }, 2 ** 20, 2 ** 22),
      "exporting x  1 MiB of 4 MiB  1 MiB/s  3 s left",
    )
  })
})

test("a tree that is written is measured as the archive that it would be", async () => {
  const nothing: TreeSink = {
    file() {},
    contents() {},
    symlink() {},
    directory() {},
    entry() {},
    endDirectory() {},
  }
  let length = 0
  const archive = new NarWriter((bytes) => void (length += bytes.length))
  const metered = new MeteredTree(nothing, () => {})
  for (const sink of [archive, metered]) {
    sink.directory()
    sink.entry("executable")
    sink.file(5, true)
    void sink.contents(new Uint8Array(5))
    sink.entry("link")
    sink.symlink("somewhere else")
    sink.entry("none")
    sink.directory()
    sink.entry("x")
    sink.file(0, false)
    sink.endDirectory()
    sink.endDirectory()
  }
  archive.end()
  assert.equal(metered.narBytes, length)
  assert.deepEqual({ files: metered.files, bytes: metered.bytes }, { files: 3, bytes: 5 })
})

describe("addresses", () => {
  const home = { HOME: "/home/me" }
  for (const [platform, env, address] of [
    ["linux", home, "local:///home/me/.local/share/tvix/store"],
    ["linux", { ...home, XDG_DATA_HOME: "/data" }, "local:///data/tvix/store"],
    ["linux", { ...home, XDG_DATA_HOME: "relative" }, "local:///home/me/.local/share/tvix/store"],
    ["linux", { HOME: "/home/a b#?" }, "local:///home/a%20b%23%3F/.local/share/tvix/store"],
    ["darwin", home, "local:///home/me/Library/Application%20Support/tvix/store"],
  ] as const) {
    test(`${platform} ${JSON.stringify(env)}`, () => assert.equal(defaultStore(env, platform), address))
  }
  test("what is asked for comes first, then the environment", () => {
    const settings = storeSettings()
    assert.equal(storeAddress(settings, { ...home, TVIX_STORE: "memory:" }), "memory:")
    assert.equal(storeAddress({ ...settings, store: "local:///x" }, { TVIX_STORE: "memory:" }), "local:///x")
    assert.notEqual(storeAddress(settings, { ...home, TVIX_STORE: "" }), "")
  })
})

describe("durations", () => {
  for (const [text, ms] of [
    ["0", 0],
    ["90", 90_000],
    ["1.5h", 5_400_000],
    ["10m", 600_000],
    ["2d", 172_800_000],
    ["3 s", 3000],
  ] as const) {
    test(text, () => assert.equal(parseDuration("--grace", text), ms))
  }
  for (const text of ["", "-1", "1y", "h", "1e3"]) {
    test(`not '${text}'`, () => assert.throws(() => parseDuration("--grace", text), { name: "UsageError" }))
  }
})

describe("names of what is in a store", () => {
  const digest = "s66mzxpvicwk07gjbjfw9izjfa797vsw"
  const path = { kind: "path", path: { digest, name: "hello" } }
  const castore = `b3:${"A".repeat(20)}/${"A".repeat(22)}=`
  for (const [word, object, below] of [
    [`/nix/store/${digest}-hello`, path, []],
    [`/nix/store/${digest}-hello/`, path, []],
    [`${digest}-hello`, path, []],
    [digest, { kind: "digest", digest }, []],
    [`${digest}/bin//hello`, { kind: "digest", digest }, ["bin", "hello"]],
    [`/nix/store/${digest}-hello/share/./é`, path, ["share", "\xc3\xa9"]],
    [`${castore}/a/b`, { kind: "castore" }, ["a", "b"]],
    [castore, { kind: "castore" }, []],
  ] as const) {
    test(word, () => {
      const parsed = parseStoreWord(word)
      assert.partialDeepStrictEqual(parsed.object, object)
      assert.deepEqual(parsed.below, below)
    })
  }
  for (const word of [
    "",
    "hello",
    `b3:${"A".repeat(42)}/=`,
    "/etc/passwd",
    "/nix/store",
    `${digest}-`,
    `${digest}-a b`,
    `${digest.toUpperCase()}-a`,
  ]) {
    test(`not '${word}'`, () => assert.throws(() => parseStoreWord(word), { name: "UsageError" }))
  }
  for (const word of [`${digest}/bin`, castore]) {
    test(`not a path itself: '${word}'`, () => assert.throws(() => parsePathWord(word), { name: "UsageError" }))
  }
})
