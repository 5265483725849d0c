import assert from "node:assert/strict"
import { test } from "node:test"
import { Pool } from "./pool.ts"

test("no more at once than allowed, in the order in which it was added, work that work adds included", async () => {
  const pool = new Pool(3)
  const begun: number[] = []
  let running = 0
  let most = 0
  const work = (i: number) => async (): Promise<void> => {
    begun.push(i)
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    if (i < 2500) pool.add(work(i + 2500))
    running--
  }
  for (let i = 0; i < 2500; i++) pool.add(work(i))
  await pool.done()
  assert.equal(most, 3)
  assert.deepEqual(
    begun,
    Array.from({ length: 5000 }, (_, i) => i),
  )
})

test("nothing to do is done", async () => {
  await new Pool(1).done()
})

test("after a failure nothing more is begun, and what was begun is waited for", async () => {
  const pool = new Pool(2)
  const ended: string[] = []
  const slow = Promise.withResolvers<void>()
  pool.add(async () => {
    await slow.promise
    ended.push("slow")
  })
  pool.add(async () => {
    await new Promise(setImmediate)
    slow.resolve()
    throw new Error("first")
  })
  pool.add(async () => void ended.push("never"))
  await assert.rejects(pool.done(), /first/)
  assert.deepEqual(ended, ["slow"])
})
