import { CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN } from "./gear.ts"
import { scriptScanner, wasmScanner, type Scanner } from "./scanner.ts"

let scanner: Scanner | undefined

/**
 * Where the chunk ends that begins at `from`: a position in (from, to], or -1 if that depends on bytes that are not there
 * yet. Calls share nothing, so any writers can take turns.
 *
 * @param bytes what there is of the blob, up to `to`
 * @param final whether the blob ends at `to`. Otherwise nothing is looked at before there are {@link CHUNK_MAX} bytes.
 */
export function cutChunk(bytes: Uint8Array, from: number, to: number, final: boolean): number {
  if (to - from < CHUNK_MAX && !final) return -1
  if (to - from <= CHUNK_MIN) return to
  return cutWith((scanner ??= wasmScanner() ?? scriptScanner()), bytes, from, to)
}

/** For more than {@link CHUNK_MIN} bytes, which are all of the blob or at least {@link CHUNK_MAX}. */
export function cutWith(scanner: Scanner, bytes: Uint8Array, from: number, to: number): number {
  const end = Math.min(to, from + CHUNK_MAX)
  // The crate looks at pairs of bytes, so at the last one only if it is the second of a pair.
  const paired = end - ((end - from) & 1)
  const average = Math.min(paired, from + CHUNK_AVERAGE)
  scanner.reset()
  let cut = scanner.scan(bytes, from + CHUNK_MIN, average, "before")
  if (cut < average) return cut
  cut = scanner.scan(bytes, average, paired, "after")
  return cut < paired ? cut : end
}
