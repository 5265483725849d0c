import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { hash } from "@tvix-ts/hash"
import { bytesOf } from "@tvix-ts/bytes"
import { TreeBuilder } from "@tvix-ts/castore"
import { derivationOptions, formatStorePath, parseStorePath, type Derivation } from "@tvix-ts/nix-compat"
import { memoryStore, type PathInfo, type Store } from "@tvix-ts/store"
import { buildInputs, exportedGraphs } from "./inputs.ts"
import { RealiseError } from "./problem.ts"

const pathOf = (letter: string, name = letter): string => `/nix/store/${letter.repeat(32)}-${name}`
const [A, B, C, DRV] = [pathOf("a"), pathOf("b"), pathOf("c"), pathOf("d", "c.drv")]
const signal = new AbortController().signal

/** A store where B refers to A and to itself, and a derivation to A; what it builds, C, refers to B. */
async function world(): Promise<Store> {
  const store = memoryStore()
  await add(store, A, "a\n", [], {
    method: "text",
    hash: { algorithm: "sha256", digest: hash("sha256", bytesOf("a\n")) },
  })
  await add(store, B, `${A}\n`, [A, B])
  await add(store, C, `${B}\n`, [B])
  await add(store, DRV, "Derive", [A])
  return store
}

async function add(
  store: Store,
  path: string,
  contents: string,
  references: readonly string[],
  contentAddress?: PathInfo["contentAddress"],
): Promise<void> {
  const builder = new TreeBuilder(store)
  const bytes = bytesOf(contents)
  builder.file(bytes.length, false)
  await builder.contents(bytes)
  const node = await builder.finish()
  await store.pathInfos.put({
    storePath: parseStorePath(path),
    node,
    references: references.map((reference) => parseStorePath(reference)),
    signatures: [],
    ...(await store.nar.calculate(node)),
    ...(contentAddress !== undefined && { contentAddress }),
  })
}

function derivationOf(changes: Partial<Derivation>): Derivation {
  return {
    name: "thing",
    outputs: new Map([["out", { kind: "input-addressed", path: pathOf("f", "thing") }]]),
    inputDerivations: new Map(),
    inputSources: new Set(),
    system: "x86_64-linux",
    builder: "/bin/sh",
    args: [],
    env: new Map(),
    ...changes,
  }
}
const built = derivationOf({ outputs: new Map([["out", { kind: "input-addressed", path: C }]]) })

async function graphsOf(store: Store, changes: Partial<Derivation>): Promise<Record<string, string>> {
  const derivation = derivationOf(changes)
  const inputs = await buildInputs(derivation, [], store, signal)
  const options = derivationOptions(derivation)
  return Object.fromEntries(await exportedGraphs(derivation, options, inputs, store, async () => built, signal))
}

test("inputs are what is named, and all that it refers to, which comes first", async () => {
  const store = await world()
  const inputs = await buildInputs(derivationOf({ inputSources: new Set([DRV]) }), [B], store, signal)
  assert.deepEqual([...inputs.keys()].sort(), [A, B, DRV])
  assert.equal([...inputs.keys()][0], A)
  assert.equal(formatStorePath(inputs.get(B)!.storePath), B)
})

describe("graphs of references", () => {
  test("as text: each path, no deriver, how many references, and these", async () => {
    const graphs = await graphsOf(await world(), {
      inputSources: new Set([B]),
      env: new Map([["exportReferencesGraph", `one ${A} two ${B}`]]),
    })
    assert.deepEqual(graphs, { one: `${A}\n\n0\n`, two: `${A}\n\n0\n${B}\n\n2\n${A}\n${B}\n` })
  })

  test("with a derivation among them is what it builds, and what that refers to", async () => {
    const graphs = await graphsOf(await world(), {
      inputSources: new Set([DRV]),
      env: new Map([["exportReferencesGraph", `all ${DRV}`]]),
    })
    assert.equal(graphs["all"], `${A}\n\n0\n${B}\n\n2\n${A}\n${B}\n${C}\n\n1\n${B}\n${DRV}\n\n1\n${A}\n`)
  })

  test("as JSON, with structured attributes: of each path its archive, and how large its closure is", async () => {
    const store = await world()
    const graphs = await graphsOf(store, {
      inputSources: new Set([B]),
      structuredAttrs: JSON.stringify({ exportReferencesGraph: { graph: [A, B] } }),
    })
    assert.deepEqual(JSON.parse(graphs["graph"]!), [
      {
        ca: "text:sha256:1ir5rz261phggayppq7565k0jxg47zq3rkkvbq332gc04b2qyhl7",
        closureSize: 120,
        narHash: "sha256:11hap619k9yv29jfxdq44d7fxwks93qsw8w8iwbgdjwxni9zsxlj",
        narSize: 120,
        path: A,
        references: [],
        valid: true,
      },
      {
        closureSize: 280,
        narHash: "sha256:1wssx4qgnn7rsad5k16z1bk93n64ca47yq0g9m17m5aisq7yqak6",
        narSize: 160,
        path: B,
        references: [A, B],
        valid: true,
      },
    ])
    assert.match(graphs["graph"]!, /^\[\{"ca":"[^"]*","closureSize":120,"narHash":/, "names are in order")
  })

  test("of what is no input there are none", async () => {
    const store = await world()
    const env = new Map([["exportReferencesGraph", `graph ${B}`]])
    const isTold = (error: unknown): boolean => error instanceof RealiseError && error.problem.code === "graph"
    await assert.rejects(graphsOf(store, { inputSources: new Set([A]), env }), isTold)
  })
})
