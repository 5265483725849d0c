/** Random file trees for the fault campaigns, the same for the same seed. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export type Random = () => number

/** Numbers from 0 to 1, by a generator whose state is 32 bits (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * A tree with small files, some equal to files of other trees, links, and sometimes a file of several chunks that differs
 * from that of another tree in few places only.
 */
export function randomTree(dir: string, random: Random): void {
  mkdirSync(dir, { recursive: true })
  const folders = 1 + Math.floor(random() * 4)
  for (let folder = 0; folder < folders; folder++) {
    const inside = join(dir, `folder-${folder}`, "below")
    mkdirSync(inside, { recursive: true })
    const files = Math.floor(random() * 120)
    for (let file = 0; file < files; file++) {
      // One in three is from a small set that every tree draws from.
      const content = random() < 0.33 ? randomFrom(Math.floor(random() * 50)) : random
      writeFileSync(join(inside, `file-${file}`), bytes(Math.floor(content() ** 3 * 60_000), content), {
        mode: random() < 0.2 ? 0o755 : 0o644,
      })
    }
    symlinkSync("../below", join(inside, "link"))
  }
  if (random() < 0.7) {
    const large = bytes(6 * 2 ** 20, randomFrom(7))
    for (let change = 0; change < 3; change++)
      large[Math.floor(random() * large.length)]! ^= 1 + Math.floor(random() * 255)
    writeFileSync(join(dir, "large"), large)
  }
}

function bytes(length: number, random: Random): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32
  return new Uint8Array(words.buffer, 0, length)
}
