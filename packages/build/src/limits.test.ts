import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, mock, test } from "node:test"
import { withinLimits, type Limited } from "./limits.ts"
import { BuildError } from "./problem.ts"

/** What it fails with: the problem's code, or what was thrown. */
async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work
  } catch (error) {
    return error instanceof BuildError ? error.problem.code : error
  }
}
const untilTold = ({ signal }: Limited): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gave up"))))

describe("limits of a build", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }))
  afterEach(() => mock.timers.reset())

  test("there need be none", async () => {
    assert.equal(await outcome(withinLimits({}, async () => "made")), "made")
  })
  test("what fails by itself, fails so", async () => {
    const failure = new Error("by itself")
    assert.equal(
      await outcome(
        withinLimits({ timeoutMs: 10 }, async () => {
          throw failure
        }),
      ),
      failure,
    )
  })
  test("time", async () => {
    const ran = outcome(withinLimits({ timeoutMs: 1000 }, untilTold))
    mock.timers.tick(1000)
    assert.equal(await ran, "timeout")
  })
  test("silence, which whatever happens ends", async () => {
    let limited: Limited | undefined
    const ran = outcome(withinLimits({ silenceMs: 1000 }, (it) => untilTold((limited = it))))
    for (const happen of [() => limited!.onActivity(), () => limited!.onLog(new Uint8Array(1))]) {
      mock.timers.tick(999)
      happen()
    }
    mock.timers.tick(999)
    assert.equal(limited!.signal.aborted, false)
    mock.timers.tick(1)
    assert.equal(await ran, "silence")
  })
  test("what it says", async () => {
    let heard = 0
    const limits = { logBytesMax: 10, onLog: (bytes: Uint8Array) => void (heard += bytes.length) }
    const say = async ({ onLog, signal }: Limited): Promise<void> => {
      for (let i = 0; i < 5; i++) onLog(new Uint8Array(4))
      signal.throwIfAborted()
    }
    assert.equal(await outcome(withinLimits(limits, say)), "log-limit")
    assert.equal(heard, 8)
  })
  test("the caller's patience", async () => {
    const caller = new AbortController()
    const ran = outcome(withinLimits({ signal: caller.signal, timeoutMs: 1000 }, untilTold))
    caller.abort("enough")
    assert.equal(await ran, "enough")
  })
})
