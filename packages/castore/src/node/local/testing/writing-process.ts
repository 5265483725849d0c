/**
 * A process that writes until it is killed: `node writing-process.ts DIR SEED ROOTS`. For every commit it adds the hex digests
 * that are durable by then to the file ROOTS/SEED, and prints a line. Now and then it collects garbage: what all files in
 * ROOTS list is kept.
 */
import { decodeHex, encodeHex } from "@tvix-ts/bytes"
import { appendFileSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { toDigest, type B3Digest } from "../../../digest.ts"
import type { FileNode } from "../../../node.ts"
import { noise } from "../../../testing/bytes.ts"
import { openLocalCastore } from "../open.ts"

/** The blobs that writing processes had committed when they were killed. */
export function* rootsIn(dir: string): Generator<FileNode, void, undefined> {
  for (const name of readdirSync(dir)) {
    for (const hex of readFileSync(join(dir, name), "utf8").split("\n")) {
      // The last one may be cut off.
      const bytes = hex.length === 64 ? decodeHex(hex) : undefined
      if (bytes !== undefined) yield { type: "file", digest: toDigest(bytes, "root"), size: 0, executable: false }
    }
  }
}

async function write(dir: string, seed: number, roots: string): Promise<never> {
  // Small packs, so that many are begun and finished.
  const castore = openLocalCastore(dir, { packBytes: 2 ** 22 })
  const batch = castore.blobs.batch()
  for (let round = 0; ; round++) {
    const digests: Promise<B3Digest>[] = []
    for (let i = 0; i < 40; i++) {
      const writer = batch.blob()
      const size = i === 0 ? 1_500_000 : (i * 997) % 9000
      await writer.write(noise(size, seed * 1_000_000 + round * 100 + i))
      digests.push(writer.end())
    }
    await batch.commit()
    const lines = (await Promise.all(digests)).map((digest) => `${encodeHex(digest)}\n`)
    appendFileSync(join(roots, String(seed)), lines.join(""))
    process.stdout.write("committed\n")
    if (round % 4 === 3) await castore.collect({ roots: rootsIn(roots) }).catch(() => undefined)
  }
}

if (process.argv[1] === import.meta.filename) {
  const [dir = "", seed = "", roots = ""] = process.argv.slice(2)
  await write(dir, Number(seed), roots)
}
