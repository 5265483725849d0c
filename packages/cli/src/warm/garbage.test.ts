import assert from "node:assert/strict"
import { constants, PerformanceObserver } from "node:perf_hooks"
import { test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { collectOnTheWay, heapUsed } from "./garbage.ts"

const objects = (count: number): readonly object[] => Array.from({ length: count }, (_, i) => ({ i }))

/** Of collections: those that V8 was told to make. */
const isForced = (entry: unknown): boolean =>
  ((entry as { readonly detail: { readonly flags: number } }).detail.flags &
    constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !==
  0

test("garbage is collected once, when there is much from before and more is made", async () => {
  const forced: unknown[] = []
  const observer = new PerformanceObserver((list) => void forced.push(...list.getEntries().filter(isForced)))
  observer.observe({ entryTypes: ["gc"] })
  // Held, so that V8 finds nothing to collect by itself.
  const held = [objects(2_000_000)]
  assert.ok(heapUsed() > 64 * 2 ** 20, `${heapUsed()} bytes are in use`)
  const over = collectOnTheWay()
  try {
    await pause(100)
    assert.equal(forced.length, 0)
    held.push(objects(800_000))
    // oxlint-disable-next-line no-await-in-loop -- until it has happened
    for (let i = 0; i < 100 && forced.length === 0; i++) await pause(20)
    held.push(objects(800_000))
    await pause(100)
    assert.equal(forced.length, 1)
    assert.equal(held.length, 3)
  } finally {
    over()
    observer.disconnect()
  }
})
