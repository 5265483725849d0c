import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { evaluate, evaluateSync, Evaluator, type EvaluateOptions } from "./evaluate.ts"
import type { EvalIO } from "./io.ts"
import { EvalError } from "./library/eval-error.ts"
import { NixValue } from "./library/nix-value.ts"
import type { ToJsOptions } from "./library/to-js.ts"
import { nixFunction, nixPath, toNix } from "./library/to-nix.ts"
import { memoryIo } from "./memory-io.ts"

/** Every operation has both forms; both must agree. */
async function both(source: string, options: EvaluateOptions, conversion: ToJsOptions): Promise<unknown> {
  const plain = await (await evaluate(source, options)).toJS(conversion)
  assert.deepEqual(evaluateSync(source, options).toJS(conversion), plain)
  return plain
}
const object = (properties: object): object => Object.assign(Object.create(null), properties)
const code = (expected: string) => (error: unknown) => error instanceof EvalError && error.code === expected

describe("values as plain JavaScript", () => {
  const cases: [source: string, expected: unknown, conversion?: ToJsOptions][] = [
    ["null", null],
    ["1 < 2", true],
    ["1 + 2", 3],
    ["9223372036854775807", 9223372036854775807n],
    ["3", 3n, { ints: "bigint" }],
    ["1.0", 1],
    ['"naïve ☃"', "naïve ☃"],
    ["/a/../b", "/b"],
    ["[ 1 [ 2 ] ]", [1, [2]]],
    ["{ b = 1; a.c = 2; }", object({ a: object({ c: 2 }), b: 1 })],
    ['{ "__proto__" = 1; }', object({ ["__proto__"]: 1 })],
    [
      "{ b = 1; a = 2; }",
      new Map([
        ["a", 2],
        ["b", 1],
      ]),
      { sets: "map" },
    ],
    ["{ é = 1; }".replace("é", '"é"'), object({ é: 1 })],
    ["let x = [ 1 ]; in [ x x ]", [[1], [1]]],
  ]
  for (const [source, expected, conversion] of cases) {
    test(source, async () => assert.deepEqual(await both(source, {}, conversion ?? {}), expected))
  }

  test("what is shared stays shared, so that data cannot explode", async () => {
    const layers = Array.from({ length: 60 }, (_, i) => `x${i + 1} = [ x${i} x${i} ];`)
    let at = (await (await evaluate(`let x0 = [ ]; ${layers.join(" ")} in x60`)).toJS()) as unknown[]
    for (let i = 0; i < 60; i++) {
      assert.equal(at[0], at[1])
      at = at[0] as unknown[]
    }
  })
  test("nesting is no matter of the JavaScript stack", async () => {
    const deep = "builtins.foldl' (x: _: [ x ]) 0 (builtins.genList (x: x) 100000)"
    let at = await (await evaluate(deep)).toJS()
    let depth = 0
    for (; Array.isArray(at); depth++) at = at[0]
    assert.equal(depth, 100_000)
  })
  test("beyond `depth`, values stay lazy", async () => {
    const { a, b } = (await (await evaluate("{ a = 1; b = { c = 1 / 0; }; }")).toJS({ depth: 1 })) as Record<
      string,
      NixValue
    >
    assert.equal(a, 1)
    assert.ok(b instanceof NixValue)
    await assert.rejects(b.attr("c"), code("division-by-zero"))
  })
  test("data that contains itself is an error that says where", async () => {
    const value = await evaluate("rec { a.b = [ a ]; }")
    await assert.rejects(value.toJS(), (error: EvalError) => {
      assert.equal(error.code, "not-plain")
      assert.equal(error.traces[0]?.message, "while converting 'a.b[0]'")
      return true
    })
  })
  test("functions are an error, a JavaScript function, or stay", async () => {
    const value = await evaluate("{ f = x: y: { sum = x + y; }; }")
    await assert.rejects(value.toJS(), code("not-plain"))
    const called = (await value.toJS({ functions: "call" })) as { f: (x: number, y: number) => Promise<unknown> }
    assert.deepEqual(await called.f(1, 2), object({ sum: 3 }))
    const kept = (await value.toJS({ functions: "value" })) as { f: NixValue }
    assert.equal(kept.f.type, "lambda")
  })
})

