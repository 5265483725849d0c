/** The trees that the store's benchmarks read: the same bytes for the same sizes. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"

const MiB = 2 ** 20

/** Bytes that no compression shortens and no two chunks share. */
function* noise(seed: number): Generator<number, never> {
  let state = seed >>> 0 || 1
  for (;;) {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    yield state >>> 0
  }
}

function fill(bytes: Uint8Array, words: Generator<number, never>): void {
  const view = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
  for (let i = 0; i < view.length; i++) view[i] = words.next().value
}

/** Four files, `size` bytes in all: a multiple of 4 MiB. */
export function largeFiles(dir: string, size: number): void {
  mkdirSync(dir, { recursive: true })
  const words = noise(1)
  const block = new Uint8Array(MiB)
  fill(block, words)
  const head = new Uint32Array(block.buffer, 0, MiB / 4)
  for (let file = 0; file < 4; file++) {
    const output = openSync(join(dir, `large-${file}`), "wx")
    for (let left = size / 4; left > 0; left -= MiB) {
      // Other words everywhere, which is enough and far quicker than new noise.
      const salt = words.next().value
      for (let i = 0; i < head.length; i++) head[i] = (Math.imul(head[i]!, 0x9e3779b1) + salt) >>> 0
      writeSync(output, block)
    }
    closeSync(output)
  }
}

/** `count` files of 64 bytes to 12 KiB, 100 in a directory. */
export function smallFiles(dir: string, count: number): void {
  const words = noise(2)
  const block = new Uint8Array(12 * 1024)
  for (let i = 0; i < count; i++) {
    const folder = join(dir, `d${Math.floor(i / 100)}`)
    if (i % 100 === 0) mkdirSync(folder, { recursive: true })
    fill(block.subarray(0, 256), words)
    writeFileSync(join(folder, `f${i}`), block.subarray(0, 64 + (words.next().value % (block.length - 64))))
  }
}
