import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringFrom, isUtf8 } from "@tvix-ts/bytes"
import fc from "fast-check"
import { formatListing, JsonError, NarLister, NarReader, parseListing, type NarListing } from "../index.ts"
import { archiveOf, directory, file, symlink, trees, visit, type Tree } from "../testing/trees.ts"

function listingOf(tree: Tree): NarListing {
  const lister = new NarLister()
  void visit(tree, lister)
  return lister.listing!
}
/** Everything that has to be UTF-8. */
function texts(tree: Tree): string[] {
  if (tree.type === "directory") return [...tree.entries].flatMap(([name, node]) => [name, ...texts(node)])
  return tree.type === "symlink" ? [tree.target] : []
}

describe("listings", () => {
  // Made by C++ Nix 2.8: nix nar ls --json -R, its members sorted as 2.26 does.
  test("as C++ Nix writes them", () => {
    const tree = directory({ a: file("hello"), b: file("", true), c: directory({}), 'd "\xc3\xa9"': symlink("../a") })
    assert.equal(
      formatListing(listingOf(tree)),
      '{"root":{"entries":{"a":{"narOffset":232,"size":5,"type":"regular"},' +
        '"b":{"executable":true,"narOffset":456,"size":0,"type":"regular"},' +
        '"c":{"entries":{},"type":"directory"},"d \\"é\\"":{"target":"../a","type":"symlink"}},' +
        '"type":"directory"},"version":1}',
    )
  })

  test("of an archive and of its tree are the same, and say where contents are", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const archive = archiveOf(tree)
        const lister = new NarLister()
        const reader = new NarReader(lister)
        void reader.write(archive)
        reader.end()
        assert.deepEqual(lister.listing, listingOf(tree))
        assertOffsets(lister.listing, tree, archive)
      }),
    )
  })

  test("are read back", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        fc.pre(texts(tree).every(isUtf8))
        const listing = listingOf(tree)
        assert.deepEqual(parseListing(formatListing(listing)), listing)
      }),
    )
  })

  test("names that JavaScript would sort, or that are special to it", () => {
    const tree: Tree = {
      type: "directory",
      entries: new Map(["10", "9", "__proto__", "a"].map((name) => [name, file("")])),
    }
    const listing = listingOf(tree)
    const read = parseListing(formatListing(listing))
    assert.deepEqual(read, listing)
    assert.deepEqual(read.type === "directory" && [...read.entries.keys()], ["10", "9", "__proto__", "a"])
  })

  test("directories 100,000 deep", () => {
    const lister = new NarLister()
    for (let i = 0; i < 100_000; i++) {
      lister.directory()
      lister.entry("a")
    }
    lister.symlink("b")
    for (let i = 0; i < 100_000; i++) lister.endDirectory()
    const text = formatListing(lister.listing!)
    assert.equal(text.length, 100_000 * '{"entries":{"a":},"type":"directory"}'.length + 52)
    assert.throws(
      () => parseListing(text),
      (error) => error instanceof JsonError && error.problem.code === "depth",
    )
  })

  test("cannot name what is not UTF-8", () => {
    assert.throws(() => formatListing(listingOf(directory({ "\xff": file("") }))), RangeError)
  })

  const root = (json: string): string => `{"version":1,"root":${json}}`
  const entry = (name: string): string =>
    root(`{"type":"directory","entries":{${name}:{"type":"symlink","target":"a"}}}`)
  const bad: [text: string, at: string | undefined][] = [
    ["", undefined],
    ["[]", ""],
    ["null", ""],
    ['{"root":{"type":"symlink","target":"a"}}', "version"],
    ['{"version":2,"root":{"type":"symlink","target":"a"}}', "version"],
    ['{"version":1}', "root"],
    [root("{}"), "root.type"],
    [root('{"type":"fifo"}'), "root.type"],
    [root('{"type":"regular"}'), "root.size"],
    [root('{"type":"regular","size":-1}'), "root.size"],
    [root('{"type":"regular","size":9007199254740992}'), "root.size"],
    [root('{"type":"regular","size":1.5}'), "root.size"],
    [root('{"type":"regular","size":1,"executable":1}'), "root.executable"],
    [root('{"type":"regular","size":1,"narOffset":"a"}'), "root.narOffset"],
    [root('{"type":"symlink"}'), "root.target"],
    [root('{"type":"symlink","target":""}'), "root.target"],
    [root('{"type":"symlink","target":"a\\u0000"}'), "root.target"],
    [root('{"type":"directory"}'), "root.entries"],
    [root('{"type":"directory","entries":[]}'), "root.entries"],
    [
      root('{"type":"directory","entries":{"a b":{"type":"directory","entries":{"c":{}}}}}'),
      'root.entries["a b"].entries.c.type',
    ],
    [entry('""'), 'root.entries[""]'],
    [entry('"."'), 'root.entries["."]'],
    [entry('".."'), 'root.entries[".."]'],
    [entry('"a/b"'), 'root.entries["a/b"]'],
    [entry('"a\\u0000"'), 'root.entries["a\\u0000"]'],
  ]
  for (const [text, at] of bad) {
    test(`refuses ${text}`, () => {
      assert.throws(
        () => parseListing(text),
        (error) => error instanceof JsonError && (error.problem.code === "value" ? error.problem.at : undefined) === at,
      )
    })
  }
})

function assertOffsets(listing: NarListing, tree: Tree, archive: Uint8Array): void {
  if (listing.type === "regular" && tree.type === "file") {
    const { narOffset, size } = listing
    assert.equal(byteStringFrom(archive.subarray(narOffset, narOffset! + size)), tree.contents)
  } else if (listing.type === "directory" && tree.type === "directory") {
    for (const [name, node] of listing.entries) assertOffsets(node, tree.entries.get(name)!, archive)
  }
}
