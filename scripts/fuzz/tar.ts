/** Tape archives, mutated: what must hold of any of them. */
import assert from "node:assert/strict"
import { byteStringFrom, bytesOf, concat } from "@tvix-ts/bytes"
import { FetchError, TarReader, type TarEntry } from "@tvix-ts/glue"
import type { Dictionary } from "./mutate.ts"

const BLOCK = 512

export const TAR_DICTIONARY: Dictionary = {
  tokens: [
    ..."01234567LKxgSVMDZ".split(""),
    ..."../ a/b / . ustar\0 ustar\x20\x20\0 30\x20path=x\n 9\x20size=1\n 19\x20linkpath=../../x\n".split(" "),
    "\0".repeat(BLOCK),
    "\x80\0\0\0\0\0\0\0\0\0\x02\0",
    "\xff".repeat(12),
    "77777777777\0",
  ],
  nests: [],
}

export function tarSeeds(): string[] {
  const header = (name: string, type: string, size: number): Uint8Array => {
    const block = new Uint8Array(BLOCK)
    const put = (at: number, text: string): void => block.set(bytesOf(text), at)
    put(0, name)
    put(100, "0000755\0")
    put(124, `${size.toString(8).padStart(11, "0")}\0`)
    put(148, " ".repeat(8))
    put(156, type)
    put(157, type === "1" || type === "2" ? "target" : "")
    put(257, "ustar\x0000")
    put(
      148,
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0`,
    )
    return block
  }
  const entry = (name: string, type: string, contents: string): Uint8Array => {
    const padding = new Uint8Array((BLOCK - (contents.length % BLOCK)) % BLOCK)
    return concat([header(name, type, contents.length), bytesOf(contents), padding])
  }
  const end = new Uint8Array(2 * BLOCK)
  return [
    [entry("a", "0", "contents"), entry("b/", "5", ""), entry("b/c", "2", ""), entry("d", "1", "")],
    [entry("@", "L", `${"long/".repeat(30)}\0`), entry("x", "0", "y".repeat(600)), entry("@", "K", "t\0")],
    [entry("pax", "g", "12 comment=x\n"), entry("pax", "x", "10 path=x\n10 size=3\n"), entry("z", "0", "abc")],
  ].map((parts) => byteStringFrom(concat([...parts, end])))
}

/**
 * Whatever comes is told as entries with as much contents as they have, or refused as a `FetchError`; and the same, in
 * whichever pieces it comes.
 */
export function checkTar(input: string): string | undefined {
  const bytes = repaired(input)
  try {
    const whole = told(bytes, bytes.length)
    for (const size of [1, BLOCK - 1, BLOCK + 1]) assert.equal(told(bytes, size), whole)
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** With checksums that are right, or nearly everything would be refused for the same reason. */
function repaired(input: string): Uint8Array {
  const bytes = bytesOf(input)
  for (let at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK)
    if (byteStringFrom(block.subarray(257, 262)) !== "ustar") continue
    block.fill(0x20, 148, 156)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.set(bytesOf(`${sum.toString(8).padStart(6, "0")}\0`), 148)
  }
  return bytes
}

function told(bytes: Uint8Array, size: number): string {
  const lines: string[] = []
  let open: TarEntry | undefined
  let left = 0
  const reader = new TarReader({
    entry(entry) {
      assert.equal(open, undefined)
      assert.ok(Number.isSafeInteger(entry.size) && entry.size >= 0)
      lines.push(`${entry.type} ${entry.path} ${entry.target} ${entry.size}`)
      if (entry.type !== "file") return
      open = entry
      left = entry.size
    },
    contents(piece) {
      left -= piece.length
      assert.ok(open !== undefined && left >= 0)
    },
    endFile() {
      assert.ok(open !== undefined && left === 0)
      open = undefined
    },
  })
  try {
    for (let at = 0; at < bytes.length; at += size) assert.equal(reader.write(bytes.subarray(at, at + size)), undefined)
    reader.end()
    assert.equal(open, undefined)
  } catch (error) {
    if (!(error instanceof FetchError)) throw error
    lines.push(error.message)
  }
  return lines.join("\n")
}
