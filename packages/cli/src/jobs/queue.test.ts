import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { orderedOutput, unorderedOutput, type LineSink } from "./output.ts"
import { Queue, type Attribute, type Node } from "./queue.ts"
import { Twins } from "./twins.ts"

const nodeOf = (path: readonly string[], names: readonly string[], parent?: Node["parent"]): Node => ({
  path,
  names,
  parent,
})

describe("queue", () => {
  test("a worker keeps what is next to each other, outer sets first, then larger ones", () => {
    const queue = new Queue()
    const mine = queue.join()
    const root = nodeOf([], ["a", "b", "c"])
    const small = nodeOf(["a"], ["x", "y"])
    const large = nodeOf(["b"], ["x", "y", "z"])
    const inside = nodeOf(["a", "x"], ["1", "2", "3", "4"])
    queue.put(mine, { node: root, from: 0, to: 3 })
    assert.deepEqual(queue.take(mine, 1), { node: root, from: 0, to: 1 })
    queue.put(mine, { node: inside, from: 0, to: 4 })
    queue.put(mine, { node: large, from: 0, to: 3 })
    queue.put(mine, { node: small, from: 0, to: 2 })
    const next = (): unknown => ({ next: queue.next(mine), taken: queue.take(mine, 2) })
    assert.deepEqual(next(), { next: root, taken: { node: root, from: 1, to: 3 } })
    assert.deepEqual(next(), { next: large, taken: { node: large, from: 0, to: 2 } })
    assert.deepEqual(next(), { next: large, taken: { node: large, from: 2, to: 3 } })
    assert.deepEqual(next(), { next: small, taken: { node: small, from: 0, to: 2 } })
    assert.equal(queue.length, 4)
    assert.deepEqual(next(), { next: inside, taken: { node: inside, from: 0, to: 2 } })
  })

  test("who has nothing takes the later half of what another has", () => {
    const queue = new Queue()
    const [mine, other] = [queue.join(), queue.join()]
    const root = nodeOf([], ["a", "b", "c", "d", "e"])
    queue.put(mine, { node: root, from: 0, to: 5 })
    assert.deepEqual(queue.take(other, 9), { node: root, from: 2, to: 5 })
    assert.deepEqual(queue.take(mine, 9), { node: root, from: 0, to: 2 })
    assert.equal(queue.take(mine, 9), undefined)
  })

  test("two workers of one set come from its ends and meet", () => {
    const queue = new Queue()
    const [mine, other] = [queue.join(), queue.join()]
    const root = nodeOf([], ["a", "b", "c", "d", "e", "f", "g", "h"])
    queue.put(mine, { node: root, from: 0, to: 8 })
    assert.deepEqual(queue.take(mine, 2), { node: root, from: 0, to: 2 })
    assert.deepEqual(queue.take(other, 1), { node: root, from: 7, to: 8 })
    assert.deepEqual(queue.take(mine, 9), { node: root, from: 2, to: 5 })
    assert.deepEqual(queue.take(mine, 9), { node: root, from: 5, to: 6 }, "the half that the other has last")
    assert.deepEqual(queue.take(other, 9), { node: root, from: 6, to: 7 })
  })

  test("of one who has several sets, others get a whole one that he is not at", () => {
    const queue = new Queue()
    const [mine, other] = [queue.join(), queue.join()]
    const root = nodeOf([], ["a", "b", "c", "d"])
    const [x, y] = [nodeOf(["a"], ["1", "2", "3"]), nodeOf(["b"], ["1", "2"])]
    queue.put(mine, { node: root, from: 0, to: 4 })
    queue.take(mine, 2)
    queue.put(mine, { node: y, from: 0, to: 2 })
    queue.put(mine, { node: x, from: 2, to: 3 })
    queue.put(mine, { node: x, from: 0, to: 1 })
    assert.deepEqual(queue.take(other, 9), { node: x, from: 0, to: 1 })
    assert.deepEqual(queue.take(other, 9), { node: x, from: 2, to: 3 })
    assert.deepEqual(queue.take(other, 9), { node: y, from: 0, to: 2 })
    assert.deepEqual(queue.take(other, 9), { node: root, from: 3, to: 4 }, "there is only one left")
    assert.deepEqual(queue.take(mine, 9), { node: root, from: 2, to: 3 })
    assert.equal(queue.next(other), undefined)
    assert.equal(queue.take(other, 9), undefined)
  })

  test("what one worker knows is for nobody else, until it is gone", () => {
    const queue = new Queue()
    const [mine, other] = [queue.join(), queue.join()]
    const root = nodeOf([], ["a", "b", "c", "d", "e"])
    queue.put(mine, { node: root, from: 0, to: 1 })
    for (const index of [1, 2, 4]) queue.bind(mine, { node: root, index })
    assert.equal(queue.takeBound(mine, 9), undefined, "few are kept until there is nothing else")
    queue.take(mine, 9)
    assert.equal(queue.take(other, 9), undefined)
    assert.deepEqual(queue.takeBound(mine, 9), { node: root, from: 4, to: 5 })
    assert.deepEqual(queue.takeBound(mine, 1), { node: root, from: 1, to: 2 })
    queue.unbind(mine)
    assert.equal(queue.takeBound(mine, 9), undefined)
    assert.deepEqual(queue.take(other, 9), { node: root, from: 2, to: 3 })
  })

  test("everything is taken once, whoever takes how much", () => {
    const sets = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 6 })
    const takes = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.integer({ min: 1, max: 5 })), { maxLength: 100 })
    const law = fc.property(sets, takes, (lengths, steps) => {
      const queue = new Queue()
      const shares = [queue.join(), queue.join(), queue.join()]
      const taken: string[] = []
      const all: string[] = []
      const take = (share: number, count: number): boolean => {
        const range = queue.take(shares[share]!, count)
        if (range === undefined) return false
        assert.ok(range.to > range.from && range.to - range.from <= count)
        for (let i = range.from; i < range.to; i++) taken.push(`${range.node.path[0]}/${i}`)
        return true
      }
      for (const [i, length] of lengths.entries()) {
        const names = Array.from({ length }, (_, at) => String(at))
        queue.put(shares[i % 3]!, { node: nodeOf([String(i)], names), from: 0, to: length })
        for (const name of names) all.push(`${i}/${name}`)
        const [share, count] = steps[i] ?? [0, 1]
        take(share, count)
      }
      for (const [share, count] of steps.slice(lengths.length)) take(share, count)
      while (take(0, 3));
      assert.deepEqual(taken.sort(), all.sort())
      assert.equal(queue.length, 0)
    })
    fc.assert(law)
  })
})

