import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { formatPublicKey } from "@tvix-ts/nix-compat"
import { parseCacheAddress } from "./address.ts"

const KEY = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
const PLUS = `plus-1:${"+".repeat(42)}8=`

describe("addresses of binary caches", () => {
  for (const [address, url] of [
    ["nix+https://cache.example.org", "https://cache.example.org/"],
    ["nix+http://127.0.0.1:8080/some/where", "http://127.0.0.1:8080/some/where/"],
    ["nix+http://[::1]:80/", "http://[::1]/"],
    ["nix+file:///srv/cache", "file:///srv/cache/"],
  ] as const) {
    test(address, () => assert.equal(parseCacheAddress(address).url.href, url))
  }

  test("options, and their defaults", () => {
    const { options } = parseCacheAddress(
      `nix+https://h?trusted-public-keys=${KEY}%20${PLUS}&priority=10&negative-ttl=5&compression=xz&compression-level=9&read-only=1`,
    )
    assert.ok(Array.isArray(options.trust))
    assert.deepEqual(options.trust.map(formatPublicKey), [KEY, PLUS])
    const { priority, absentMs, compression, level, readOnly } = options
    assert.deepEqual(
      { priority, absentMs, compression, level, readOnly },
      { priority: 10, absentMs: 5000, compression: "xz", level: 9, readOnly: true },
    )
    const defaults = parseCacheAddress("nix+https://h").options
    assert.deepEqual([defaults.trust, defaults.compression, defaults.absentMs], [undefined, "zstd", 60_000])
    assert.equal(parseCacheAddress("nix+https://h?require-signatures=false").options.trust, "everybody")
    // Blanks in addresses are what they look like.
    assert.equal(parseCacheAddress(`nix+https://h?trusted-public-keys=${KEY} ${PLUS}`).options.trust?.length, 2)
  })

  const REFUSED: readonly [address: string, reason: RegExp][] = [
    ["nix+https://", /not well-formed/],
    ["nix+https://h:99999", /not well-formed/],
    ["nix+https://h/#x", /'#x' has no meaning/],
    ["nix+https://me:s3cret@h/", /token-file=FILE, not in an address/],
    ["nix+https://s3cret@h/", /token-file=FILE, not in an address/],
    ["nix+file://host/dir", /names no folder/],
    ["nix+https://h?other-hosts=some", /'other-hosts' is none of any, https and none/],
    ["nix+file:///", /names no folder/],
    ["nix+https://h?colour=red", /'colour' is no option of it; there are trusted-public-keys, /],
    ["nix+https://h?constructor=1", /'constructor' is no option/],
    ["nix+https://h?priority", /'priority' has no value/],
    ["nix+https://h?priority=1&priority=2", /'priority' is there twice/],
    ["nix+https://h?priority=-1", /'priority' is no whole number from 0/],
    ["nix+https://h?connections=0", /'connections' is no whole number from 1 to 1000/],
    ["nix+https://h?require-signatures=maybe", /neither true nor false/],
    ["nix+https://h?compression=lzip", /'compression' is none of/],
    ["nix+https://h?compression=br&compression-level=12", /'compression-level' of br is from 0 to 11/],
    ["nix+https://h?trusted-public-keys=", /has no key in it/],
    ["nix+https://h?trusted-public-keys=nonsense", /it is not a name, a colon, and Base64/],
    ["nix+https://h?trusted-public-keys=a:AAAA", /has 3 bytes, not 32/],
    ["nix+https://h?trusted-public-keys=%zz", /a '%' is wrong in the value of 'trusted-public-keys'/],
    ["nix+https://h?token-file=", /'token-file' is empty/],
  ]
  for (const [address, reason] of REFUSED) {
    test(`refuses ${address}`, () => {
      assert.throws(
        () => parseCacheAddress(address),
        (error) => {
          assert.ok(error instanceof CastoreError && error.problem.code === "invalid", String(error))
          assert.match(error.message, reason)
          assert.doesNotMatch(error.message, /s3cret/)
          return true
        },
      )
    })
  }
})
