import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { bytesOf, utf8 } from "@tvix-ts/bytes"
import { BuildError, type BuildOptions, type BuildOutput, type BuildRequest, type BuildService } from "@tvix-ts/build"
import { CastoreError, TreeBuilder, type Node } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import {
  fingerprint,
  fixedOutputPath,
  formatStorePath,
  instantiate,
  parseStorePath,
  SecretKey,
  verifySignature,
  type Derivation,
  type DerivationHashes,
  type DerivationOutput,
  type Instantiated,
} from "@tvix-ts/nix-compat"
import { memoryStore, type Store } from "@tvix-ts/store"
import { RealiseError, type RealiseProblem } from "./problem.ts"
import { realise, type RealiseEvent, type RealiseOptions } from "./realise.ts"

type Behaviour = (
  request: BuildRequest,
  options: BuildOptions,
) => Promise<Record<string, string>> | Record<string, string>

/** A world of derivations, and a builder that does as it is told: by name of the derivation, contents of files by output path. */
class World {
  readonly store: Store = memoryStore()
  readonly events: string[] = []
  readonly built: string[] = []
  running = 0
  runningMax = 0
  readonly #derivations = new Map<string, Instantiated>()
  readonly #behaviours = new Map<string, Behaviour>()

  derivation(
    name: string,
    inputs: readonly Instantiated[],
    more: Partial<Derivation> = {},
    behaviour?: Behaviour,
  ): Instantiated {
    const outputs = more.outputs ?? new Map([["out", { kind: "deferred" }]] as const)
    const made = instantiate(
      {
        name,
        inputDerivations: new Map(inputs.map(({ path }) => [path, new Set(["out"])])),
        inputSources: new Set(),
        system: "x86_64-linux",
        builder: "/bin/sh",
        args: [],
        env: new Map([["name", name]]),
        ...more,
        outputs,
      },
      (path): DerivationHashes => this.#derivations.get(path)!.hashes,
    )
    this.#derivations.set(made.path, made)
    if (behaviour !== undefined) this.#behaviours.set(name, behaviour)
    return made
  }

