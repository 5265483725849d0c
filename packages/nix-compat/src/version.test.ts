import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf } from "@tvix-ts/bytes"
import fc from "fast-check"
import { compareVersions, parseDrvName, splitVersion } from "./index.ts"
import vectors from "./version-vectors.json" with { type: "json" }

const UNDER_TEST: { readonly [name: string]: (...args: string[]) => unknown } = {
  compareVersions,
  splitVersion,
  parseDrvName,
}

describe("versions, as C++ Nix reads them", () => {
  const { madeBy: _, ...functions } = vectors as unknown as Record<string, [...args: string[], result: unknown][]>
  for (const [name, cases] of Object.entries(functions)) {
    test(name, () => {
      for (const [...args] of cases) {
        const result = inBytes(args.pop())
        assert.deepEqual(UNDER_TEST[name]!(...(args as string[]).map(byteStringOf)), result, JSON.stringify(args))
      }
    })
  }

  test("the other way round is the opposite", () => {
    const version = fc.string({ unit: fc.constantFrom(..."0123abpre.-".split("")), maxLength: 12 })
    fc.assert(
      fc.property(version, version, (a, b) => {
        assert.equal(compareVersions(a, a), 0)
        assert.equal(compareVersions(a, b) + compareVersions(b, a), 0)
      }),
    )
  })
  test("a name and a version are what they were", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { name, version } = parseDrvName(text)
        assert.equal(version === "" ? name : `${name}-${version}`, text)
      }),
    )
  })
})

function inBytes(value: unknown): unknown {
  if (typeof value === "string") return byteStringOf(value)
  if (Array.isArray(value)) return value.map(inBytes)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inBytes(inner)]))
}
