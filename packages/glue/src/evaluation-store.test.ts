/** What evaluation leaves in a store and finds in one, whatever the store is made of. */
import assert from "node:assert/strict"
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, beforeEach, afterEach, describe, test } from "node:test"
import { byteStringOf, encodeHex, textOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import {
  deeply,
  Evaluation,
  Failure,
  IoError,
  makeGlobals,
  memoryIo,
  nixText,
  printValue,
  type EvalIO,
} from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { formatContentAddress, formatStorePath, parseStorePath } from "@tvix-ts/nix-compat"
import { memoryStore, type PathInfo, type Store } from "@tvix-ts/store"
import { openLocalStore } from "@tvix-ts/store/node"
import { SourceFile } from "@tvix-ts/syntax"
import { evaluationStore, storeBuiltins, storeIo, type EvaluationStore, type EvaluationStoreOptions } from "./index.ts"

const root = realpathSync(mkdtempSync(join(tmpdir(), "glue-")))
before(() => {
  mkdirSync(join(root, "dir/sub"), { recursive: true })
  writeFileSync(join(root, "dir/a"), "hello")
  writeFileSync(join(root, "dir/run"), "#!/bin/sh\n")
  writeFileSync(join(root, "dir/default.nix"), "import ./sub")
  writeFileSync(join(root, "dir/sub/default.nix"), "builtins.readFile ./up + builtins.readFile ../link")
  for (const file of ["a", "default.nix", "sub/default.nix"]) chmodSync(join(root, "dir", file), 0o644)
  chmodSync(join(root, "dir/run"), 0o755)
  symlinkSync("a", join(root, "dir/link"))
  symlinkSync("../a", join(root, "dir/sub/up"))
  writeFileSync(
    join(root, "large"),
    new Uint8Array(700_000).map((_, i) => (i * i) >> 3),
  )
})
after(() => rmSync(root, { recursive: true }))

/** What to add, and where C++ Nix 2.34.8 adds it. */
const ADDED: readonly [expression: string, path: string][] = [
  [`builtins.toFile "t" "x\${builtins.toFile "u" "k"}"`, "3cnd4mahzvc9a2nz08yk7ld406fkpg94-t"],
  [`"\${./dir}"`, "kgbgg2cr1b5rx9cx8d5v1n39gn5zamp5-dir"],
  [`"\${./dir/run}"`, "fhsg3jqz69b5s1ng2y2947cgd10nvswa-run"],
  [`"\${./dir/link}"`, "gl8mrq7cxzhp13jvrrik9l99dsjx3h3v-link"],
  [`builtins.path { path = ./dir/run; recursive = false; name = "flat"; }`, "qn3jxhmpa21aiahhyqgbnj6wb6smy5sr-flat"],
  [
    `builtins.path { path = ./dir; name = "f"; filter = p: t: baseNameOf p != "a"; }`,
    "nivckxwlysffrga5vy1p3m5jlsydp3gf-f",
  ],
  [`builtins.filterSource (p: t: t != "symlink") ./dir`, "wjmvc6vyc6frhhh9sk9gf3nnzmmi318p-dir"],
  [
    `(derivation { name = "d"; builder = ./dir/run; system = "s"; src = ./dir; }).drvPath`,
    "3pj535a91f1hlzwaf5i8rvjfqrznq7mf-d.drv",
  ],
  [`builtins.path { path = "\${./dir}/sub"; }`, "z1smsdififkchgn61w7xr2s5vs5pbsia-sub"],
  [`"\${./. + "/dir/sub"}"`, "z1smsdififkchgn61w7xr2s5vs5pbsia-sub"],
  [`builtins.path { path = "\${./dir}"; name = "again"; }`, "0irr1hszni79y5fgi8hz34dzj4414g3n-again"],
]

/** What its database then says of them: size and SHA-256 of the archive, content address, references. */
const REGISTERED: readonly [base: string, narSize: number, narHash: string, address: string, references: string[]][] = [
  [
    "0irr1hszni79y5fgi8hz34dzj4414g3n-again",
    1528,
    "60982b8c168136076999a2679e15199855da3b7b92c4ee8e4ebbea28387e9932",
    "fixed:r:sha256:0clrgqw2ismv9s7fxi4jgcxxlmcq34arwrx2k5lhfdl12s62p630",
    [],
  ],
  [
    "3cnd4mahzvc9a2nz08yk7ld406fkpg94-t",
    160,
    "038b7012ae0753671bcc72d7333ac27c66df74463a00d4db72cdce6b39971fbd",
    "text:sha256:0nsqa1g0srzjdzspyal2m504fp0m6xqh91v26ymlfli9d84z8m3y",
    ["xy6mcrv6b39lawvrnnfl850s624771lk-u"],
  ],
  [
    "3pj535a91f1hlzwaf5i8rvjfqrznq7mf-d.drv",
    552,
    "34bba5cae3abc7f7a2922ee1bb5a01995fc16eeaccc86fcffa3b5bbe323cbf8b",
    "text:sha256:1ggbsk4r6qbphj0alq47x29sswq6vpr6r1b16zd5m3flhpp98zyn",
    ["fhsg3jqz69b5s1ng2y2947cgd10nvswa-run", "kgbgg2cr1b5rx9cx8d5v1n39gn5zamp5-dir"],
  ],
  [
    "fhsg3jqz69b5s1ng2y2947cgd10nvswa-run",
    160,
    "6283c1668260f903d1a895c0cd6b822fa4b68762bb0b17cedef2d39d97e26554",
    "fixed:r:sha256:0m35wabrvlzjvv71f2xvca3vd91gh9mwvh4mm38h7yb0h9kc30v2",
    [],
  ],
  [
    "gl8mrq7cxzhp13jvrrik9l99dsjx3h3v-link",
    120,
    "b2d471a08d30662f14c0ae1e718b16f9fc1f38de425f47cca0437e9e93bc1f24",
    "fixed:r:sha256:090zpj9rwzj3l364fps2vqw1zz7r2s5p27mfq0a2yrihinh73m5j",
    [],
  ],
  [
    "kgbgg2cr1b5rx9cx8d5v1n39gn5zamp5-dir",
    1528,
    "60982b8c168136076999a2679e15199855da3b7b92c4ee8e4ebbea28387e9932",
    "fixed:r:sha256:0clrgqw2ismv9s7fxi4jgcxxlmcq34arwrx2k5lhfdl12s62p630",
    [],
  ],
  [
    "nivckxwlysffrga5vy1p3m5jlsydp3gf-f",
    1336,
    "810d466d2a215dfce25641103be26e72abca829c884604aa6aa2cb699093bec4",
    "fixed:r:sha256:1i5yjf86kjx2dam08il8kj1cmavjdvi3n421avigqp9159nlc3c1",
    [],
  ],
  [
    "qn3jxhmpa21aiahhyqgbnj6wb6smy5sr-flat",
    128,
    "1b7cb5f7edc9626b2c7a837007e4d93c2b8f968802f5d54600d46bc06dbe22f8",
    "fixed:sha256:1gss63iniqw2y8jr0hrlf4ksc2alyzdzgsi05c0h47nj50yns1x8",
    [],
  ],
  [
    "wjmvc6vyc6frhhh9sk9gf3nnzmmi318p-dir",
    1144,
    "83368b8a4db0f3b79a44f7312b9eaab3dcbf1bafb43ded78f58fc059f02b3dfa",
    "fixed:r:sha256:1yix5gq5kh4gymwfsgdlmwdvzp5kmag2ncgp8jdbgwxh9n58ndl3",
    [],
  ],
  [
    "xy6mcrv6b39lawvrnnfl850s624771lk-u",
    120,
    "88f6047af209b70908a79735b71b66a1ddb3ace605ecf3a3070af3d704439c2a",
    "text:sha256:0yhd91j32hxg2iaj7q55gm8n89zf2r46ydyx77azcl18m4lw6m42",
    [],
  ],
  [
    "z1smsdififkchgn61w7xr2s5vs5pbsia-sub",
    536,
    "292d686866358464419c961da4b88a85f0279db407804e3a6346581fb0acd827",
    "fixed:r:sha256:09yqmjq1yn26ccx4x007njfjgw45iawa87cnki0n911mcrl6hb99",
    [],
  ],
]

const DIR = "/nix/store/kgbgg2cr1b5rx9cx8d5v1n39gn5zamp5-dir"
const FILTERED = "/nix/store/nivckxwlysffrga5vy1p3m5jlsydp3gf-f"
const TEXT = "/nix/store/3cnd4mahzvc9a2nz08yk7ld406fkpg94-t"
const DRV = "/nix/store/3pj535a91f1hlzwaf5i8rvjfqrznq7mf-d.drv"
const NONE = "/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-none"

/** What an evaluation that did not add them sees of the above, and what it makes of them: as C++ Nix does. */
const READ: readonly [expression: string, result: string][] = [
  [`import ${DIR}`, `"hellohello"`],
  [`import "${DIR}/sub/../default.nix"`, `"hellohello"`],
  [
    `builtins.readDir ${DIR}`,
    `{ a = "regular"; "default.nix" = "regular"; link = "symlink"; run = "regular"; sub = "directory"; }`,
  ],
  [`builtins.readDir "${DIR}/sub"`, `{ "default.nix" = "regular"; up = "symlink"; }`],
  [`builtins.readFile ${DIR}/link`, `"hello"`],
  [`builtins.readFile ${DIR}/sub/up`, `"hello"`],
  [`builtins.hashFile "sha256" "${DIR}/link"`, `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`],
  [
    `map builtins.readFileType [ ${DIR} ${DIR}/a ${DIR}/link ${TEXT} ]`,
    `[ "directory" "regular" "symlink" "regular" ]`,
  ],
  [
    `map builtins.pathExists [ ${DIR} ${DIR}/a ${DIR}/sub/up ${DIR}/b ${DIR}/a/b ${NONE} ${TEXT}/x ]`,
    "[ true true true false false false false ]",
  ],
  [`map builtins.pathExists [ "${DIR}/sub/" "${DIR}/a/" ]`, "[ true false ]"],
  [`builtins.readFile ${TEXT}`, `"x/nix/store/xy6mcrv6b39lawvrnnfl850s624771lk-u"`],
  [
    `builtins.getContext (builtins.readFile ${TEXT})`,
    `{ "/nix/store/xy6mcrv6b39lawvrnnfl850s624771lk-u" = { path = true; }; }`,
  ],
  [`builtins.substring 0 8 (builtins.readFile ${DRV})`, `"Derive(["`],
  // A path in the store is copied like any other, unless it is a string.
  [`"\${${DIR}}"`, `"/nix/store/i4x4zd5blrlwislascvn21svvbkfkr3p-kgbgg2cr1b5rx9cx8d5v1n39gn5zamp5-dir"`],
  [`builtins.path { path = "${DIR}/sub"; }`, `"/nix/store/z1smsdififkchgn61w7xr2s5vs5pbsia-sub"`],
  [
    `builtins.path { path = ${DIR}/a; name = "x"; recursive = false; }`,
    `"/nix/store/62iir8mnhn874ykvq16v9l3kvx1010qs-x"`,
  ],
  [
    `builtins.path { path = builtins.storePath ${DIR}; name = "f"; filter = p: t: baseNameOf p != "a"; }`,
    `"${FILTERED}"`,
  ],
  [`builtins.storePath ${DIR}/sub`, `"${DIR}/sub"`],
  [`builtins.getContext (builtins.storePath ${DIR}/sub)`, `{ "${DIR}" = { path = true; }; }`],
  [`(import ${DRV}).outPath`, `"/nix/store/03rbaa4r8q3sj0bw6y57vmh8iddr0l64-d"`],
  [`(import ${DRV}).out.name`, `"d"`],
  [
    `(derivation { name = "e"; builder = "b"; system = "s"; d = (import ${DRV}); }).drvPath`,
    `"/nix/store/5vhsndmr84078yr6r2lwns0ggpjzk7yb-e.drv"`,
  ],
  [
    `(derivation { name = "e"; builder = "b"; system = "s"; d = (import ${DRV}).drvPath; }).drvPath`,
    `"/nix/store/a2fs6f4gzrmiaci1z845s0d45y5wxycz-e.drv"`,
  ],
  [
    `builtins.path { path = builtins.storePath ${TEXT}; name = "copy"; }`,
    `"/nix/store/fxdkzsi8lsrqavh5rqysfl8x6mgzqqdr-copy"`,
  ],
]

const FAILING: readonly [expression: string, message: RegExp][] = [
  [`builtins.readFile ${DIR}`, /read of \d+ bytes: Is a directory/],
  [`builtins.readFile ${DIR}/b`, /path '\/nix\/store\/kgbg[^']*-dir\/b' does not exist/],
  [`builtins.readFile ${NONE}`, /path '\/nix\/store\/00bgd[^']*-none' does not exist/],
  [`builtins.readDir ${DIR}/a`, /cannot read directory "\/nix\/store\/kgbg[^"]*-dir\/a": Not a directory/],
  [`builtins.storePath ${NONE}`, /path '\/nix\/store\/00bgd[^']*-none' is required, but there is no substituter/],
  [`builtins.appendContext "" { "${NONE}" = { path = true; }; }`, /is required, but there is no substituter/],
  [`"\${./missing}"`, /path '.*\/missing' does not exist/],
  [`builtins.path { path = ./dir; name = "a b"; }`, /name 'a b' contains illegal character ' '/],
  [
    `builtins.path { path = ./dir; sha256 = "0clrgqw2ismv9s7fxi4jgcxxlmcq34arwrx2k5lhfdl12s62p631"; }`,
    /store path mismatch in \(possibly filtered\) path added from '.*\/dir'/,
  ],
  [`builtins.path { path = ./dir; filter = p: t: throw "no"; }`, /no/],
]

interface Backend {
  readonly open: () => Promise<Store>
  readonly close: () => Promise<void>
}

function memory(): Backend {
  const store = memoryStore()
  return { open: async () => store, close: () => store.close() }
}
function local(): Backend {
  const dir = mkdtempSync(join(tmpdir(), "glue-store-"))
  const store = openLocalStore(dir)
  return {
    open: async () => store,
    async close() {
      await store.close()
      rmSync(dir, { recursive: true })
    },
  }
}

async function evaluated(expression: string, store: EvaluationStore, io: EvalIO = nodeIo()): Promise<string> {
  const evaluation = new Evaluation({ io: storeIo(io, store), builtins: storeBuiltins(store) }, makeGlobals)
  const source = new SourceFile("(test)", byteStringOf(expression))
  try {
    return textOf(printValue(await evaluation.run(deeply(evaluation.load(source, byteStringOf(root))))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Error(textOf(nixText(error, { positions: evaluation.positions, showTrace: true })), { cause: error })
  }
}

for (const [backend, make] of Object.entries({ memory, local })) {
  describe(`evaluationStore over ${backend}`, () => {
    let store: Store
    let opened = 0
    let close: () => Promise<void>
    const open = async (): Promise<Store> => {
      opened++
      return store
    }
    const begin = async (): Promise<void> => {
      const made = make()
      store = await made.open()
      close = made.close
      opened = 0
    }

    const writing = (options: EvaluationStoreOptions = {}): EvaluationStore =>
      evaluationStore(open, { write: true, ...options })
    /** Evaluates with a store of its own, and waits until all is written. */
    const write = async (...expressions: readonly string[]): Promise<string> => {
      const evaluations = writing()
      const result = await evaluated(`[ ${expressions.map((one) => `(${one})`).join(" ")} ]`, evaluations)
      await evaluations.flush()
      return result
    }
    const listed = async (): Promise<PathInfo[]> => {
      const pathInfos: PathInfo[] = []
      for await (const pathInfo of store.pathInfos.list()) pathInfos.push(pathInfo)
      return pathInfos
    }
    const ALL = ADDED.map(([expression]) => expression)

    describe("an empty store", () => {
      beforeEach(begin)
      afterEach(() => close())

      test("what is added is where C++ Nix has it, written or not", async () => {
        const paths = ADDED.map(([, path]) => `"/nix/store/${path}"`)
        for (const [i, expression] of ALL.entries()) {
          assert.equal(await evaluated(expression, evaluationStore()), paths[i], expression)
        }
        assert.equal(await write(...ALL), `[ ${paths.join(" ")} ]`)
      })

      test("what is registered is what C++ Nix registers, and true", async () => {
        await write(...ALL)
        const infos = await listed()
        const described = infos.map(({ storePath, narSize, narHash, contentAddress, references }) => [
          formatStorePath(storePath).slice("/nix/store/".length),
          narSize,
          encodeHex(narHash),
          formatContentAddress(contentAddress!),
          references.map((reference) => formatStorePath(reference).slice("/nix/store/".length)),
        ])
        assert.deepEqual(described, REGISTERED)
        for (const { node, narSize, narHash } of infos) {
          assert.deepEqual(await store.nar.calculate(node), { narSize, narHash })
        }
        assert.equal(opened, 1)
      })

      test("a tree of more than is held at once comes back as it was", async () => {
        const tree = join(root, "many")
        mkdirSync(join(tree, "below"), { recursive: true })
        for (let i = 0; i < 40; i++)
          writeFileSync(join(tree, i % 3 === 0 ? "below" : ".", `${i}`), `${i}`.repeat(30_000))
        const [path] = JSON.parse((await write(`"\${./many}"`)).replace(/ /g, "")) as [string]
        const { node, narHash, narSize } = (await store.pathInfos.get(parseStorePath(path).digest))!
        assert.deepEqual(await store.nar.calculate(node), { narSize, narHash })
        assert.equal(`"${path}"`, await evaluated(`"\${./many}"`, evaluationStore()))
      })

      test("a large file comes back as it was", async () => {
        const paths = await write(`"\${./large}"`, `builtins.path { path = ./large; recursive = false; }`)
        const [first, second] = JSON.parse(
          paths.replace("[ ", "[").replace(" ]", "]").replace('" "', '", "'),
        ) as string[]
        for (const path of [first, second]) {
          assert.equal(
            await evaluated(`builtins.hashFile "sha256" ${path}`, evaluationStore(open)),
            await evaluated(`builtins.hashFile "sha256" ./large`, evaluationStore()),
          )
        }
      })

      test("a file that is read in pieces is the same as one that is not", async () => {
        const contents = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * i) >> 7)
        writeFileSync(join(root, "pieces"), contents)
        // What nobody knows the size of is taken for small.
        const whole: EvalIO = { ...nodeIo(), stamp: () => undefined }
        const inPieces: EvalIO = { ...nodeIo(), readFile: (path) => assert.fail(`${path} is read at once`) }
        for (const more of ["", "recursive = false;", `filter = p: t: true; name = "f";`]) {
          const expression = `builtins.path { path = ./pieces; ${more} }`
          const evaluations = writing()
          const path = await evaluated(expression, evaluations, inPieces)
          assert.equal(path, await evaluated(expression, evaluationStore(), whole))
          await evaluations.flush()
          const { node, narHash, narSize } = (await store.pathInfos.get(parseStorePath(JSON.parse(path)).digest))!
          assert.deepEqual(await store.nar.calculate(node), { narSize, narHash })
        }
      })

      test("nothing of what is refused is finished, begun or not", async (t) => {
        const calls: string[] = []
        const begin = store.blobs.batch.bind(store.blobs)
        t.mock.method(store.blobs, "batch", () => {
          const batch = begin()
          for (const name of ["commit", "abort"] as const) {
            const call = batch[name].bind(batch)
            t.mock.method(batch, name, async () => {
              calls.push(name)
              await call()
            })
          }
          return batch
        })
        // Less than is held at once, and more.
        writeFileSync(join(root, "huge"), new Uint8Array(3_000_000))
        for (const [file, expected] of [
          ["large", []],
          ["huge", ["abort"]],
        ] as const) {
          const expression = `builtins.path { path = ./${file}; sha256 = "${"0".repeat(52)}"; }`
          await assert.rejects(evaluated(expression, writing()), /store path mismatch/)
          // What goes on behind our back begins in this turn.
          await new Promise(setImmediate)
          assert.deepEqual(calls.splice(0), expected)
        }
      })

      test("opens nothing that nobody asks for", async () => {
        const reading = evaluationStore(open)
        for (const [expression] of ADDED) await evaluated(expression, reading)
        await reading.flush()
        assert.equal(opened, 0)
        assert.deepEqual(await listed(), [])
      })

      test("nothing is there before what it refers to, however much there is", async () => {
        const there = new Set<string>()
        const { pathInfos } = store
        const putMany = async (many: readonly PathInfo[]): Promise<void> => {
          for (const { storePath, references, node } of many) {
            for (const { digest } of references)
              assert.ok(there.has(digest), `a reference of ${storePath.name} is missing`)
            there.add(storePath.digest)
            assert.ok(node.type !== "file" || (await store.blobs.stat(node.digest)) !== undefined)
          }
          await pathInfos.putMany(many)
        }
        const watched: Store = {
          ...store,
          pathInfos: {
            get: (digest) => pathInfos.get(digest),
            describe: (digest) => pathInfos.describe(digest),
            has: (digests) => pathInfos.has(digests),
            put: (pathInfo) => pathInfos.put(pathInfo),
            putMany,
            list: () => pathInfos.list(),
            close: async () => {},
          },
        }
        const chained = evaluationStore(async () => watched, { write: true })
        // More than may wait, so that the evaluation has to.
        await evaluated(
          `let f = n: derivation { name = "n\${toString n}"; builder = "b"; system = "s"; i = if n == 0 then "\${./dir}" else f (n - 1); }; in (f 9000).drvPath`,
          chained,
        )
        await chained.flush()
        assert.equal(there.size, 9002)
      })

      test("what is gone when all is written is written again", async () => {
        if (backend === "local") return
        await write(...ALL)
        const { pathInfos } = store
        let gone = false
        const collected: Store = {
          ...store,
          pathInfos: {
            // As if a collection had come between the first look and the last.
            has: async (digests) =>
              pathInfos.has(gone ? [...digests].filter((digest) => !DIR.includes(digest)) : digests),
            get: (digest) => pathInfos.get(digest),
            describe: (digest) => pathInfos.describe(digest),
            put: (pathInfo) => pathInfos.put(pathInfo),
            async putMany(many) {
              if (!gone) gone = true
              else
                assert.deepEqual(
                  many.map(({ storePath }) => formatStorePath(storePath)),
                  [DIR],
                )
              await pathInfos.putMany(many)
            },
            list: () => pathInfos.list(),
            close: async () => {},
          },
        }
        const again = evaluationStore(async () => collected, { write: true })
        await evaluated(`derivation { name = "new"; builder = "b"; system = "s"; src = ./dir; }`, again)
        await again.flush()
        assert.equal(gone, true)
      })

      test("what refers to nothing that is there is not written", async () => {
        const dangling = writing()
        dangling.addText(`/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-t`, "", new Set([NONE]))
        await assert.rejects(dangling.flush(), (error) => {
          assert.ok(error instanceof IoError)
          assert.equal(error.message, `path '${NONE}' is not valid`)
          return true
        })
        assert.deepEqual(await listed(), [])
      })

      test("a derivation whose file is another's is refused", async () => {
        await write(...ALL)
        const wrong = DRV.replace("-d.drv", "-c.drv")
        const info = (await store.pathInfos.get(parseStorePath(DRV).digest))!
        await store.pathInfos.put({ ...info, storePath: parseStorePath(wrong) })
        const reading = evaluationStore(open)
        await assert.rejects(evaluated(`import ${wrong}`, reading), /derivation '.*-c\.drv' is damaged/)
      })
    })

    describe("what another evaluation has written", () => {
      before(async () => {
        await begin()
        await write(...ALL)
      })
      after(() => close())

      for (const [expression, result] of READ) {
        test(expression, async () => assert.equal(await evaluated(expression, writing()), result))
      }

      test("is not written again", async () => {
        const puts: PathInfo[] = []
        const { pathInfos } = store
        const watched: Store = {
          ...store,
          directories: new Proxy(store.directories, {
            get(target, name) {
              assert.notEqual(name, "putMultiple")
              return (Reflect.get(target, name) as () => unknown).bind(target)
            },
          }),
          pathInfos: {
            get: (digest) => pathInfos.get(digest),
            describe: (digest) => pathInfos.describe(digest),
            has: (digests) => pathInfos.has(digests),
            put: (pathInfo) => pathInfos.put(pathInfo),
            async putMany(many) {
              puts.push(...many)
              await pathInfos.putMany(many)
            },
            list: () => pathInfos.list(),
            close: async () => {},
          },
        }
        const again = evaluationStore(async () => watched, { write: true })
        await evaluated(`[ ${ALL.map((one) => `(${one})`).join(" ")} (builtins.toFile "new" "") ]`, again)
        await again.flush()
        assert.deepEqual(
          puts.map(({ storePath }) => storePath.name),
          ["new"],
        )
      })

      test("links on disk lead there", async () => {
        const io = memoryIo({ "/home/result": { symlink: DIR }, "/home/deep/sub": { symlink: `${DIR}/sub` } })
        const reading = evaluationStore(open)
        assert.equal(await evaluated("import /home/result", reading, io), '"hellohello"')
        assert.equal(await evaluated("builtins.readFile /home/deep/sub/up", reading, io), '"hello"')
        assert.equal(await evaluated("builtins.readFile /home/result/sub/up", reading, io), '"hello"')
        assert.equal(await evaluated("builtins.pathExists /home/result/b", reading, io), "false")
        assert.equal(
          await evaluated(`builtins.readDir /home/deep/sub`, reading, io),
          await evaluated(`builtins.readDir ${DIR}/sub`, reading, io),
        )
      })

      test("may not be read where the disk may not, unless this evaluation added it", async () => {
        const io = nodeIo({ restriction: { allowed: [root], why: "here" } })
        await assert.rejects(
          evaluated(`builtins.readFile ${DIR}/a`, writing(), io),
          /access to absolute path .* is forbidden here/,
        )
        assert.equal(await evaluated(`builtins.readFile "\${./dir}/a"`, writing(), io), '"hello"')
        const filtered = `builtins.readDir (builtins.path { path = ./dir; filter = p: t: t == "directory"; })`
        assert.equal(await evaluated(filtered, writing(), io), '{ sub = "directory"; }')
        assert.equal(await evaluated(`builtins.readFile (builtins.toFile "t" "x")`, writing(), io), '"x"')
      })

      for (const [expression, message] of FAILING) {
        test(`fails plainly: ${expression}`, async () => {
          await assert.rejects(evaluated(expression, writing()), message)
        })
      }
    })
  })
}

describe("a store that fails", () => {
  const full = new CastoreError({ code: "full", reason: "no room is left" })
  const failing = (part: "open" | "blobs" | "pathInfos"): (() => Promise<Store>) => {
    const store = memoryStore()
    const fail = async (): Promise<never> => Promise.reject(full)
    switch (part) {
      case "open":
        return fail
      case "blobs":
        return async () => {
          const batch = store.blobs.batch()
          store.blobs.batch = () => ({ blob: (size) => batch.blob(size), commit: fail, abort: () => batch.abort() })
          return store
        }
      case "pathInfos":
        return async () => {
          store.pathInfos.putMany = fail
          return store
        }
    }
  }
  for (const part of ["open", "blobs", "pathInfos"] as const) {
    test(`${part}: the flush says why, and every flush after it`, async () => {
      const store = evaluationStore(failing(part), { write: true })
      await evaluated(`builtins.toFile "x" ""`, store)
      for (let i = 0; i < 2; i++) {
        await assert.rejects(store.flush(), (error) => error instanceof IoError && error.message === "no room is left")
      }
      await assert.rejects(evaluated(`builtins.toFile "y" ""`, store), /no room is left/)
    })
  }
  test("a path that cannot be looked up", async () => {
    await assert.rejects(evaluated(`builtins.readFile ${DIR}`, evaluationStore(failing("open"))), /no room is left/)
  })
})

test("derivations and files that only the disk has", async () => {
  const files = new Map<string, string>()
  const store = memoryStore()
  const first = evaluationStore(async () => store, { write: true })
  await evaluated(ADDED.find(([, path]) => path.endsWith(".drv"))![0], first)
  files.set(DRV, first.text(DRV)!)
  const io = memoryIo(Object.fromEntries([...files].map(([path, text]) => [path, text])))
  const second = evaluationStore(undefined, { disk: io })
  for (const [expression, result] of READ.filter(([one]) => one.includes(DRV))) {
    assert.equal(await evaluated(expression, second, io), result)
  }
})
