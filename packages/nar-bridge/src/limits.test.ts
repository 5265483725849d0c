import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { Gate, RateLimiter } from "./limits.ts"
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

  test("addresses that were not seen for long are forgotten", () => {
    const limiter = new RateLimiter(1, 1, () => 0)
    limiter.count("a")
    for (let i = 0; i < 20_000; i++) limiter.count(`b${i}`)
    limiter.count("a")
  })
})

describe("gates", () => {
  const { signal } = new AbortController()
  const options = { what: "uploads", insideMax: 1, waitingMax: 1, waitMs: 60_000 }

  test("who waits is let in when somebody leaves", async () => {
    const gate = new Gate(options)
    await gate.enter(signal)
    let inside = false
    const waiting = gate.enter(signal).then(() => (inside = true))
    await Promise.resolve()
    assert.equal(inside, false)
    gate.leave()
    await waiting
    assert.equal(inside, true)
    await assertFull(gate)
    gate.leave()
    await gate.enter(signal)
  })

  test("not too many wait", async () => {
    const gate = new Gate({ ...options, waitingMax: 0 })
    await gate.enter(signal)
    await assert.rejects(gate.enter(signal), isProblem("busy"))
  })

  test("nor for ever", async () => {
    const gate = new Gate({ ...options, waitMs: 1 })
    await gate.enter(signal)
    await assert.rejects(gate.enter(signal), isProblem("busy"))
    gate.leave()
    await gate.enter(signal)
  })

  test("who has gone away does not wait", async () => {
    const gate = new Gate(options)
    await gate.enter(signal)
    const abort = new AbortController()
    const waiting = gate.enter(abort.signal)
    abort.abort(new Error("gone"))
    await assert.rejects(waiting, /gone/)
    gate.leave()
    await gate.enter(signal)
  })

  /** Somebody is inside, and one more may wait. */
  async function assertFull(gate: Gate): Promise<void> {
    const abort = new AbortController()
    const waiting = gate.enter(abort.signal)
    await assert.rejects(gate.enter(signal), isProblem("busy"))
    abort.abort(new Error("gone"))
    await assert.rejects(waiting, /gone/)
  }
})
