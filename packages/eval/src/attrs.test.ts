/** Sets made by updates and picks, against a model: maps of names to values and positions. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { OwnPositions } from "./attribute-positions.ts"
import { AttrSet, attrsFrom, keep, update } from "./attrs.ts"
import { Shape } from "./shape.ts"

type Model = ReadonlyMap<string, readonly [value: number, position: number]>

let counter = 0
/** A set with these names, each with a value and a position of its own, or without positions. */
function fresh(names: readonly string[], placed: boolean): [AttrSet, Model] {
  const values = names.map(() => ++counter)
  const shape = Shape.of(names)
  const positions = placed ? new OwnPositions(shape, () => values) : null
  return [
    new AttrSet(shape, values, positions),
    new Map(names.map((name, i) => [name, [values[i]!, placed ? values[i]! : 0]])),
  ]
}

function check(set: AttrSet, model: Model): void {
  for (const [name, [value, position]] of model) {
    assert.equal(set.get(name), value, name)
    assert.equal(set.position(name), position, name)
  }
  const sorted = [...model.keys()].sort()
  assert.deepEqual(set.sortedNames(), sorted)
  assert.deepEqual(
    [...set.entries()],
    sorted.map((name) => [name, ...model.get(name)!]),
  )
}

const arbitraryName = fc.oneof(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.stringMatching(/^[a-z]{1,3}$/))
const arbitraryNames = fc.uniqueArray(arbitraryName, { maxLength: 40 })
const manyNames = fc.integer({ min: 200, max: 400 }).map((count) => Array.from({ length: count }, (_, i) => `n${i}`))
const arbitraryStep = fc.record({
  names: fc.oneof({ arbitrary: arbitraryNames, weight: 9 }, manyNames),
  kind: fc.constantFrom("over", "under", "remove", "again"),
  placed: fc.boolean(),
  sorted: fc.boolean(),
  /** Looking at a set merges its layers. */
  looks: fc.boolean(),
})

describe("attribute sets", () => {
  it("have the values and positions of what they were made from", () => {
    fc.assert(
      fc.property(fc.array(arbitraryStep, { maxLength: 40 }), (steps) => {
        let set = attrsFrom([])
        let model: Model = new Map()
        let [last, lastModel] = fresh(["a"], true)
        for (const { names, kind, placed, sorted, looks } of steps) {
          if (kind === "remove") {
            const unwanted = new Set(names)
            set = keep(set, (name) => !unwanted.has(name))
            model = new Map([...model].filter(([name]) => !unwanted.has(name)))
          } else {
            if (kind !== "again") [last, lastModel] = fresh(sorted ? names.toSorted() : names, placed)
            set = kind === "under" ? update(last, set) : update(set, last)
            model = new Map(kind === "under" ? [...lastModel, ...model] : [...model, ...lastModel])
          }
          if (looks) check(set, model)
        }
        check(set, model)
      }),
    )
  })

  it("share a shape if they have the same names in the same order", () => {
    const [a] = fresh(["pname", "version"], true)
    const b = new AttrSet(Shape.of(["pname", "version"]), [1, 2])
    const [src] = fresh(["src"], true)
    assert.equal(a.shape, b.shape)
    assert.notEqual(a.shape, Shape.of(["version", "pname"]))
    assert.equal(update(a, src).shape, update(b, src).shape)
    assert.equal(keep(update(src, b), (name) => name !== "src").shape, a.shape)
  })

  it("tell names that look alike apart", () => {
    // Names with the same length and the same first, middle and last letter.
    const alike = Array.from({ length: 50 }, (_, i) => Shape.of([`a${String.fromCharCode(66 + i)}xcd`]))
    assert.equal(new Set(alike.map(({ names }) => names[0])).size, 50)
    for (const { names } of alike) assert.deepEqual(Shape.of([...names]).names, names)
    assert.deepEqual(Shape.of([""]).names, [""])
    assert.deepEqual(Shape.of(["a\0b"]).names, ["a\0b"])
    assert.notEqual(Shape.of(["a\0b"]), Shape.of(["a", "b"]))
  })

  it("forget shapes before they fill memory", () => {
    const early = Shape.of(["early"])
    assert.equal(Shape.of(["early"]), early)
    for (let i = 0; i < 100_000; i++) Shape.of(Array.from(i.toString(3)).map((digit, place) => `${place}${digit}`))
    assert.notEqual(Shape.of(["early"]), early)
    assert.equal(Shape.of(["early"]), Shape.of(["early"]))
  })

  it("remember no more about a loop that gives the same attributes new values than about one step", () => {
    const [over] = fresh(["a", "b"], true)
    let set = fresh(["a", "b", "c"], true)[0]
    set = update(set, over)
    const { shape, positions } = set
    for (let i = 0; i < 100; i++) set = update(set, new AttrSet(over.shape, [i, i], over.positions))
    assert.equal(set.shape, shape)
    assert.equal(set.positions, positions)
    for (let i = 0; i < 1000; i++) set = update(set, fresh(["a"], true)[0])
    assert.ok(set.positions!.depth <= 64)
  })
})