describe("typed access", () => {
  test("evaluates what is asked for and nothing else", async () => {
    const value = await evaluate('{ a.b = [ 1 "x" ]; bad = throw "no"; }')
    assert.equal(value.type, "set")
    assert.deepEqual(value.names(), ["a", "bad"])
    assert.equal(value.has("bad"), true)
    assert.equal((await value.attr("a", "b", 1)).string(), "x")
    assert.equal(await value.find("a", "nope"), undefined)
    assert.deepEqual(
      (await (await value.attr("a", "b")).list()).map(({ type }) => type),
      ["int", "string"],
    )
    await assert.rejects(value.attr("bad"), code("throw"))
    await assert.rejects(value.attr("aa"), code("attribute-missing"))
    await assert.rejects(value.attr("a", "b", 2), code("invalid-argument"))
    assert.throws(() => value.string(), code("type-error"))
  })
  test("each type has its accessor", async () => {
    const value = evaluateSync('{ i = 9007199254740993; f = 1.5; s = "é"; p = /x; b = true; n = null; l = [ 1 ]; }')
    assert.equal(value.attr("i").int(), 9007199254740993n)
    assert.equal(value.attr("f").number(), 1.5)
    assert.deepEqual(value.attr("s").bytes(), Uint8Array.of(0xc3, 0xa9))
    assert.equal(value.attr("p").path(), "/x")
    assert.equal(value.attr("b").bool(), true)
    assert.equal(value.attr("n").isNull, true)
    assert.equal(value.attr("l").length, 1)
    assert.deepEqual(
      value.entries().map(([name]) => name),
      ["b", "f", "i", "l", "n", "p", "s"],
    )
  })
  test("functions are called with values of either language", async () => {
    const add = await evaluate("a: { b, c ? 10 }: a + b + c")
    assert.equal((await add.call(1, { b: await evaluate("2") })).int(), 13)
    await assert.rejects(add.call(1, { d: 1 }), code("missing-argument"))
    await assert.rejects((await evaluate("1")).call(1), code("not-a-function"))
  })
})

describe("JavaScript values in programs", () => {
  const value = {
    n: null,
    i: 1,
    big: 2n ** 62n,
    f: 0.5,
    s: "é",
    l: [1, 2],
    m: new Map([["k", true]]),
    gone: undefined,
  }
  const cases: [source: string, expected: unknown][] = [
    ["builtins.attrNames v", ["big", "f", "i", "l", "m", "n", "s"]],
    ["v.big + v.i", 2n ** 62n + 1n],
    ["builtins.stringLength v.s", 2],
    ["v.m.k", true],
    ["builtins.typeOf v.f", "float"],
    ["builtins.typeOf zero", "int"],
    ["builtins.typeOf p", "path"],
    ["plus 1 2", 3],
    ["builtins.map (plus 1) [ 1 2 ]", [2, 3]],
    ["builtins.map later [ 1 ]", ["1 later"]],
    ['record { a = [ "x" ]; }', '{"a":["x"]}'],
    ["apply (x: x + 1)", 43],
  ]
  const scope = {
    v: value,
    zero: -0,
    p: nixPath("/a/../b"),
    plus: (a: number, b: number) => a + b,
    later: async (x: number) => (await sleep(1), `${x} later`),
    record: (x: unknown) => JSON.stringify(x),
    apply: async (f: (x: number) => Promise<number>) => f(42),
  }
  for (const [source, expected] of cases) {
    test(source, async () => assert.deepEqual(await (await evaluate(source, { scope })).toJS(), expected))
  }

  const loop: unknown[] = []
  loop.push(loop)
  for (const [name, bad, error] of [
    ["data that contains itself", loop, TypeError],
    ["an instance of a class", new Date(), TypeError],
    ["a symbol", Symbol("x"), TypeError],
    ["an integer beyond 64 bits", 2n ** 63n, RangeError],
  ] as const) {
    test(`refuses: ${name}`, () => assert.throws(() => toNix(bad), error))
  }

  test("an error of the host's keeps its cause and cannot be caught by the program", async () => {
    const cause = new Error("out of cheese")
    const fails = (): never => {
      throw cause
    }
    await assert.rejects(evaluate("builtins.tryEval (f 1)", { scope: { f: fails } }), (error: EvalError) => {
      assert.equal(error.code, "host-error")
      assert.equal(error.message, "error in a function of the host: out of cheese")
      assert.equal(error.cause, cause)
      return true
    })
  })
  test("an error that passes through the host goes on as what it was", async () => {
    const through = async (f: (x: null) => Promise<unknown>): Promise<unknown> => f(null)
    const caught = await evaluate('builtins.tryEval (f (_: throw "x"))', { scope: { f: through } })
    assert.equal((await caught.attr("success")).bool(), false)
  })
  test("a function may look at as much of its arguments as it likes, several parts at once", async () => {
    const sum = nixFunction(1, async (set) => {
      const [a, b] = await Promise.all([set.attr("a"), set.attr("b")])
      return a.number() + b.number()
    })
    const source =
      'f (rec { shared = builtins.foldl\' (x: y: x + y) 0 (builtins.genList (x: x) 300000); a = shared; b = shared + 1; c = throw "unused"; })'
    assert.equal((await evaluate(source, { scope: { f: sum } })).number(), 89999700001)
  })
})

/** Answers every question late. */
function slow(io: EvalIO, ms = 1): EvalIO {
  return {
    ...io,
    readFile: (path) => sleep(ms).then(() => io.readFile(path)),
    fileType: (path) => sleep(ms).then(() => io.fileType(path)),
    realPath: (path) => sleep(ms).then(() => io.realPath(path)),
  }
}
const FILES = {
  "/project/default.nix": "{ answer = import ./lib/answer.nix; where = ./lib; }",
  "/project/lib/answer.nix": "40 + import ./two.nix",
  "/project/lib/two.nix": "2",
  "/project/link.nix": { symlink: "lib/two.nix" },
  "/bad.nix": "{\n  a = ;\n}",
}

