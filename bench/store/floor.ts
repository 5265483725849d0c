/**
 * The least that an import can do: reads files, hashes what is in them with BLAKE3, and writes it once, durably. Run by
 * main.ts as a program of its own, so that both sides pay for starting.
 *
 *     node floor.ts TREE DESTINATION
 */
import { Blake3Hasher } from "@napi-rs/blake-hash"
import { closeSync, fdatasyncSync, openSync, readdirSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"

const [tree = "", destination = ""] = process.argv.slice(2)
const buffer = new Uint8Array(2 ** 20)
const output = openSync(destination, "wx")
for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const input = openSync(join(entry.parentPath, entry.name), "r")
  const hasher = new Blake3Hasher()
  for (let length = readSync(input, buffer); length > 0; length = readSync(input, buffer)) {
    const bytes = buffer.subarray(0, length)
    hasher.update(bytes)
    writeSync(output, bytes)
  }
  hasher.digestBuffer()
  closeSync(input)
}
fdatasyncSync(output)
closeSync(output)
