/** Archives of single files: what most that evaluation adds is, so it is hashed without a writer for each. */
import { concat } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import { NarWriter } from "@tvix-ts/nix-compat"
import type { NarCalculation } from "@tvix-ts/store"

/** Bytes of the length of the contents; contents are padded to a multiple of it. */
const WORD = 8
/** Bytes after the contents: a closing parenthesis as a string. */
const END = 2 * WORD

/** The archive of an empty file. That of any other has its length, contents and padding between its ends. */
function emptyArchive(executable: boolean): Uint8Array {
  const pieces: Uint8Array[] = []
  new NarWriter((bytes) => void pieces.push(bytes.slice())).file(0, executable)
  return concat(pieces)
}
const PLAIN = emptyArchive(false)
const EXECUTABLE = emptyArchive(true)

/** Size and SHA-256 of the archive of a file. */
export function fileNar(contents: Uint8Array, executable: boolean): NarCalculation {
  const empty = executable ? EXECUTABLE : PLAIN
  const narSize = empty.length + Math.ceil(contents.length / WORD) * WORD
  const archive = new Uint8Array(narSize)
  const start = empty.length - END
  archive.set(empty.subarray(0, start))
  new DataView(archive.buffer).setBigUint64(start - WORD, BigInt(contents.length), true)
  archive.set(contents, start)
  archive.set(empty.subarray(start), narSize - END)
  return { narSize, narHash: hash("sha256", archive) }
}
