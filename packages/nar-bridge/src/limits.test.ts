import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { Gate, RateLimiter, Shares } from "./limits.ts"
import { CacheError } from "./problem.ts"

function isProblem(code: CacheError["problem"]["code"]): (error: unknown) => boolean {
  return (error) => error instanceof CacheError && error.problem.code === code
}

describe("rates", () => {
  test("so many at once, then as many as the time allows, of each address", () => {
    let now = 0
    const limiter = new RateLimiter(10, 2, () => now)
    for (let i = 0; i < 20; i++) limiter.count("a")
    assert.throws(() => limiter.count("a"), isProblem("rate"))
    limiter.count("b")
    now = 99
    assert.throws(() => limiter.count("a"), isProblem("rate"))
    now = 200
    limiter.count("a")
    limiter.count("a")
    assert.throws(() => limiter.count("a"), isProblem("rate"))
  })

  test("says when to come again", () => {
    const limiter = new RateLimiter(0.1, 10, () => 0)
    limiter.count("a")
    assert.throws(
      () => limiter.count("a"),
      (error) => error instanceof CacheError && error.problem.code === "rate" && error.problem.retryAfterSeconds === 10,
    )
  })

  test("clients that were not seen for long are forgotten", () => {
    let now = 0
    const limiter = new RateLimiter(1, 1, () => now)
    for (let i = 0; i < 20_000; i++) limiter.count(`a${i}`)
    now = 1000
    for (let i = 0; i < 20_000; i++) limiter.count(`b${i}`)
    assert.throws(() => limiter.count("b0"), isProblem("rate"))
  })

  test("those that are limited are not, however many others come; they share what one may have", () => {
    const limiter = new RateLimiter(1, 2, () => 0)
    for (let i = 0; i < 20_000; i++) limiter.count(`a${i}`)
    for (let i = 0; i < 2; i++) limiter.count(`b${i}`)
    assert.throws(() => limiter.count("b2"), isProblem("rate"))
    limiter.count("a0")
    assert.throws(() => limiter.count("a0"), isProblem("rate"))
  })
})

describe("gates", () => {
  const { signal } = new AbortController()
  const options = { what: "uploads", insideMax: 1, waitingMax: 1, waitMs: 60_000 }

  test("who waits is let in when somebody leaves", async () => {
    const gate = new Gate(options)
    const leave = await gate.enter(signal, "a")
    let inside = false
    const waiting = gate.enter(signal, "a").then((leaveToo) => {
      inside = true
      return leaveToo
    })
    await Promise.resolve()
    assert.equal(inside, false)
    leave()
    const leaveToo = await waiting
    assert.equal(inside, true)
    await assertFull(gate)
    leaveToo()
    await gate.enter(signal, "a")
  })

  test("not too many wait", async () => {
    const gate = new Gate({ ...options, waitingMax: 0 })
    await gate.enter(signal, "a")
    await assert.rejects(gate.enter(signal, "b"), isProblem("busy"))
  })

  test("nor for ever", async () => {
    const gate = new Gate({ ...options, waitMs: 1 })
    const leave = await gate.enter(signal, "a")
    await assert.rejects(gate.enter(signal, "b"), isProblem("busy"))
    leave()
    await gate.enter(signal, "b")
  })

  test("who has gone away does not wait", async () => {
    const gate = new Gate(options)
    const leave = await gate.enter(signal, "a")
    const abort = new AbortController()
    const waiting = gate.enter(abort.signal, "a")
    abort.abort(new Error("gone"))
    await assert.rejects(waiting, /gone/)
    leave()
    await gate.enter(signal, "a")
  })

  test("of one client fewer are let in, who keep nobody else out", async () => {
    const gate = new Gate({ what: "downloads", insideMax: 3, insidePerClientMax: 2, waitingMax: 10, waitMs: 60_000 })
    const leave = await gate.enter(signal, "a")
    await gate.enter(signal, "a")
    const order: string[] = []
    const third = gate.enter(signal, "a").then(() => order.push("a"))
    const leaveOther = await gate.enter(signal, "b")
    const more = gate.enter(signal, "b").then(() => order.push("b"))
    // Of "a" nobody has left yet.
    leaveOther()
    await more
    leave()
    await third
    assert.deepEqual(order, ["b", "a"])
  })

  test("of whom nothing is known, only all together are counted", () => {
    const shares = new Shares(1)
    for (const [client, isFree] of [
      ["", true],
      ["a", false],
    ] as const) {
      assert.ok(shares.isFree(client))
      shares.take(client)
      assert.equal(shares.isFree(client), isFree)
      shares.giveBack(client)
      assert.ok(shares.isFree(client))
    }
  })

  /** Somebody is inside, and one more may wait. */
  async function assertFull(gate: Gate): Promise<void> {
    const abort = new AbortController()
    const waiting = gate.enter(abort.signal, "a")
    await assert.rejects(gate.enter(signal, "a"), isProblem("busy"))
    abort.abort(new Error("gone"))
    await assert.rejects(waiting, /gone/)
  }
})
