import { invalid } from "../problem.ts"
import type { ChunkMeta, ReadOptions } from "./service.ts"

/**
 * The range that is wanted of a blob of `size` bytes: 0 <= from <= to <= size.
 *
 * @throws {CastoreError} `invalid` if a border is no whole number from 0 on, `to` may be infinite
 */
export function rangeOf(
  options: ReadOptions | undefined,
  size: number,
): { readonly from: number; readonly to: number } {
  const { from = 0, to = Infinity } = options ?? {}
  if (!isBorder(from)) throw invalid("from", `not a position: ${from}`)
  if (!isBorder(to) && to !== Infinity) throw invalid("to", `not a position: ${to}`)
  const end = Math.min(to, size)
  return { from: Math.min(from, end), to: end }
}

function isBorder(value: number): boolean {
  return Number.isInteger(value) && value >= 0
}

/** The chunks that [from, to) touches, each with the offset of its first byte. */
export function* chunksIn(
  chunks: readonly ChunkMeta[],
  from: number,
  to: number,
): Generator<{ readonly chunk: ChunkMeta; readonly start: number }, void, undefined> {
  let start = 0
  for (const chunk of chunks) {
    if (start >= to) return
    if (start + chunk.size > from && from < to) yield { chunk, start }
    start += chunk.size
  }
}
