import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { diffDerivations, type DerivationChange, type DerivationDiff } from "../index.ts"
import { Graph, type Draft } from "../testing/graph.ts"

/** Makes two graphs, and says what differs between what they come to. */
function compare(make: (graph: Graph, isAfter: boolean) => string): Promise<DerivationDiff> {
  const [before, after] = [new Graph(), new Graph()]
  return diffDerivations(before.side(make(before, false)), after.side(make(after, true)))
}

/** The same for one derivation. */
const compareOne = (before: Draft, after: Draft): Promise<DerivationDiff> =>
  compare((graph, isAfter) => graph.add("x", isAfter ? after : before))

const changesOf = (diff: DerivationDiff): (readonly [name: string, changes: readonly DerivationChange[]])[] =>
  diff.causes.map(({ name, changes }) => [name, changes])
const variable = (name: string, before?: string, after?: string): DerivationChange => ({
  kind: "variable",
  name,
  before,
  after,
})

describe("differences of derivations", () => {
  test("none", async () => {
    assert.equal((await compareOne({}, {})).verdict, "same")
  })

  // What of the derivation changes, and what is said of it.
  const own: [what: string, before: Draft, after: Draft, changes: readonly DerivationChange[]][] = [
    ["a variable", { env: { a: "1", c: "" } }, { env: { a: "2", b: "" } }, [variable("a", "1", "2"), variable("b", undefined, ""), variable("c", "", undefined)]],
    ["the arguments", { args: ["a"] }, { args: ["a", "b"] }, [{ kind: "arguments", before: ["a"], after: ["a", "b"] }]],
    ["the system, which is a variable, too", { system: "a", env: { system: "a" } }, { system: "b", env: { system: "b" } }, [{ kind: "system", before: "a", after: "b" }]],
    ["the builder", { builder: "a" }, { builder: "b" }, [{ kind: "builder", before: "a", after: "b" }]],
    ["the outputs", { outputs: ["out"] }, { outputs: ["out", "dev"] }, [{ kind: "output", name: "dev", before: undefined, after: "input-addressed" }, variable("dev", undefined, "/nix/store/*-$dev")]],
    [
      "structured attributes, by members",
      { structuredAttrs: { a: { b: [1, 2], c: "x" }, d: 1 } },
      { structuredAttrs: { a: { b: [1, 3], c: "x" }, e: {} } },
      [
        { kind: "attribute", path: ["a", "b"], before: "[1,2]", after: "[1,3]" },
        { kind: "attribute", path: ["d"], before: "1", after: undefined },
        { kind: "attribute", path: ["e"], before: undefined, after: "{}" },
      ],
    ],
    [
      "what a fixed output is",
      { fixed: 1, env: { url: "a" } },
      { fixed: 2, env: { url: "a" } },
      [{ kind: "output", name: "out", before: `fixed sha256:${"01".repeat(32)}`, after: `fixed sha256:${"02".repeat(32)}` }],
    ],
  ] // prettier-ignore
  for (const [what, before, after, changes] of own) {
    test(what, async () => {
      const diff = await compareOne(before, after)
      assert.equal(diff.verdict, "different")
      assert.deepEqual(changesOf(diff), [["x", changes]])
      assert.deepEqual(diff.causes[0]?.neededBy, [])
    })
  }

  test("far down: said once, and of nothing above, though all paths differ", async () => {
    const diff = await compare((graph, isAfter) => {
      const leaf = graph.add("leaf", { env: { flag: isAfter ? "1" : "0" }, outputs: ["out", "lib"] })
      const use = (name: string, ...inputs: string[]): string =>
        graph.add(name, {
          inputs,
          needs: { [leaf]: ["lib"] },
          env: { deps: inputs.map((one) => `-L${graph.output(one, one === leaf ? "lib" : "out")}/lib`).join(" ") },
        })
      return use("root", use("left", leaf), use("right", leaf))
    })
    assert.deepEqual(changesOf(diff), [["leaf", [variable("flag", "0", "1")]]])
    assert.match(diff.causes[0]!.neededBy.join(" > "), /^root > (?:left|right)$/)
    assert.deepEqual(diff.affected.map(({ name }) => name).sort(), ["left", "right", "root"])
  })

  test("where something is downloaded from: nothing is built anew", async () => {
    const make = (flag: (isAfter: boolean) => string) => (graph: Graph, isAfter: boolean) => {
      const source = graph.add("src.tar.gz", { fixed: 1, env: { url: isAfter ? "b" : "a" } })
      const middle = graph.add("middle", { inputs: [source], env: { src: graph.output(source) } })
      return graph.add("root", { inputs: [middle], env: { middle: graph.output(middle), flag: flag(isAfter) } })
    }
    const same = await compare(make(() => ""))
    assert.equal(same.verdict, "equivalent")
    assert.deepEqual(changesOf(same), [])
    assert.deepEqual(
      same.downloads.map(({ name, changes }) => [name, changes]),
      [["src.tar.gz", [variable("url", "a", "b")]]],
    )
    const different = await compare(make(String))
    assert.deepEqual(changesOf(different), [["root", [variable("flag", "false", "true")]]])
    assert.deepEqual(different.downloads, [])
  })

  test("what makes a fixed output is not looked into", async () => {
    const diff = await compare((graph, isAfter) => {
      const curl = graph.add("curl", { env: { version: isAfter ? "2" : "1" } })
      const env = { curl: graph.output(curl), url: "a" }
      const source = graph.add("src", { fixed: isAfter ? 2 : 1, inputs: [curl], env })
      return graph.add("root", { inputs: [source], env: { src: graph.output(source) } })
    })
    assert.deepEqual(
      diff.causes.map(({ name, changes }) => [name, changes.map(({ kind }) => kind)]),
      [["src", ["output"]]],
    )
  })

  test("inputs are brought together by name but for the version, and by the variable they are", async () => {
    const diff = await compare((graph, isAfter) => {
      const bash = graph.add(isAfter ? "bash-5.3" : "bash-5.2")
      const compiler = graph.add(isAfter ? "clang" : "gcc")
      const env = { CC: graph.output(compiler), PATH: `${graph.output(bash)}/bin:/bin` }
      return graph.add("root", { inputs: [bash, compiler], env })
    })
    assert.deepEqual(changesOf(diff), [
      ["bash-5.2", [{ kind: "name", before: "bash-5.2", after: "bash-5.3" }]],
      ["gcc", [{ kind: "name", before: "gcc", after: "clang" }]],
    ])
    assert.deepEqual(diff.affected.map(({ name }) => name), ["root"]) // prettier-ignore
  })

  test("inputs of one name are told apart by the variables they are in", async () => {
    const diff = await compare((graph, isAfter) => {
      const sources = ["a", "b", "c"].map((what) => graph.add("source", { env: { what, n: isAfter ? "1" : "0" } }))
      const env = Object.fromEntries(sources.map((source, i) => [`src${i}`, graph.output(source)]))
      return graph.add("root", { inputs: sources, env })
    })
    assert.deepEqual(
      changesOf(diff),
      Array.from({ length: 3 }, () => ["source", [variable("n", "0", "1")]]),
    )
  })

  test("inputs of one name in one variable are taken in its order", async () => {
    const diff = await compare((graph, isAfter) => {
      const patches = Array.from({ length: 9 }, (_, i) =>
        graph.add("fix.patch", { env: { which: String(i), n: isAfter ? "1" : "0" } }),
      )
      return graph.add("root", { inputs: patches, env: { patches: patches.map((one) => graph.output(one)).join(" ") } })
    })
    assert.deepEqual(
      changesOf(diff),
      Array.from({ length: 9 }, () => ["fix.patch", [variable("n", "0", "1")]]),
    )
  })

  test("inputs that only one has, and outputs that only one needs", async () => {
    const [before, after] = [new Graph(), new Graph()]
    for (const graph of [before, after]) {
      graph.add("tool", { outputs: ["out", "dev"] })
      graph.add("old")
      graph.add("new")
    }
    const path = (name: string): string => [...before.derivations].find(([, one]) => one.name === name)![0]
    const tool = path("tool")
    const a = before.add("x", { inputs: [tool, path("old")] })
    const b = after.add("x", { inputs: [tool, path("new")], needs: { [tool]: ["dev", "out"] } })
    const diff = await diffDerivations(before.side(a), after.side(b))
    assert.deepEqual(changesOf(diff), [
      [
        "x",
        [
          { kind: "input-outputs", name: "tool", before: ["out"], after: ["dev", "out"] },
          { kind: "input", name: "old", before: path("old"), after: undefined },
          { kind: "input", name: "new", before: undefined, after: path("new") },
        ],
      ],
    ])
  })

  test("sources, with what is in them", async () => {
    const diff = await compare((graph, isAfter) => {
      const source = graph.source("builder.sh", isAfter ? "b" : "a")
      return graph.add("x", { sources: [source], args: ["-e", source] })
    })
    const [[, [change, ...more]] = ["", []]] = changesOf(diff)
    assert.deepEqual(more, [])
    assert.ok(change?.kind === "source")
    const { name, beforeText, afterText } = change
    assert.deepEqual([name, beforeText, afterText], ["builder.sh", "a", "b"])
  })

  test("what is not known before it is built, and is the same all the same", async () => {
    const make = (flag: (isAfter: boolean) => string) => (graph: Graph, isAfter: boolean) => {
      const source = graph.add("src", { fixed: 1, env: { url: isAfter ? "b" : "a" } })
      const middle = graph.add("middle", { floating: true, inputs: [source], env: { flag: flag(isAfter) } })
      return graph.add("root", { inputs: [middle] })
    }
    assert.equal((await compare(make(() => ""))).verdict, "equivalent")
    const diff = await compare(make(String))
    assert.deepEqual(changesOf(diff), [["middle", [variable("flag", "false", "true")]]])
    assert.deepEqual(diff.affected.map(({ name }) => name), ["root"]) // prettier-ignore
  })

  test("derivations whose files are not there", async () => {
    const diff = await compare((graph, isAfter) => {
      const lost = graph.add("lost", { env: { n: isAfter ? "1" : "0" } })
      const path = graph.add("x", { inputs: [lost] })
      graph.derivations.delete(lost)
      return path
    })
    const [[, [change]] = ["", []]] = changesOf(diff)
    assert.ok(change?.kind === "unreadable")
    assert.equal(change.paths.length, 2)
  })

  test("a graph of thousands, each above the other", async () => {
    const diff = await compare((graph, isAfter) => {
      let path = graph.add("n0", { env: { flag: String(isAfter) } })
      for (let i = 1; i < 3000; i++) {
        path = graph.add(`n${i}`, { inputs: [path], env: { below: graph.output(path) } })
      }
      return path
    })
    assert.deepEqual(changesOf(diff), [["n0", [variable("flag", "false", "true")]]])
    assert.equal(diff.affected.length, 2999)
    const way = diff.causes[0]!.neededBy
    assert.deepEqual([way.length, way[0], way[1], way.at(-1)], [51, "n2999", "n50", "n1"])
  })

  test("structured attributes may have many members", async () => {
    const attributes = Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`a${i}`, 1]))
    const diff = await compareOne({ structuredAttrs: attributes }, { structuredAttrs: { ...attributes, a7: 2 } })
    assert.deepEqual(changesOf(diff), [["x", [{ kind: "attribute", path: ["a7"], before: "1", after: "2" }]]])
  })

  test("can be given up", async () => {
    const graph = new Graph()
    const [a, b] = [graph.add("x"), graph.add("y")]
    const signal = AbortSignal.abort(new Error("enough"))
    await assert.rejects(diffDerivations(graph.side(a), graph.side(b), { signal }), { message: "enough" })
  })
})
