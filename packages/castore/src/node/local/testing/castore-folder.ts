import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"
import type { BlobService } from "../../../blob/service.ts"
import type { B3Digest } from "../../../digest.ts"
import { noise } from "../../../testing/bytes.ts"
import { openLocalCastore, type LocalCastore, type LocalCastoreOptions } from "../open.ts"
import { describeCastoreFinding } from "../verify.ts"

/** A folder that is gone after the test. */
export function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tvix-local-"))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A castore that is closed after the test. */
export function castoreIn(t: TestContext, dir: string, options?: LocalCastoreOptions): LocalCastore {
  const castore = openLocalCastore(dir, options)
  t.after(() => castore.close())
  return castore
}

/** The bytes of a blob; `undefined` if it is not there. */
export async function bytesOfBlob(blobs: BlobService, digest: B3Digest): Promise<Buffer | undefined> {
  const contents = await blobs.read(digest)
  if (contents === undefined) return undefined
  const pieces: Uint8Array[] = []
  for await (const piece of contents) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** What `verify` finds, a line each. */
export async function findings(castore: LocalCastore, repair = false): Promise<string[]> {
  const lines: string[] = []
  for await (const finding of castore.verify({ repair })) lines.push(describeCastoreFinding(finding))
  return lines
}

/** Bytes that can be compressed to about a third: words of a vocabulary that depends on the seed. */
export function text(length: number, seed = 1): Uint8Array {
  const letters = noise(4096, seed)
  const choice = noise(Math.ceil(length / 2) + 1, seed + 7919)
  const bytes = new Uint8Array(length)
  for (let at = 0, word = 0; at < length; word++) {
    const from = choice[word]! * 8
    for (let i = 0; i < 4 + (choice[word]! % 5) && at < length; i++) bytes[at++] = 97 + (letters[from + i]! % 26)
    if (at < length) bytes[at++] = 32
  }
  return bytes
}
