import assert from "node:assert/strict"
import { test } from "node:test"
import { SharedCalls } from "./shared-calls.ts"

/** A call that ends when it is told to, or given up. */
function held() {
  const calls: { readonly signal: AbortSignal; readonly end: PromiseWithResolvers<string> }[] = []
  const call = (signal: AbortSignal): Promise<string> => {
    const end = Promise.withResolvers<string>()
    signal.addEventListener("abort", () => end.reject(signal.reason))
    calls.push({ signal, end })
    return end.promise
  }
  return { calls, call }
}

test("the same is called once while it goes on, and again afterwards", async () => {
  const shared = new SharedCalls<string>()
  const { calls, call } = held()
  const both = [shared.run("a", undefined, call), shared.run("a", undefined, call)]
  const other = shared.run("b", undefined, call)
  assert.equal(calls.length, 2)
  calls[0]!.end.resolve("one")
  calls[1]!.end.resolve("two")
  assert.deepEqual(await Promise.all([...both, other]), ["one", "one", "two"])
  const again = shared.run("a", undefined, call)
  assert.equal(calls.length, 3)
  calls[2]!.end.reject(new Error("no"))
  await assert.rejects(again, /no/)
})

test("who gives up leaves the others alone; when all have, the call ends", async () => {
  const shared = new SharedCalls<string>()
  const { calls, call } = held()
  const stops = [new AbortController(), new AbortController()]
  const waiting = stops.map(({ signal }) => shared.run("a", signal, call))
  stops[0]!.abort(new Error("first"))
  await assert.rejects(waiting[0]!, /first/)
  assert.equal(calls[0]!.signal.aborted, false)
  stops[1]!.abort(new Error("second"))
  await assert.rejects(waiting[1]!, /second/)
  assert.equal(calls[0]!.signal.aborted, true)
  const next = shared.run("a", undefined, call)
  assert.equal(calls.length, 2, "a call that is ending is nobody else's")
  calls[1]!.end.resolve("done")
  assert.equal(await next, "done")
})

test("who has given up before does not begin", async () => {
  const { calls, call } = held()
  await assert.rejects(new SharedCalls<string>().run("a", AbortSignal.abort(new Error("enough")), call), /enough/)
  assert.equal(calls.length, 0)
})