  readonly builder: BuildService = {
    build: async (request, options = {}) => {
      const name = request.environment.get("name")!
      this.running++
      this.runningMax = Math.max(this.runningMax, this.running)
      try {
        // Others get their turn.
        await new Promise((resolve) => setImmediate(resolve))
        options.signal?.throwIfAborted()
        this.built.push(name)
        const files = (await this.#behaviours.get(name)?.(request, options)) ?? {}
        return await Promise.all(
          request.outputs.map((path) => this.#output(path, files[path] ?? `made by ${name}`, request)),
        )
      } finally {
        this.running--
      }
    },
    close: async () => {},
  }

  fetches(): string[] {
    return this.events.filter((event) => event.startsWith("fetch"))
  }

  async #output(path: string, contents: string, { needles }: BuildRequest): Promise<BuildOutput> {
    const node = await storedFile(this.store, contents)
    return { path, node, needles: needles.flatMap((needle, i) => (contents.includes(needle) ? [i] : [])) }
  }

  async run(wanted: readonly Instantiated[], options: Partial<RealiseOptions> = {}): Promise<Map<string, string>> {
    const { failures } = await realise(
      wanted.map(({ path }) => ({ derivation: path, outputs: "all" })),
      {
        store: this.store,
        readDerivation: async (path) => this.#derivations.get(path)?.derivation,
        builder: this.builder,
        builtins: new Map(),
        substituters: [],
        locks: { acquire: async () => () => {} },
        jobs: 2,
        cores: 1,
        keepGoing: false,
        check: false,
        systems: ["x86_64-linux"],
        features: [],
        keys: [],
        impure: () => undefined,
        onEvent: (event) => this.events.push(shown(event)),
        ...options,
      },
    )
    return new Map([...failures].map(([path, error]) => [this.#derivations.get(path)!.derivation.name, codeOf(error)]))
  }
}

function shown(event: RealiseEvent): string {
  const path = "derivation" in event ? event.derivation : event.path
  return `${event.kind} ${path.slice(44).replace(".drv", "")}`
}
function codeOf(error: unknown): string {
  assert.ok(error instanceof RealiseError, String(error))
  return error.problem.code
}
async function storedFile(store: Store, contents: string): Promise<Node> {
  const builder = new TreeBuilder(store)
  const bytes = bytesOf(contents)
  builder.file(bytes.length, false)
  await builder.contents(bytes)
  return builder.finish()
}
function digestOf(made: Instantiated): string {
  return parseStorePath(outPath(made)).digest
}
function outPath({ derivation }: Instantiated, name = "out"): string {
  return (derivation.outputs.get(name) as DerivationOutput & { path: string }).path
}
async function has(store: Store, path: string): Promise<boolean> {
  return (await store.pathInfos.get(path.slice("/nix/store/".length, 43))) !== undefined
}

describe("realising derivations", () => {
  test("builds what is needed first, and each thing once", async () => {
    const world = new World()
    const a = world.derivation("a", [])
    const b = world.derivation("b", [a])
    const c = world.derivation("c", [a])
    const d = world.derivation("d", [b, c])
    assert.deepEqual(await world.run([d, b]), new Map())
    assert.deepEqual([world.built[0], world.built.slice(1, 3).sort(), world.built[3]], ["a", ["b", "c"], "d"])
    world.built.length = 0
    await world.run([d])
    assert.deepEqual(world.built, [], "all was there")
  })

  test("what is there needs none of what it was built from", async () => {
    const world = new World()
    const a = world.derivation("a", [], {}, () => assert.fail("not needed"))
    const b = world.derivation("b", [a])
    const node = await storedFile(world.store, "b")
    const { narSize, narHash } = await world.store.nar.calculate(node)
    const [, digest, name] = /store\/([^-]*)-(.*)/.exec(outPath(b))!
    await world.store.pathInfos.put({
      storePath: { digest: digest!, name: name! },
      node,
      references: [],
      narSize,
      narHash,
      signatures: [],
    })
    assert.deepEqual(await world.run([b]), new Map())
    assert.deepEqual(world.built, [])
  })

  test("no more builds run at once than there are jobs", async () => {
    for (const jobs of [1, 3]) {
      const world = new World()
      const many = Array.from({ length: 12 }, (_, i) => world.derivation(`n${i}`, []))
      await world.run(many, { jobs })
      assert.equal(world.runningMax, jobs)
      assert.equal(world.built.length, 12)
    }
  })

  test("references are those inputs and outputs that the contents mention", async () => {
    const world = new World()
    const a = world.derivation("a", [])
    const b = world.derivation("b", [])
    const c = world.derivation("c", [a, b], {}, ({ outputs }) => ({ [outputs[0]!]: `${outPath(a)} ${outputs[0]}` }))
    await world.run([c])
    const info = (await world.store.pathInfos.get(outPath(c).slice(11, 43)))!
    assert.deepEqual(info.references.map((path) => formatStorePath(path)).sort(), [outPath(a), outPath(c)].sort())
    assert.equal(formatStorePath(info.deriver!), c.path)
  })

  test("a build sees the closure of its inputs", async () => {
    const world = new World()
    const a = world.derivation("a", [])
    const b = world.derivation("b", [a], {}, ({ outputs }) => ({ [outputs[0]!]: outPath(a) }))
    const seen: string[] = []
    const c = world.derivation("c", [b], {}, ({ inputs }) => {
      seen.push(...inputs.keys())
      return {}
    })
    await world.run([c])
    assert.deepEqual(seen, [outPath(a), outPath(b)].map((path) => path.slice(11)).sort())
  })

  describe("failures", () => {
    const fails = (): never => {
      throw new BuildError({ code: "exit", status: 3 })
    }

    test("end the others, without --keep-going", async () => {
      const world = new World()
      const bad = world.derivation("bad", [], {}, fails)
      const needs = world.derivation("needs", [bad])
      const codes = await world.run([needs], { jobs: 1 })
      assert.deepEqual(codes, new Map([["needs", "dependencies-failed"]]))
      assert.deepEqual(world.built, ["bad"])
    })

    test("are not in the way of what does not need them, with it", async () => {
      const world = new World()
      const bad = world.derivation("bad", [], {}, fails)
      const good = world.derivation("good", [])
      const needs = world.derivation("needs", [bad, good])
      const also = world.derivation("also", [needs, bad])
      assert.deepEqual(
        await world.run([also, needs, good], { keepGoing: true }),
        new Map([
          ["also", "dependencies-failed"],
          ["needs", "dependencies-failed"],
        ]),
      )
      assert.deepEqual(world.built.sort(), ["bad", "good"], "what failed is not tried again")
      assert.ok(await has(world.store, outPath(good)))
      assert.ok(!(await has(world.store, outPath(bad))))
    })

    test("show the end of the log", async () => {
      const world = new World()
      const bad = world.derivation("bad", [], {}, (_, { onLog }) => {
        for (let i = 0; i < 100; i++) onLog!(utf8(`line ${i}\nha`))
        onLog!(utf8("lf"))
        return fails()
      })
      let problem: RealiseProblem | undefined
      await world.run([bad], {
        onEvent(event) {
          if (event.kind === "build-failed") problem = (event.error as RealiseError).problem
        },
      })
      assert.ok(problem?.code === "build-failed")
      assert.equal(problem.reason, "builder failed with exit code 3")
      const { lines, omitted } = problem.log
      assert.deepEqual([lines.length, omitted], [25, 76])
      assert.equal(lines[0], "haline 76")
      assert.equal(lines.at(-1), "half")
    })
  })

  describe("what is promised of outputs", () => {
    const fixed = (contents: string): Map<string, DerivationOutput> => {
      const promised = { algorithm: "sha256", digest: hash("sha256", utf8(contents)) } as const
      return new Map([
        ["out", { kind: "fixed", method: "flat", hash: promised, path: fixedOutputPath("f", "flat", promised) }],
      ])
    }
    const CASES: readonly (readonly [name: string, code: string | undefined, (world: World) => Instantiated])[] = [
      [
        "the hash, kept",
        undefined,
        (world) => world.derivation("f", [], { outputs: fixed("x") }, ({ outputs }) => ({ [outputs[0]!]: "x" })),
      ],
      [
        "no references, though the hash is broken, too",
        "fixed-references",
        (world) =>
          world.derivation("f", [], { outputs: fixed("x") }, ({ outputs }) => ({ [outputs[0]!]: outputs[0]! })),
      ],
      ["the hash, broken", "hash-mismatch", (world) => world.derivation("f", [], { outputs: fixed("x") })],
      [
        "no references that are forbidden",
        "output-rejected",
        (world) => {
          const a = world.derivation("a", [])
          const env = new Map([
            ["name", "f"],
            ["disallowedReferences", outPath(a)],
          ])
          return world.derivation("f", [a], { env }, ({ outputs }) => ({ [outputs[0]!]: outPath(a) }))
        },
      ],
      [
        "no references but those allowed",
        "output-rejected",
        (world) => {
          const env = new Map([
            ["name", "f"],
            ["allowedReferences", ""],
          ])
          return world.derivation("f", [], { env }, ({ outputs }) => ({ [outputs[0]!]: outputs[0]! }))
        },
      ],
      [
        "references to itself, allowed by name",
        undefined,
        (world) => {
          const env = new Map([
            ["name", "f"],
            ["allowedReferences", "out"],
          ])
          return world.derivation("f", [], { env }, ({ outputs }) => ({ [outputs[0]!]: outputs[0]! }))
        },
      ],
      [
        "outputs that refer to each other",
        "cycle",
        (world) => {
          const outputs = new Map<string, DerivationOutput>([
            ["out", { kind: "deferred" }],
            ["dev", { kind: "deferred" }],
          ])
          return world.derivation("f", [], { outputs }, (request) => {
            const [a, b] = request.outputs as [string, string]
            return { [a]: b, [b]: a }
          })
        },
      ],
    ]
    for (const [name, code, make] of CASES) {
      test(name, async () => {
        const world = new World()
        const made = make(world)
        const codes = await world.run([made])
        assert.equal([...codes.values()][0], code)
        assert.equal(await has(world.store, outPath(made)), code === undefined, "what is broken is not registered")
      })
    }
  })

  test("another kind of machine is told of, before anything is built for it", async () => {
    const world = new World()
    const a = world.derivation("a", [])
    const other = world.derivation("other", [a], { system: "sparc-solaris" })
    const kvm = world.derivation("kvm", [a], { env: new Map([["requiredSystemFeatures", "kvm"]]) })
    assert.deepEqual(
      await world.run([other, kvm], { keepGoing: true }),
      new Map([
        ["other", "platform"],
        ["kvm", "platform"],
      ]),
    )
    assert.deepEqual(world.built, [])
  })

  test("may be told to start no builds, but for those that are quick, and takes what others have", async () => {
    const far = new World()
    await far.run([far.derivation("a", [])])
    const world = new World()
    const env = new Map([
      ["name", "quick"],
      ["preferLocalBuild", "1"],
    ])
    const some = [world.derivation("a", []), world.derivation("b", []), world.derivation("quick", [], { env })]
    const failed = await world.run(some, { jobs: 0, keepGoing: true, substituters: [far.store] })
    assert.deepEqual(failed, new Map([["b", "no-jobs"]]))
    assert.deepEqual(world.built, ["quick"])
  })

  test("what no builder here can do is told of, too", async () => {
    const world = new World()
    const free = world.derivation("free", [], {
      env: new Map([
        ["name", "free"],
        ["__noChroot", "1"],
      ]),
    })
    const nowhere = world.derivation("nowhere", [], { builder: "sh" })
    const unknown = world.derivation("unknown", [], { builder: "builtin:nothing" })
    const all = [free, nowhere, unknown]
    assert.deepEqual([...(await world.run(all, { keepGoing: true })).values()], Array(3).fill("unsupported"))
    assert.deepEqual(world.built, [])
    assert.deepEqual(await world.run([free], { unsandboxed: true }), new Map())
    assert.deepEqual(world.built, ["free"])
  })

  test("takes from a substituter what that has, and builds the rest", async () => {
    const far = new World()
    const world = new World()
    const inBoth = (name: string, inputs: readonly [Instantiated, Instantiated][]): [Instantiated, Instantiated] => [
      far.derivation(
        name,
        inputs.map(([there]) => there),
      ),
      world.derivation(
        name,
        inputs.map(([, here]) => here),
      ),
    ]
    const a = inBoth("a", [])
    const b = inBoth("b", [a])
    const c = inBoth("c", [b])
    await far.run([b[0]])
    assert.deepEqual(await world.run([c[1]], { substituters: [memoryStore(), far.store] }), new Map())
    assert.deepEqual(world.built, ["c"])
    assert.deepEqual(world.fetches(), ["fetch-started b", "fetch-done b"])
  })

  test("builds what a substituter fails to give", async () => {
    const far = new World()
    const world = new World()
    const a = far.derivation("a", [])
    await far.run([a])
    const down = new CastoreError({ code: "unavailable", reason: "nobody answers" })
    const broken: Store = {
      ...far.store,
      blobs: {
        ...far.store.blobs,
        stat: () => Promise.reject(down),
        read: () => Promise.reject(down),
      },
    }
    assert.deepEqual(await world.run([world.derivation("a", [])], { substituters: [broken] }), new Map())
    assert.deepEqual(world.built, ["a"])
    assert.deepEqual(world.fetches(), ["fetch-started a", "fetch-failed a"])
  })

  test("builds what is there again, and says whether the same comes out", async () => {
    const world = new World()
    let count = 0
    const a = world.derivation("a", [])
    const same = world.derivation("same", [a])
    const other = world.derivation("other", [a], {}, ({ outputs: [out = ""] }) => ({ [out]: `attempt ${count++}` }))
    assert.deepEqual(await world.run([same], { check: true }), new Map([["same", "check-missing"]]))
    await world.run([same, other])
    world.built.length = 0
    const before = await world.store.pathInfos.get(digestOf(other))
    assert.deepEqual(
      await world.run([same, other], { check: true, keepGoing: true }),
      new Map([["other", "not-deterministic"]]),
    )
    assert.deepEqual(world.built.toSorted(), ["other", "same"], "what they need is there")
    assert.deepEqual(await world.store.pathInfos.get(digestOf(other)), before, "what was there stays")
  })

  test("signs what it builds", async () => {
    const world = new World()
    const keys = [await SecretKey.generate("first"), await SecretKey.generate("second")]
    const a = world.derivation("a", [])
    await world.run([world.derivation("b", [a])], { keys })
    for await (const pathInfo of world.store.pathInfos.list()) {
      assert.deepEqual(
        pathInfo.signatures.map(({ name }) => name),
        ["first", "second"],
      )
      for (const signature of pathInfo.signatures) {
        const { publicKey } = keys.find(({ name }) => name === signature.name)!
        assert.ok(await verifySignature(fingerprint(pathInfo), signature, [publicKey]))
      }
    }
    assert.deepEqual(world.built, ["a", "b"])
  })

  test("ends when nobody wants it any more", async () => {
    const world = new World()
    const stop = new AbortController()
    const a = world.derivation("a", [], {}, (_, { signal }) => {
      stop.abort(new Error("enough"))
      signal!.throwIfAborted()
      return {}
    })
    await assert.rejects(world.run([world.derivation("b", [a])], { signal: stop.signal }), /enough/)
    assert.deepEqual(world.built, ["a"])
  })
})
