import { decodeBase64 } from "@tvix-ts/bytes"
import { gearTable, MASK_AFTER, MASK_BEFORE } from "./gear.ts"
import { SCAN_WASM } from "./scan.gen.ts"

/** Which mask: the first up to the average size, the second after it. */
export type Phase = "before" | "after"

/** The gear hash running over the bytes of one chunk. */
export interface Scanner {
  /** Begins a chunk. */
  reset(): void
  /**
   * Looks at the bytes in [from, to), an even number of them that follow those of the last call. Gives the first position
   * at which the chunk may end, not including that byte; `to` if there is none.
   */
  scan(bytes: Uint8Array, from: number, to: number, phase: Phase): number
}

/** Bytes. Memory is one page: two tables, then room for what is looked at; scan.wat says where. */
const TABLES = 4096
/** Small enough to be still in the processor's nearest caches when it is scanned: so copying costs next to nothing. */
const BLOCK = 32 * 1024

/** Twice as fast as {@link scriptScanner} (bench/chunker.ts); `undefined` where WebAssembly is missing or forbidden. */
export function wasmScanner(): Scanner | undefined {
  if (typeof WebAssembly === "undefined") return undefined
  let exports: Readonly<Record<string, unknown>>
  try {
    ;({ exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(decodeBase64(SCAN_WASM)!))))
  } catch {
    // A page's content security policy may forbid it.
    return undefined
  }
  const { buffer } = exports["memory"] as WebAssembly.Memory
  const reset = exports["reset"] as () => void
  const scan = exports["scan"] as (from: number, to: number, mask: bigint) => number
  const gear = gearTable()
  new BigUint64Array(buffer, 0, 256).set(gear)
  new BigUint64Array(buffer, 2048, 256).set(gear.map((entry) => entry << 1n))
  const block = new Uint8Array(buffer, TABLES, BLOCK)
  return {
    reset,
    scan(bytes, from, to, phase) {
      const mask = phase === "before" ? MASK_BEFORE : MASK_AFTER
      for (let at = from; at < to; at += BLOCK) {
        const length = Math.min(BLOCK, to - at)
        block.set(bytes.subarray(at, at + length))
        const end = scan(TABLES, TABLES + length, mask) - TABLES
        if (end < length) return at + end
      }
      return to
    },
  }
}

const HALF = 0xff_ffff
const half = (mask: bigint, shift: bigint): number => Number((mask >> shift) & 0xff_ffffn)

/** The same in JavaScript alone. The upper 16 bits of the hash are left out: no mask looks at them, and they carry nowhere. */
export function scriptScanner(): Scanner {
  const gear = gearTable()
  const gearLow = Int32Array.from(gear, (entry) => half(entry, 0n))
  const gearHigh = Int32Array.from(gear, (entry) => half(entry, 24n))
  const masks = {
    before: [half(MASK_BEFORE, 24n), half(MASK_BEFORE, 0n)],
    after: [half(MASK_AFTER, 24n), half(MASK_AFTER, 0n)],
  } as const
  let low = 0
  let high = 0
  return {
    reset() {
      low = 0
      high = 0
    },
    scan(bytes, from, to, phase) {
      const [maskHigh, maskLow] = masks[phase]
      let lowNow = low
      let highNow = high
      for (let at = from; at < to; at++) {
        const byte = bytes[at]!
        lowNow = (lowNow << 1) + gearLow[byte]!
        highNow = ((highNow << 1) + gearHigh[byte]! + (lowNow >>> 24)) | 0
        lowNow &= HALF
        if ((highNow & maskHigh) === 0 && (lowNow & maskLow) === 0) return at
      }
      low = lowNow
      high = highNow
      return to
    },
  }
}
