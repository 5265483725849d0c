/** What an input of chunker/vectors.json is made by. */
export interface CutInput {
  readonly size: number
  /** Seed of Marsaglia's generator, of which each byte is the upper 8 bits. */
  readonly xorshift32?: number
  /** How many different bytes there are, from "a" on. */
  readonly letters?: number
  readonly repeat?: "00" | "00..fe"
}

export interface CutVectors {
  /** Lengths of the chunks, in order. */
  readonly cuts: readonly { readonly input: CutInput; readonly lengths: readonly number[] }[]
}

export function cutInput({ size, xorshift32, letters, repeat }: CutInput): Uint8Array {
  const bytes = new Uint8Array(size)
  if (repeat === "00..fe") return bytes.map((_, i) => i % 255)
  if (xorshift32 === undefined) return bytes
  let state = xorshift32
  for (let i = 0; i < size; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = letters === undefined ? state >>> 24 : 0x61 + ((state >>> 24) & (letters - 1))
  }
  return bytes
}