describe("twins", () => {
  test("are found by the numbers that each worker gives", () => {
    const twins = new Twins<object>()
    const [first, second] = [{}, {}]
    const [root, a, b] = [nodeOf([], ["a", "b"]), nodeOf(["a"], ["x"]), nodeOf(["b"], ["y", "z"])]
    twins.told(first, root)
    twins.told(second, b)
    twins.told(first, a)
    twins.told(first, b)
    const found = (worker: object): unknown[] => [0, 1, 2, 3, 4, 5].map((number) => twins.find(worker, number))
    const attributes = (...nodes: Node[]): unknown[] =>
      nodes.flatMap((node) => node.names.map((_, index) => ({ node, index })))
    assert.deepEqual(found(first), [...attributes(root, a, b), undefined])
    assert.deepEqual(found(second), [...attributes(root, b), undefined, undefined])
    assert.equal(twins.find(first, -2), undefined)
  })

  test("wait for the other, and are told once", () => {
    const twins = new Twins<object>()
    const worker = {}
    const root = nodeOf([], ["a", "b", "c"])
    const [a, b, c] = [0, 1, 2].map((index) => ({ node: root, index })) as [Attribute, Attribute, Attribute]
    twins.told(worker, root)
    twins.wait(b, a)
    twins.wait(c, a)
    assert.equal(twins.lookedAtBy(a), undefined)
    assert.deepEqual(twins.looked(worker, a), [b, c])
    assert.deepEqual(twins.looked(worker, a), [])
    assert.equal(twins.lookedAtBy(a), worker)
  })
})

/** Tells `output` of a tree of sets, its attributes in a random order; each names itself, those with an "n" print nothing. */
interface Tree {
  readonly [name: string]: Tree | "line" | "nothing"
}

function linesOf(tree: Tree, path: string): string[] {
  return Object.keys(tree).flatMap((name) => {
    const inner = tree[name]!
    if (inner === "nothing") return []
    return inner === "line" ? [`${path}.${name}`] : linesOf(inner, `${path}.${name}`)
  })
}

function printed(tree: Tree, order: readonly number[], ordered: boolean): string[] {
  const lines: string[] = []
  const sink: LineSink = { add: (line) => void lines.push(line), flush: () => {} }
  const root = nodeOf([], ["root"])
  const output = ordered ? orderedOutput(root, sink) : unorderedOutput(sink)
  const todo: { node: Node; index: number; what: Tree[string]; path: string }[] = []
  todo.push({ node: root, index: 0, what: tree, path: "" })
  for (let step = 0; todo.length > 0; step++) {
    const [{ node, index, what, path }] = todo.splice((order[step] ?? 0) % todo.length, 1) as [(typeof todo)[0]]
    if (typeof what === "string") {
      output.result(node, index, what === "line" ? path : undefined)
      continue
    }
    const names = Object.keys(what)
    const inner = nodeOf([...node.path, "?"], names, { node, index })
    output.enter(node, index, inner)
    for (const [at, name] of names.entries()) {
      todo.push({ node: inner, index: at, what: what[name]!, path: `${path}.${name}` })
    }
  }
  return lines
}

describe("output", () => {
  const trees = fc.letrec<{ tree: Tree; item: Tree[string] }>((tie) => ({
    item: fc.oneof({ maxDepth: 3 }, fc.constant("line" as const), fc.constant("nothing" as const), tie("tree")),
    tree: fc.array(tie("item"), { maxLength: 4 }).map((items) => {
      return Object.fromEntries(items.map((item, i) => [`a${i}`, item]))
    }),
  })).tree
  const orders = fc.array(fc.nat(), { maxLength: 60 })

  test("ordered: the same lines in the same order, whatever comes first", () => {
    fc.assert(
      fc.property(trees, orders, (tree, order) => {
        assert.deepEqual(printed(tree, order, true), linesOf(tree, ""))
      }),
    )
  })
  test("as they come: the same lines", () => {
    fc.assert(
      fc.property(trees, orders, (tree, order) => {
        assert.deepEqual(printed(tree, order, false).sort(), linesOf(tree, "").sort())
      }),
    )
  })
  test("what is known is printed at once", () => {
    const lines: string[] = []
    const root = nodeOf([], ["a", "b", "c"])
    const output = orderedOutput(root, { add: (line) => void lines.push(line), flush: () => {} })
    output.result(root, 1, "b")
    assert.deepEqual(lines, [])
    output.result(root, 0, "a")
    assert.deepEqual(lines, ["a", "b"])
  })
})
