/** The filter, run by a machine of its own: whoever has no such processor sees what it does there, too. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { seccompFilter } from "./seccomp.ts"

const ALLOWED = 0x7fff0000
const EPERM = 0x00050001
const ENOTSUP = 0x0005005f

/** What the program answers for a call: classic BPF, of which it needs four instructions. */
function answerOf(program: Uint8Array, architecture: number, number: number, args: readonly number[]): number {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, number, true)
  data.setUint32(4, architecture, true)
  for (const [index, value] of args.entries()) data.setBigUint64(16 + 8 * index, BigInt(value), true)
  const code = new DataView(program.buffer, program.byteOffset, program.length)
  let loaded = 0
  for (let at = 0; at < program.length; at += 8) {
    const k = code.getUint32(at + 4, true)
    const jump = (taken: boolean): void => void (at += 8 * code.getUint8(at + (taken ? 2 : 3)))
    switch (code.getUint16(at, true)) {
      case 0x20:
        loaded = data.getUint32(k, true)
        break
      case 0x15:
        jump(loaded === k)
        break
      case 0x45:
        jump((loaded & k) !== 0)
        break
      case 0x06:
        return k
      default:
        assert.fail(`instruction ${at / 8}`)
    }
  }
  return assert.fail("it does not end")
}

const X86_64 = 0xc000003e
const I386 = 0x40000003
const AARCH64 = 0xc00000b7
const ARM = 0x40000028
const X32 = 0x40000000

/** Calls that set permissions, and which argument has them; calls that set attributes; others with the same arguments. */
const MACHINES = [
  [
    "x64",
    X86_64,
    { chmod: [90, 1], fchmod: [91, 1], fchmodat: [268, 2], fchmodat2: [452, 2] },
    [188, 189, 190, 463],
    [2, 257],
  ],
  ["x64", X86_64, { chmod: [90 | X32, 1], fchmodat: [268 | X32, 2] }, [188 | X32, 190 | X32], [2 | X32]],
  [
    "x64",
    I386,
    { chmod: [15, 1], fchmod: [94, 1], fchmodat: [306, 2], fchmodat2: [452, 2] },
    [226, 227, 228, 463],
    [90, 188],
  ],
  ["arm64", AARCH64, { fchmod: [52, 1], fchmodat: [53, 2], fchmodat2: [452, 2] }, [5, 6, 7, 463], [90, 56]],
  [
    "arm64",
    ARM,
    { chmod: [15, 1], fchmod: [94, 1], fchmodat: [333, 2], fchmodat2: [452, 2] },
    [226, 227, 228, 463],
    [52, 5],
  ],
] as const

for (const [machine, architecture, modes, attributes, others] of MACHINES) {
  describe(`the filter of ${machine}, for calls of ${architecture.toString(16)}`, () => {
    const program = seccompFilter(machine)!
    const answer = (number: number, args: readonly number[]): number => answerOf(program, architecture, number, args)
    const withMode = (at: number, mode: number): number[] =>
      Object.assign([0xffff_ffff, 0xffff_ffff, 0], { [at]: mode })

    for (const [name, [number, at]] of Object.entries(modes)) {
      test(`${name} sets permissions, but not whose a program runs as`, () => {
        for (const mode of [0, 0o644, 0o777, 0o1777]) assert.equal(answer(number, withMode(at, mode)), ALLOWED)
        for (const mode of [0o4755, 0o2755, 0o6000, 0o7777]) assert.equal(answer(number, withMode(at, mode)), EPERM)
      })
    }
    test("attributes are not set", () => {
      for (const number of attributes) assert.equal(answer(number, [0, 0, 0]), ENOTSUP)
    })
    test("all else is allowed", () => {
      for (const number of others) assert.equal(answer(number, [0o7777, 0o7777, 0o7777]), ALLOWED)
    })
  })
}

test("there is none where the calls are not known", () => assert.equal(seccompFilter("s390x"), undefined))
test("calls of other machines are none of its business", () => {
  assert.equal(answerOf(seccompFilter("x64")!, AARCH64, 90, [0, 0o4755]), ALLOWED)
})
