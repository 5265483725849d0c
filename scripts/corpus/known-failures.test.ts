import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { ROOT } from "../toolchain.mjs"
import { parseKnownFailures, printKnownFailures, updateKnownFailures } from "./known-failures.ts"

describe("the list of known failures", () => {
  const list = parseKnownFailures("# a comment\n\na stdout one reason\nb  status   needs  more\nc stderr wording\n")

  test("reads a case, a check and a reason from each line", () => {
    assert.deepEqual(list, [
      { name: "a", check: "stdout", reason: "one reason" },
      { name: "b", check: "status", reason: "needs  more" },
      { name: "c", check: "stderr", reason: "wording" },
    ])
  })

  test("refuses a line without a check, and names it", () => {
    assert.throws(() => parseKnownFailures("# x\na because\n"), /line 2: want CASE CHECK REASON/)
  })

  test("prints what it can read again", () => {
    assert.deepEqual(parseKnownFailures(printKnownFailures(list)), list)
  })

  test("an update keeps reasons, adds what is new and drops what passes", () => {
    const updated = updateKnownFailures(
      list,
      new Map([
        ["a", ["stdout", "stderr"] as const],
        ["b", ["status"] as const],
      ]),
    )
    assert.deepEqual(
      updated.map(({ name, check, reason }) => `${name} ${check} ${reason}`),
      ["a stdout one reason", "a stderr (no reason given yet)", "b status needs  more"],
    )
  })

  test("every line of the committed list has a reason", () => {
    const committed = readFileSync(join(ROOT, "lang-tests", "nix-2.26-known-failures.txt"), "utf8")
    for (const { name, reason } of parseKnownFailures(committed))
      assert.doesNotMatch(reason, /^(\(no reason.*)?$/, name)
  })
})
