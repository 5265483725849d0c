import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { concat } from "@tvix-ts/bytes"
import fc from "fast-check"
import { FuseError } from "./problem.ts"
import { decodeRequest, type RequestBody } from "./request.ts"
import { encodeRequest, name, u32, u64 } from "./testing/kernel.ts"

const int = fc.maxSafeNat()
const word = fc.nat({ max: 2 ** 32 - 1 })
const byteString = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => String.fromCharCode(...bytes.map((byte) => byte || 1)))
const range = fc.record({ handle: int, offset: int, size: word })

/** Each operation: its number, what is asked, and the bytes behind the header. */
const OPERATIONS: readonly fc.Arbitrary<readonly [opcode: number, body: RequestBody, parts: readonly Uint8Array[]]>[] =
  [
    byteString.map((text) => [1, { op: "lookup", name: text }, [name(text)]]),
    fc.tuple(int, int).map(([id, count]) => [2, { op: "forget", counts: [[id, count]] }, [u64(count)]]),
    fc
      .array(fc.tuple(int, int), { maxLength: 50 })
      .map((counts) => [
        42,
        { op: "forget", counts },
        [u32(counts.length, 0), ...counts.map(([id, count]) => u64(id, count))],
      ]),
    fc.constant([3, { op: "getattr" }, [u32(0, 0), u64(0)]]),
    fc.constant([5, { op: "readlink" }, []]),
    range.map(({ offset, size }) => [15, { op: "read", offset, size }, [u64(0, offset), u32(size, 0), u64(0, 0)]]),
    fc.constant([17, { op: "statfs" }, []]),
    fc
      .tuple(word, word, word, word)
      .map(([major, minor, readahead, flags]) => [
        26,
        { op: "init", major, minor, readahead, flags },
        [u32(major, minor, readahead, flags), new Uint8Array(48)],
      ]),
    fc.constant([27, { op: "opendir" }, [u32(0, 0)]]),
    range.map((ask) => [44, { op: "readdirplus", ...ask }, [u64(ask.handle, ask.offset), u32(ask.size, 0), u64(0, 0)]]),
    int.map((handle) => [29, { op: "releasedir", handle }, [u64(handle), u32(0, 0), u64(0)]]),
    int.map((unique) => [36, { op: "interrupt", unique }, [u64(unique)]]),
    fc.constant([38, { op: "destroy" }, []]),
    fc.constant([41, { op: "notify-reply" }, [new Uint8Array(40)]]),
    fc
      .constantFrom(4, 8, 9, 10, 11, 12, 16, 21, 35, 45)
      .map((opcode) => [opcode, { op: "change" }, [new Uint8Array(16)]]),
    fc.constantFrom(14, 18, 20, 22, 46, 4096).map((opcode) => [opcode, { op: "unknown", opcode }, [new Uint8Array(8)]]),
  ]

describe("requests", () => {
  test("are taken apart as the kernel put them together", () => {
    fc.assert(
      fc.property(fc.oneof(...OPERATIONS), int, int, ([opcode, body, parts], unique, id) => {
        const request = decodeRequest(encodeRequest(opcode, unique, id, ...parts))
        // FORGET says in the header what is forgotten.
        const expected = opcode === 2 && body.op === "forget" ? { ...body, counts: [[id, body.counts[0]![1]]] } : body
        assert.deepEqual(request, { unique, id, body: expected })
      }),
    )
  })

  test("shorter ones than they say are refused, and never misread", () => {
    fc.assert(
      fc.property(fc.oneof(...OPERATIONS), fc.nat(), ([opcode, , parts], cut) => {
        const whole = encodeRequest(opcode, 2, 1, ...parts)
        const bytes = whole.slice(0, cut % whole.length)
        assert.throws(() => decodeRequest(bytes), isProtocol)
        // And if it says so itself.
        if (bytes.length < 4) return
        new DataView(bytes.buffer).setUint32(0, bytes.length, true)
        try {
          decodeRequest(bytes)
        } catch (error) {
          assert.ok(isProtocol(error))
        }
      }),
    )
  })

  for (const [what, bytes] of [
    ["an empty one", new Uint8Array()],
    ["a name without an end", encodeRequest(1, 2, 1, Uint8Array.of(65))],
    ["a name that goes on after its end", encodeRequest(1, 2, 1, concat([name("a"), name("b")]))],
    ["more that is forgotten than is there", encodeRequest(42, 2, 1, u32(2 ** 31, 0), u64(1, 1))],
  ] as const) {
    test(`refuses ${what}`, () => assert.throws(() => decodeRequest(bytes), isProtocol))
  }
})

function isProtocol(error: unknown): boolean {
  return error instanceof FuseError && error.problem.code === "protocol"
}