describe("files", () => {
  test("in memory, synchronously", () => {
    assert.equal(new Evaluator({ io: memoryIo(FILES) }).importSync("/project").attr("answer").int(), 42)
  })
  test("answered late", async () => {
    const evaluator = new Evaluator({ io: slow(memoryIo(FILES)) })
    assert.equal((await (await evaluator.import("/project")).attr("answer")).int(), 42)
    assert.equal((await evaluator.evaluate("import ./link.nix", { basePath: "/project" })).int(), 2)
  })
  test("answered late, asked synchronously", () => {
    assert.throws(() => new Evaluator({ io: slow(memoryIo(FILES)) }).importSync("/project"), code("not-synchronous"))
  })
  test("a program without I/O sees nothing", async () => {
    for (const source of ["import /etc/passwd", "import ./x.nix", "import <nixpkgs>"]) {
      await assert.rejects(evaluate(source), EvalError, source)
    }
  })
  test("problems name file, line, column and offset", async () => {
    const evaluator = new Evaluator({ io: memoryIo(FILES) })
    await assert.rejects(evaluator.import("/bad.nix"), (error: EvalError) => {
      assert.equal(error.code, "syntax")
      assert.deepEqual(error.place, { file: "/bad.nix", line: 2, column: 7, offset: 8 })
      assert.equal(String(error), `/bad.nix:2:7: ${error.message}`)
      return true
    })
  })
})

describe("several evaluations of one world", () => {
  test("do not take each other's work for infinite recursion", async () => {
    let reads = 0
    const io = slow(memoryIo({ "/x.nix": "let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 50000" }), 5)
    const counted = { ...io, readFile: (path: string) => (reads++, io.readFile(path)) }
    const evaluator = new Evaluator({ io: counted })
    const values = await Promise.all(Array.from({ length: 5 }, () => evaluator.evaluate("import /x.nix")))
    assert.deepEqual(
      values.map((value) => value.int()),
      Array<number>(5).fill(50_000),
    )
    assert.equal(reads, 1)
  })
  test("a synchronous one is refused while another waits", async () => {
    const evaluator = new Evaluator({ io: slow(memoryIo(FILES)) })
    const waiting = evaluator.import("/project")
    assert.throws(() => evaluator.evaluateSync("1"), code("not-synchronous"))
    await waiting
    assert.equal(evaluator.evaluateSync("1").int(), 1)
  })
  test("values go from one to the other", async () => {
    const evaluator = new Evaluator()
    const a = await evaluator.evaluate("{ x = 1; }")
    assert.equal((await evaluator.evaluate("a.x + 1", { scope: { a } })).int(), 2)
  })
})

describe("limits", () => {
  const FOREVER = "let f = n: f (n + 1); in f 0"
  const GROWING = "let f = n: [ n ] ++ f (n + 1); in builtins.length (f 0)"
  const NESTING = "let f = n: 1 + f (n + 1); in f 0"
  const cases: [name: string, source: string, options: EvaluateOptions, code: string][] = [
    ["steps", FOREVER, { limits: { steps: 100_000 } }, "limit"],
    ["fewer steps than a slice", FOREVER, { limits: { steps: 10 } }, "limit"],
    ["memory", GROWING, { limits: { memory: 1, heapUsed: () => 2 } }, "limit"],
    ["depth", NESTING, { limits: { depth: 1000 } }, "stack-overflow"],
  ]
  for (const [name, source, options, expected] of cases) {
    test(name, async () => {
      await assert.rejects(evaluate(source, options), code(expected))
      assert.throws(() => evaluateSync(source, options), code(expected))
    })
  }
  test("what this process uses is known without being told", async () => {
    await assert.rejects(
      evaluate(GROWING, { limits: { memory: process.memoryUsage().heapUsed + 30e6 } }),
      code("limit"),
    )
  })
  test("wall time", async () => {
    const started = performance.now()
    await assert.rejects(evaluate(FOREVER, { signal: AbortSignal.timeout(100) }), code("interrupted"))
    assert.ok(performance.now() - started < 3000)
  })
  test("wall time, while an answer never comes", async () => {
    const io = { ...memoryIo({}), realPath: () => new Promise<string>(() => undefined) }
    await assert.rejects(evaluate("import /x", { io, signal: AbortSignal.timeout(50) }), code("interrupted"))
  })
  test("other work goes on in the meantime, and what was interrupted can be asked for again", async () => {
    const evaluator = new Evaluator()
    const value = await evaluator.evaluate("{ x = let f = n: if n == 0 then 7 else f (n - 1); in f 3000000; }")
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await assert.rejects(
      evaluator.evaluate("v.x", { scope: { v: value }, signal: AbortSignal.timeout(20) }),
      code("interrupted"),
    )
    assert.equal((await value.attr("x")).int(), 7)
    clearInterval(timer)
    assert.ok(ticks > 2)
  })
})

test("messages of the program reach onMessage as text", async () => {
  const said: string[] = []
  await evaluate('builtins.trace "naïve" 1', { onMessage: (kind, message) => said.push(`${kind}: ${message}`) })
  assert.deepEqual(said, ["trace: naïve"])
})
