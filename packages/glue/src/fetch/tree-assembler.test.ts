import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { digestOf, memoryDirectoryService, type DirectoryService, type Node } from "@tvix-ts/castore"
import { bytesOf } from "@tvix-ts/bytes"
import fc from "fast-check"
import { TreeAssembler } from "./tree-assembler.ts"

type Part = readonly [type: "d" | "f" | "x" | "l" | "h", path: string, to?: string]

const LIMITS = { entriesMax: 20, depthMax: 5 }

async function assembled(parts: readonly Part[], limits = LIMITS): Promise<string[]> {
  const directories = memoryDirectoryService()
  const tree = new TreeAssembler(limits)
  for (const [type, path, to = ""] of parts) {
    if (type === "d") tree.directory(path)
    else if (type === "l") tree.symlink(path, to)
    else if (type === "h") tree.link(path, to)
    else tree.file(path, to.length, type === "x").digest = digestOf(bytesOf(to))
  }
  return shown(await tree.finish(directories), directories, "")
}

/** One line for each entry, in order: directories end in a slash. */
async function shown(node: Node, directories: DirectoryService, path: string): Promise<string[]> {
  if (node.type === "symlink") return [`${path} -> ${node.target}`]
  if (node.type === "file") return [`${path}${node.executable ? "*" : ""} ${node.size}`]
  const lines = path === "" ? [] : [`${path}/`]
  for (const [name, entry] of (await directories.get(node.digest))!.entries) {
    lines.push(...(await shown(entry, directories, path === "" ? name : `${path}/${name}`)))
  }
  return lines
}

const PUT_TOGETHER: readonly { name: string; parts: readonly Part[]; lines: readonly string[] }[] = [
  { name: "nothing", parts: [], lines: [] },
  { name: "one folder around everything is left out", parts: [["f", "p/b", "1"], ["x", "p/a", "22"]], lines: ["a* 2", "b 1"] },
  { name: "but not two", parts: [["f", "p/a"], ["d", "q"]], lines: ["p/", "p/a 0", "q/"] },
  { name: "nor a folder with a file beside it", parts: [["f", "p/a"], ["f", "q"]], lines: ["p/", "p/a 0", "q 0"] },
  { name: "nor a file", parts: [["f", "a"]], lines: ["a 0"] },
  { name: "one only", parts: [["f", "p/q/a"]], lines: ["q/", "q/a 0"] },
  { name: "any order, sorted by bytes", parts: [["f", "p/b/c"], ["d", "p/b"], ["f", "p/b-"], ["f", "p/B"], ["d", "p"]], lines: ["B 0", "b/", "b/c 0", "b- 0"] },
  { name: "dots and slashes that mean nothing", parts: [["d", "./"], ["f", "./p//./a/"], ["f", "/p/b"]], lines: ["a 0", "b 0"] },
  { name: "links, wherever they lead: nobody follows them", parts: [["l", "p/l", "../../etc/passwd"], ["l", "p/m", "/"]], lines: ["l -> ../../etc/passwd", "m -> /"] },
  { name: "hard links, also to what comes later", parts: [["h", "p/h", "p/a"], ["x", "p/a", "333"], ["h", "p/i", "p/h"]], lines: ["a* 3", "h* 3", "i* 3"] },
  { name: "a hard link to a link", parts: [["l", "p/l", "t"], ["h", "p/h", "p/l"]], lines: ["h -> t", "l -> t"] },
  { name: "a file twice: the later one", parts: [["f", "p/a", "1"], ["x", "p/a", "22"]], lines: ["a* 2"] },
  { name: "the same link and the same directory twice", parts: [["l", "p/l", "t"], ["l", "p/l", "t"], ["d", "p/d"], ["d", "p/d"]], lines: ["d/", "l -> t"] },
] // prettier-ignore
describe("put together", () => {
  for (const { name, parts, lines } of PUT_TOGETHER) {
    test(name, async () => assert.deepEqual(await assembled(parts), lines))
  }
})

