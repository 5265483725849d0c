import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { concat } from "@tvix-ts/bytes"
import { NarError, NarReader, NarWriter, type NarProblem } from "@tvix-ts/nix-compat"
import type { Case } from "./main.ts"

/** What nars.sh expects of each: a problem, or that it comes out as it went in. */
const EXPECTED: Readonly<Record<string, NarProblem["code"] | "good">> = {
  "dot.nar": "name-dots",
  "dotdot.nar": "name-dots",
  "slash.nar": "name-slash",
  "empty.nar": "name-empty",
  "nul-character.nar": "name-nul",
  "duplicate.nar": "name-order",
  "executable-after-contents.nar": "word",
  "name-after-node.nar": "word",
  // Names that some file systems take for one: nothing is wrong with the archives.
  "case.nar": "good",
  "case-collision.nar": "good",
  "unnormalized.nar": "good",
}

/** The archives of tests/functional. */
export function archiveCases(folder: string): Case[] {
  const names = new Set([...Object.keys(EXPECTED), ...readdirSync(folder).filter((name) => name.endsWith(".nar"))])
  return [...names].flatMap((name) =>
    // Whole, and in pieces that end anywhere.
    [Infinity, 1, 13].map((pieceLength) => ({
      name: `${name}, ${pieceLength} bytes at a time`,
      run() {
        const archive = readFileSync(join(folder, name))
        const expected = EXPECTED[name]
        assert.ok(expected !== undefined, "there is a new one")
        if (expected === "good") {
          assert.deepEqual(copied(archive, pieceLength), new Uint8Array(archive))
        } else {
          const isExpected = (error: unknown): boolean => error instanceof NarError && error.problem.code === expected
          assert.throws(() => copied(archive, pieceLength), isExpected)
        }
      },
    })),
  )
}

/** Read and written again. */
function copied(archive: Uint8Array, pieceLength: number): Uint8Array {
  const pieces: Uint8Array[] = []
  const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
  const reader = new NarReader(writer)
  for (let at = 0; at < archive.length; at += pieceLength) void reader.write(archive.subarray(at, at + pieceLength))
  reader.end()
  void writer.end()
  return concat(pieces)
}
