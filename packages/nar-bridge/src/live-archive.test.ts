import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { concat } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import fc from "fast-check"
import { LiveArchive } from "./live-archive.ts"

const NODE: Node = { type: "symlink", target: "nowhere" }
const { signal } = new AbortController()
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** An archive on its way here, in pieces of these lengths. */
class Coming {
  readonly bytes: Uint8Array
  readonly archive: LiveArchive
  /** Where somebody began to read it from the store. */
  readonly fromStore: number[] = []
  readonly #lengths: number[]
  #told = 0

  constructor(lengths: readonly number[]) {
    this.#lengths = [...lengths]
    this.bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0)).map((_, i) => i % 251)
    this.archive = new LiveArchive({ narSize: this.bytes.length, narHash: hash("sha256", this.bytes) })
  }
  /** @returns whether there was another piece */
  tell(): boolean {
    const length = this.#lengths.shift()
    if (length === undefined) return false
    // As pieces of a download, it is another one's memory afterwards.
    const piece = this.bytes.slice(this.#told, this.#told + length)
    this.archive.push(piece, this.#told)
    piece.fill(0)
    this.#told += length
    return true
  }
  read(until: AbortSignal = signal): AsyncGenerator<Uint8Array, void, undefined> {
    // oxlint-disable-next-line require-await -- as a store would give it
    const rest = async function* (this: Coming, _: Node, from: number): AsyncGenerator<Uint8Array> {
      this.fromStore.push(from)
      yield this.bytes.subarray(from)
    }
    return this.archive.read(rest.bind(this), until)
  }
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const read: Uint8Array[] = []
  for await (const piece of pieces) read.push(piece.slice())
  return concat(read)
}

describe("an archive that is being fetched", () => {
  test("is given away as it comes, but for its last piece", async () => {
    const coming = new Coming([10, 20, 30])
    const reader = coming.read()
    coming.tell()
    assert.equal((await reader.next()).value?.length, 10)
    coming.tell()
    coming.tell()
    assert.equal((await reader.next()).value?.length, 20)
    const last = reader.next()
    assert.equal(await Promise.race([last, turn()]), undefined, "it is not verified yet")
    coming.archive.finish(NODE)
    assert.equal((await last).value?.length, 30)
    assert.equal((await reader.next()).done, true)
    assert.deepEqual(coming.fromStore, [])
  })

  test("whoever falls behind has the rest from the store, and keeps nobody waiting", async () => {
    const piece = 2 ** 18
    const coming = new Coming(Array.from({ length: 12 }, () => piece))
    const slow = coming.read()
    coming.tell()
    await slow.next()
    while (coming.tell());
    const late = coming.read()
    coming.archive.finish(NODE)
    assert.equal((await all(slow)).length, 11 * piece)
    assert.deepEqual(await all(late), coming.bytes)
    assert.deepEqual(coming.fromStore, [piece, 0])
  })

  test("may come in a piece that is longer than what is kept", async () => {
    const coming = new Coming([2 ** 21, 2 ** 21])
    const reader = all(coming.read())
    while (coming.tell()) await turn()
    coming.archive.finish(NODE)
    assert.deepEqual(hash("sha256", await reader), coming.archive.narHash)
    assert.deepEqual(coming.fromStore, [])
  })

  test("what was said of it by nobody is in the store", async () => {
    const coming = new Coming([5])
    coming.archive.finish(NODE)
    await coming.archive.begun(signal)
    assert.deepEqual(await all(coming.read()), coming.bytes)
  })

  test("ends too early if it fails, before as after the first piece", async () => {
    const coming = new Coming([10, 10])
    const begun = coming.archive.begun(signal)
    const reader = coming.read()
    coming.archive.fail(new Error("cut"))
    await assert.rejects(begun, /cut/)
    await assert.rejects(all(reader), /cut/)
    const other = new Coming([10, 10])
    other.tell()
    await other.archive.begun(signal)
    const late = all(other.read())
    other.tell()
    other.archive.fail(new Error("not what it should be"))
    await assert.rejects(late, /not what it should be/)
  })

  test("nobody is given the beginning of one and the end of another", async () => {
    const coming = new Coming([10, 10, 10])
    const reader = coming.read()
    const patient = coming.read()
    coming.tell()
    await reader.next()
    coming.archive.push(new Uint8Array(10), 0)
    const all1 = all(reader)
    const all2 = all(patient)
    coming.archive.finish(NODE)
    await assert.rejects(all1, /fetched again/)
    assert.deepEqual(await all2, coming.bytes)
  })

  test("is not waited for by who has gone", async () => {
    const gone = new AbortController()
    const reader = all(new Coming([10, 10]).read(gone.signal))
    gone.abort(new Error("gone"))
    await assert.rejects(reader, /gone/)
  })

  test("comes whole to everybody, however they read and it comes", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 1, max: 2 ** 19 })), { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 60 }),
        async (lengths, steps) => {
          const coming = new Coming(lengths)
          const readers = [coming.read(), coming.read()].map((pieces) => ({ pieces, read: [] as Uint8Array[] }))
          const waiting = new Set<unknown>()
          for (const step of steps) {
            const reader = readers[step]
            if (reader === undefined) coming.tell()
            else if (!waiting.has(reader)) {
              waiting.add(reader)
              void reader.pieces.next().then(({ value }) => {
                if (value !== undefined) reader.read.push(value.slice())
                return waiting.delete(reader)
              })
            }
            // oxlint-disable-next-line no-await-in-loop -- one after the other
            await turn()
          }
          while (coming.tell());
          coming.archive.finish(NODE)
          await turn()
          for (const { pieces, read } of readers) {
            // oxlint-disable-next-line no-await-in-loop -- one after the other
            const rest = await all(pieces)
            assert.deepEqual(hash("sha256", concat([...read, rest])), coming.archive.narHash)
          }
        },
      ),
      { numRuns: 100 },
    ))
})
