import assert from "node:assert/strict"
import { test } from "node:test"
import { byteStringFrom, bytesOf } from "@tvix-ts/bytes"
import fc from "fast-check"
import { exampleStorePath } from "../testing/path-info-service.ts"
import { foundReferences, ReferenceScanner } from "./scanner.ts"

const A = "0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk"
const DIGEST = exampleStorePath("a").digest
const OTHER = exampleStorePath("b").digest

function scan(pieces: readonly string[], candidates?: readonly string[]): string[] {
  const scanner = new ReferenceScanner(candidates)
  for (const piece of pieces) scanner.update(bytesOf(piece))
  return [...scanner.found].sort()
}

/** Every window, one after the other. */
function naive(text: string, candidates?: readonly string[]): string[] {
  const found = new Set<string>()
  for (let at = 0; at + 32 <= text.length; at++) {
    const window = text.slice(at, at + 32)
    if (!/^[0-9a-df-np-sv-z]{32}$/.test(window)) continue
    if (candidates === undefined ? text[at + 32] === "-" : candidates.includes(window)) found.add(window)
  }
  return [...found].sort()
}

const CASES: readonly [
  name: string,
  pieces: readonly string[],
  candidates: readonly string[] | undefined,
  found: readonly string[],
][] = [
  ["nothing", [], [DIGEST], []],
  ["no candidates", [`/nix/store/${DIGEST}-x`], [], []],
  ["a path", [`see /nix/store/${DIGEST}-x.`], [DIGEST, OTHER], [DIGEST]],
  ["a digest alone", [DIGEST], [DIGEST], [DIGEST]],
  ["a digest without its last digit", [DIGEST.slice(0, 31)], [DIGEST], []],
  ["in the middle of digits", [`000${DIGEST}111`], [DIGEST], [DIGEST]],
  ["two, touching", [DIGEST + OTHER], [DIGEST, OTHER], [DIGEST, OTHER].sort()],
  ["byte by byte", `x${DIGEST}x`.split(""), [DIGEST], [DIGEST]],
  ["an empty piece between", [DIGEST.slice(0, 9), "", DIGEST.slice(9)], [DIGEST], [DIGEST]],
  ["split by something else", [DIGEST.slice(0, 9), "/", DIGEST.slice(9)], [DIGEST], []],
  ["upper case", [DIGEST.toUpperCase()], [DIGEST], []],
  ["nothing in particular", [`${DIGEST}-x ${OTHER}x`], undefined, [DIGEST]],
  ["nothing in particular, the dash in the next piece", [DIGEST, "-x"], undefined, [DIGEST]],
  ["nothing in particular, more digits before it", [`0${A}-x`], undefined, [A.slice(-32)]],
]
for (const [name, pieces, candidates, found] of CASES) {
  test(`finds in: ${name}`, () => assert.deepEqual(scan(pieces, candidates), found))
}

test("finds what a search window by window finds, whatever the pieces", () => {
  const soup = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(DIGEST, OTHER, "-", DIGEST.slice(0, 31), DIGEST.slice(1), `${OTHER}-x`) },
      { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom(..."0123abce-".split("")), maxLength: 40 }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map(byteStringFrom) },
    ),
    { maxLength: 12 },
  )
  const cuts = fc.array(fc.nat(50), { maxLength: 20 })
  fc.assert(
    fc.property(
      soup,
      cuts,
      fc.constantFrom(undefined, [DIGEST, OTHER], [OTHER, DIGEST.slice(1) + DIGEST[0]!]),
      (parts, cuts, candidates) => {
        const text = parts.join("")
        const pieces = []
        let at = 0
        for (const cut of cuts) pieces.push(text.slice(at, (at += cut)))
        pieces.push(text.slice(at))
        assert.deepEqual(scan(pieces, candidates), naive(text, candidates))
      },
    ),
    { numRuns: 1000 },
  )
})

test("references are the candidates that were found, sorted", () => {
  const paths = ["a", "b", "c"].map((seed) => exampleStorePath(seed))
  const found = new Set([DIGEST, exampleStorePath("c").digest])
  const expected = [paths[0]!, paths[2]!].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  assert.deepEqual(foundReferences([...paths, paths[0]!], found), expected)
})
