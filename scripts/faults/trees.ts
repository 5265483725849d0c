/** Random file trees for the fault campaigns, the same for the same seed. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Random } from "../random.ts"

/**
 * A tree with small files, some equal to files of other trees, links, and sometimes a file of several chunks that differs
 * from that of another tree in few places only.
 */
export function randomTree(dir: string, random: Random): void {
  mkdirSync(dir, { recursive: true })
  const folders = random.between(1, 5)
  for (let folder = 0; folder < folders; folder++) {
    const inside = join(dir, `folder-${folder}`, "below")
    mkdirSync(inside, { recursive: true })
    const files = random.below(120)
    for (let file = 0; file < files; file++) {
      // One in three is from a small set that every tree draws from.
      const content = random.chance(0.33) ? new Random(random.below(50)) : random
      writeFileSync(join(inside, `file-${file}`), bytes(Math.floor(content.fraction() ** 3 * 60_000), content), {
        mode: random.chance(0.2) ? 0o755 : 0o644,
      })
    }
    symlinkSync("../below", join(inside, "link"))
  }
  if (random.chance(0.7)) {
    const large = bytes(6 * 2 ** 20, new Random(7))
    for (let change = 0; change < 3; change++) large[random.below(large.length)]! ^= random.between(1, 256)
    writeFileSync(join(dir, "large"), large)
  }
}

/** Without pattern. */
export function bytes(length: number, random: Random): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32)
  return new Uint8Array(words.buffer, 0, length)
}