const REFUSED: readonly { name: string; parts: readonly Part[]; reason: RegExp }[] = [
  { name: "upwards", parts: [["f", "../a"]], reason: /'\.\.\/a' leads upwards/ },
  { name: "upwards within", parts: [["f", "a/../b"]], reason: /leads upwards/ },
  { name: "a hard link upwards", parts: [["h", "a", "../../etc/passwd"]], reason: /leads upwards/ },
  { name: "a file through a link", parts: [["l", "p/l", "/etc"], ["f", "p/l/passwd"]], reason: /a part of the path 'p\/l\/passwd' is no directory/ },
  { name: "a file in a file", parts: [["f", "a"], ["f", "a/b"]], reason: /is no directory/ },
  { name: "a directory in place of a link", parts: [["l", "p/l", "/etc"], ["d", "p/l"]], reason: /is no directory/ },
  { name: "a file in place of a directory", parts: [["d", "a"], ["f", "a"]], reason: /'a' is there twice/ },
  { name: "a file in place of a link", parts: [["l", "a", "b"], ["f", "a"]], reason: /'a' is there twice/ },
  { name: "a link in place of a file", parts: [["f", "a"], ["l", "a", "b"]], reason: /'a' is there twice/ },
  { name: "two links that lead elsewhere", parts: [["l", "a", "b"], ["l", "a", "c"]], reason: /'a' is there twice/ },
  { name: "a hard link to nothing", parts: [["h", "a", "b"]], reason: /'b' does not exist/ },
  { name: "a hard link to a directory", parts: [["d", "b"], ["h", "a", "b"]], reason: /hard link to a directory/ },
  { name: "a hard link to itself", parts: [["h", "a", "a"]], reason: /'a' does not exist/ },
  { name: "hard links in a circle", parts: [["h", "a", "b"], ["h", "b", "a"]], reason: /does not exist/ },
  { name: "a file that is the root", parts: [["f", "./"]], reason: /the root of the tree is no directory/ },
  { name: "too deep", parts: [["f", "a/b/c/d/e/f"]], reason: /has 6 parts/ },
  { name: "too many, though only folders around", parts: Array.from({ length: 11 }, (_, i) => ["f", `${i}/a`] as const), reason: /more than 20 entries/ },
  { name: "a name of 256 bytes", parts: [["f", "x".repeat(256)]], reason: /a name has at most 255 bytes/ },
  { name: "a name with a NUL", parts: [["f", "a\0"]], reason: /contains NUL/ },
  { name: "a link to nowhere", parts: [["l", "a", ""]], reason: /target has at least 1 byte/ },
] // prettier-ignore
describe("refused", () => {
  for (const { name, parts, reason } of REFUSED) {
    test(name, async () => assert.rejects(assembled(parts), reason))
  }
})

test("what comes out is what a list of paths says, whatever the order", async () => {
  const name = fc.constantFrom("a", "b", "b-", "c", "A")
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"))
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 12 }), fc.infiniteStream(fc.nat()), async (paths, random) => {
      // A file below another is no tree: those that are, without what is in their way.
      const files = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)))
      const parts = files.map((file) => ["f", `top/${file}`] as const)
      const shuffled = parts
        .map((part) => ({ part, key: random.next().value }))
        .sort((a, b) => a.key - b.key)
        .map(({ part }) => part)
      const limits = { entriesMax: 1000, depthMax: 10 }
      const lines = await assembled([["d", "top"], ...shuffled], limits)
      assert.deepEqual(lines, await assembled([...parts, ["d", "top"]], limits))
      // Of `top` alone, what is in it may be one folder around everything: that one stays.
      assert.deepEqual(
        lines
          .filter((line) => line.endsWith(" 0"))
          .map((line) => line.slice(0, -2))
          .sort(),
        files.sort(),
      )
    }),
  )
})
