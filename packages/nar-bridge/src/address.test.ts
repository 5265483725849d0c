import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { networkOf } from "./address.ts"

describe("whose share a request takes", () => {
  for (const [address, network] of [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:4711", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["[::FFFF:192.0.2.1]:80", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"],
    ["2001:DB8:0001:2::6", "2001:db8:1:2::"],
    ["[2001:db8:1:2::7]:80", "2001:db8:1:2::"],
    ["2001:db8::1", "2001:db8:0:0::"],
    ["fe80::1%eth0", "fe80:0:0:0::"],
    ["::1", "0:0:0:0::"],
    ["::", "0:0:0:0::"],
    ["", ""],
    ["unknown", "unknown"],
    [`:${"a".repeat(1000)}`, `:${"a".repeat(18)}::`],
  ] as const) {
    test(`of '${address.slice(0, 40)}'`, () => assert.equal(networkOf(address), network))
  }
})
