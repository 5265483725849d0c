/** `nix-store` as a program: what it answers, moves, adds, deletes and builds. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import { DatabaseSync } from "node:sqlite"

const launcher = (command: string): string => fileURLToPath(new URL(`../../../../bin/${command}`, import.meta.url))
const given = (name: string): Buffer => readFileSync(new URL(`testing/${name}`, import.meta.url))
const EXPORT = gunzipSync(given("paths.export.gz"))
const TOP = "/nix/store/9vh3xar1hnrifg37wkifsrzgrshkgw0p-top"
const DERIVATION = "/nix/store/9lhmwqnj2lxxh9j54wkk80i9xzf49ckz-top.drv"
const SRC = "/nix/store/ci5axqfmv0jq95m0sszhsdxyg7an8gjv-src"
const NOWHERE = "/nix/store/00000000000000000000000000000000-x"

let folder = ""
/** A store with the paths of the export, which nobody writes to. */
let full = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nix-store-"))
  mkdirSync(join(folder, "src", "d"), { recursive: true })
  writeFileSync(join(folder, "src", "a"), "hi\n")
  symlinkSync("a", join(folder, "src", "l"))
  full = join(folder, "full")
  assert.equal(run(["--import"], full, EXPORT).status, 0)
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}
function run(args: readonly string[], store: string, input: Uint8Array = Buffer.of(), command = "nix-store"): Ran {
  const env = {
    PATH: process.env["PATH"],
    HOME: join(folder, "home"),
    NIX_CONF_DIR: "/nowhere",
    NIX_PATH: "",
    TVIX_STORE: store,
  }
  const options = { cwd: folder, env, input, encoding: "latin1", timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(launcher(command), args, options)
  return { status, out: stdout, error: stderr }
}
const done = (out: string): Ran => ({ status: 0, out, error: "" })
const failed = (error: string): Ran => ({ status: 1, out: "", error: `error: ${error}\n` })
const misused = (error: string): Ran => failed(`${error}\nTry 'nix-store --help' for more information.`)
const lines = (text: string): string[] => text.split("\n").slice(0, -1)
let stores = 0
const newStore = (): string => join(folder, `store-${stores++}`)
function copyOfFull(): string {
  const store = newStore()
  cpSync(full, store, { recursive: true })
  return store
}

describe("answers as C++ Nix does", () => {
  for (const question of given("queries.txt").toString("latin1").split(/^\$ /m).slice(1)) {
    const [words = "", ...answer] = question.split("\n")
    test(words.replaceAll(/\/nix\/store\/\w{28}/g, "…"), () => {
      const { out, error } = run(words.split(" "), full)
      assert.deepEqual(lines(out + error), answer.slice(0, -1))
    })
  }
})

describe("what is asked otherwise", () => {
  const CASES: readonly (readonly [words: string, ran: Ran])[] = [
    [`-q --valid-derivers ${TOP}`, done(`${DERIVATION}\n`)],
    ["", misused("no operation specified")],
    ["--foo", misused("unknown flag '--foo'")],
    ["-q --repair", misused("unknown flag '--repair'")],
    ["-q -r", misused("only one operation may be specified")],
    [`-q --hash --size ${TOP}`, misused("query type '--size' conflicts with earlier flag")],
    ["--add-fixed", misused("first argument must be hash algorithm")],
    [
      "--add-fixed sha257 src",
      failed("unknown hash algorithm 'sha257', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'"),
    ],
    ["--dump", misused("only one argument allowed")],
    ["--import x", misused("no arguments expected")],
    ["-q --hash src", failed(`path 'FOLDER/src' is not in the Nix store`)],
    ["-q --hash /nix/store/x", failed("'x' is too short to be a valid store path")],
    [
      `-r ${NOWHERE}`,
      failed(`path '${NOWHERE}' is required, but it is not in the store, and nothing is known that builds it`),
    ],
    [`-r ${DERIVATION}!doc`, failed(`derivation '${DERIVATION}' does not have an output named 'doc'`)],
    ["--serve --write", failed("--serve is not supported: tvix-store serve and tvix-store daemon serve a store")],
    ["--optimise", failed("--optimise is not supported: equal contents are stored once in any case")],
  ]
  for (const [words, { status, out, error }] of CASES) {
    test(words, () => {
      const expected = { status, out, error: error.replace("FOLDER", folder) }
      assert.deepEqual(run(words.split(" ").filter(Boolean), full), expected)
    })
  }

  test("links are followed, operands may come from standard input", () => {
    symlinkSync(`/elsewhere${TOP}`, join(folder, "one"))
    symlinkSync("one", join(folder, "two"))
    assert.deepEqual(
      run(["-q", "--resolve", "two", "--stdin"], full, Buffer.from(`one\n${SRC}/d\n`)),
      done(`${TOP}\n${TOP}\n${SRC}\n`),
    )
  })

  test("help tells of every operation, and of one", () => {
    const { status, out } = run(["--help"], full)
    assert.equal(status, 0)
    for (const name of ["--realise", "--query", "--import", "--verify-path"])
      assert.match(out, new RegExp(`${name}\\b`))
    assert.match(run(["--query", "--help"], full).out, /--referrers-closure\s+paths, and all/)
    assert.match(run(["--version"], full).out, /^nix-store \(Tvix\) /)
  })
})

describe("archives", () => {
  test("of files and of store paths, and back", () => {
    const { status, out } = run(["--dump", "src"], full)
    assert.equal(status, 0)
    assert.ok(out === run(["--dump", SRC], full).out)
    const archive = Buffer.from(out, "latin1")
    assert.equal(
      createHash("sha256").update(archive).digest("hex"),
      "fb6754c8a4b308151a291c2e5cd5d7c34976e41de70945a08266529d05b58338",
    )
    assert.deepEqual(run(["--restore", "copy"], full, archive), done(""))
    assert.deepEqual(readdirSync(join(folder, "copy")), ["a", "d", "l"])
    assert.equal(readlinkSync(join(folder, "copy", "l")), "a")
    assert.deepEqual(run(["--restore", "copy"], full, archive), failed("'copy' exists already"))
    for (const damaged of [archive.subarray(0, -8), Buffer.concat([archive.subarray(0, 200), archive])]) {
      const { status, error } = run(["--restore", "damaged"], full, damaged)
      assert.equal(status, 1)
      assert.match(error, /^error: .*of the Nix archive\n$/)
    }
    assert.deepEqual(
      readdirSync(folder).filter((name) => /damaged|\.tvix/.test(name)),
      [],
    )
    rmSync(join(folder, "copy"), { recursive: true })
  })

  test("exports are those of C++ Nix, whichever order is asked for", () => {
    const all = lines(run(["-qR", "--include-outputs", DERIVATION], full).out)
    const { status, out } = run(["--export", ...all.toReversed()], full)
    assert.equal(status, 0)
    assert.ok(Buffer.from(out, "latin1").equals(EXPORT))
  })

  test("imports are whole or not there", () => {
    const store = newStore()
    const half = run(["--import"], store, EXPORT.subarray(0, EXPORT.length / 2))
    assert.equal(half.status, 1)
    assert.match(half.error, /^error: the end of the exported paths is missing\n$/)
    const there = lines(half.out)
    assert.ok(there.length > 0 && there.length < 10)
    assert.deepEqual(lines(run(["-qR", ...there], store).out).sort(), there.toSorted())
    assert.equal(lines(run(["--import"], store, EXPORT).out).length, 10)
    assert.deepEqual(run(["--verify", "--check-contents", "--quiet"], store), done(""))
  })

  test("imports need what they refer to", () => {
    const alone = Buffer.from(run(["--export", TOP], full).out, "latin1")
    const { status, out, error } = run(["--import"], newStore(), alone)
    assert.deepEqual([status, out], [1, ""])
    assert.match(error, /^error: '.*-b', which '.*-top' refers to, is not in the store\n$/)
  })
})

describe("adding", () => {
  const CASES: readonly (readonly [words: string, path: string])[] = [
    ["--add src", "ci5axqfmv0jq95m0sszhsdxyg7an8gjv-src"],
    ["--add-fixed sha256 src/a", "hrvjkyf8i9yx8dmgfbqlsr7xlxa6wmfw-a"],
    ["--add-fixed md5 ./src/a", "pdindbcsgsmb0ns6kmpxnpwldpq4fvj3-a"],
    ["--add-fixed --recursive sha1 src/", "6crpqcsrsxf37j3gvi267a85c8cdh0d3-src"],
    [`--print-fixed-path sha256 ${"0".repeat(64)} foo`, "a3qrxr9fv07qngjdfd543q16dz6907hh-foo"],
  ]
  for (const [words, path] of CASES) {
    test(words, () => assert.deepEqual(run(words.split(" "), copyOfFull()), done(`/nix/store/${path}\n`)))
  }

  test("what is no file has no bytes of its own", () => {
    const { status, error } = run(["--add-fixed", "sha256", "src"], newStore())
    assert.equal(status, 1)
    assert.match(error, /^error: tree: it is not a regular file/)
  })
})

test("garbage is what no root leads to", () => {
  const store = copyOfFull()
  const link = join(folder, "kept")
  assert.deepEqual(run(["-r", TOP, "--add-root", "kept"], store), done(`${link}\n`))
  assert.deepEqual(run(["--gc", "--print-roots"], store), done(`${link} -> ${TOP}\n`))
  assert.deepEqual(
    run(["-q", "--roots", "/nix/store/nzvhffhgrzg1g6j7w67rsc72syif2jb2-a"], store).out,
    `${link} -> ${TOP}\n`,
  )
  const withDerivations = lines(run(["--gc", "--print-live"], store).out)
  assert.ok(withDerivations.includes(DERIVATION))
  const alone = ["--option", "keep-derivations", "false"]
  const live = lines(run(["--gc", "--print-live", ...alone], store).out)
  const dead = lines(run(["--gc", "--print-dead", ...alone], store).out)
  assert.deepEqual(live.toSorted(), lines(run(["-qR", TOP], store).out).sort())
  assert.equal(dead.length, 5)
  assert.match(run(["--gc", ...alone], store).out, /^5 store paths deleted, [0-9.]+ KiB freed\n$/)
  assert.deepEqual(run(["--check-validity", "--print-invalid", ...live, ...dead], store), done(`${dead.join("\n")}\n`))
  rmSync(link)
  assert.match(run(["--gc"], store).out, /^5 store paths deleted/)
  assert.deepEqual([run(["--gc", "--print-live"], store), existsSync(join(store, "root", TOP))], [done(""), false])
})

test("damage is found, and told of with status 1", () => {
  const store = copyOfFull()
  assert.deepEqual(run(["--verify", "--quiet"], store), done(""))
  const database = new DatabaseSync(join(store, "store.sqlite"))
  const digest = TOP.slice("/nix/store/".length).slice(0, 32)
  const { data } = database.prepare("SELECT data FROM path_infos WHERE digest = ?").get(digest) as { data: Uint8Array }
  // The hash of the archive, which is 32 bytes after its tag and length.
  const narHash = createHash("sha256")
    .update(Buffer.from(run(["--dump", TOP], store).out, "latin1"))
    .digest()
  const changed = Buffer.from(data)
  changed[changed.indexOf(narHash)]! ^= 1
  database.prepare("UPDATE path_infos SET data = ? WHERE digest = ?").run(changed, digest)
  const { status, error } = run(["--verify-path", TOP, SRC], store)
  assert.equal(status, 1)
  assert.match(error, /^path '.*-top' was modified! expected hash 'sha256:\w{52}', got 'sha256:\w{52}'\n$/)
  const whole = run(["--verify", "--check-contents", "--quiet"], store)
  assert.equal(whole.status, 1)
  assert.match(whole.error, /^error: .*-top.*\nwarning: not all store errors were fixed\n$/)
  const refused = run(["--export", TOP], store)
  assert.deepEqual([refused.status, refused.error.includes("another SHA-256")], [1, true])
  database.prepare("UPDATE path_infos SET data = ? WHERE digest = ?").run(data.subarray(0, 40), digest)
  database.close()
  assert.match(run(["--verify", "--quiet"], store).error, /^error: path info \w{32} is damaged/)
  assert.equal(run(["--verify", "--repair", "--quiet"], store).status, 1)
  assert.deepEqual(run(["--verify", "--quiet"], store), done(""))
  assert.deepEqual(run(["--check-validity", TOP], store), failed(`path '${TOP}' is not valid`))
})

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(join(dir, program)))
const isReady = process.platform === "linux" && process.arch === "x64" && onPath("bwrap") && onPath("busybox")
if (process.env["CI"] !== undefined) assert.ok(isReady, "bubblewrap and busybox-static have to be installed")

describe("realising", { skip: isReady ? false : "needs Linux, bubblewrap and busybox-static" }, () => {
  /** A store of derivations and what they are built from. */
  function unbuilt(): string {
    const store = newStore()
    const needed = lines(run(["-qR", DERIVATION], full).out)
    assert.equal(run(["--import"], store, Buffer.from(run(["--export", ...needed], full).out, "latin1")).status, 0)
    return store
  }
  const instantiate = (store: string, script: string): string =>
    run(
      [
        "--quiet",
        "-E",
        `derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "${script}" ]; outputs = [ "out" "dev" ]; }`,
      ],
      store,
      Buffer.of(),
      "nix-instantiate",
    ).out.trim()

  test("what is built is what C++ Nix built, its references and hashes included", () => {
    const store = unbuilt()
    const planned = run(["-r", DERIVATION, "--dry-run"], store)
    assert.match(planned.error, /^these 4 derivations will be built:\n(?: {2}\/nix\/store\/.*\.drv\n){4}$/)
    assert.deepEqual([planned.status, planned.out], [0, ""])
    const built = run(["-r", DERIVATION, "-j2"], store)
    assert.deepEqual([built.status, built.out], [0, `${TOP}\n`])
    assert.match(built.error, /^(?:building '.*'\n){4}warning: you did not specify '--add-root'; /)
    const all = lines(run(["-qR", "--include-outputs", DERIVATION], store).out)
    assert.ok(Buffer.from(run(["--export", ...all], store).out, "latin1").equals(EXPORT))
    assert.match(readFileSync(join(store, "root", TOP), "latin1"), /-two-dev \/nix\/store\/.*-b\n$/)
  })

  test("outputs by name, links to them, and what the builder said", () => {
    const store = newStore()
    const derivation = instantiate(store, "echo one > $out; echo two > $dev; echo said")
    const { status, out } = run(["-r", `${derivation}!dev`, "--add-root", "x", "-Q", "--quiet"], store)
    assert.deepEqual([status, out], [0, `${folder}/x-dev\n`])
    assert.equal(readFileSync(join(folder, "x-dev"), "latin1"), "two\n")
    assert.equal(run(["-r", derivation, "--quiet"], store).out.match(/-x(?:-dev)?$/gm)?.length, 2)
    assert.deepEqual(run(["-l", "x-dev"], store), done("said\n"))
    assert.deepEqual(run(["-q", "--outputs", derivation, "--force-realise"], store).status, 0)
  })

  test("others are asked first", () => {
    const store = unbuilt()
    const fetched = run(["-r", DERIVATION, SRC, "--option", "substituters", full], store)
    assert.deepEqual([fetched.status, fetched.out], [0, `${TOP}\n${SRC}\n`])
    assert.match(fetched.error, /^(?:fetching '.*' \(\d+ B\)\n){4}fetching '.*-top' \(264 B\)\nwarning: /)
    const plain = newStore()
    assert.deepEqual(run(["-r", TOP, "--quiet", "--substituters", full], plain), done(`${TOP}\n`))
    const planned = run(["-r", TOP, SRC, "--dry-run", "--substituters", full], newStore())
    assert.match(planned.error, /^these 6 paths will be fetched \(\S+ \w+ unpacked\):\n/)
  })

  test("--keep-going builds what can be built", () => {
    const store = newStore()
    const words = [instantiate(store, "exit 1"), instantiate(store, "echo $out > $out; echo > $dev")]
    const ran = run(["-r", ...words, "-k", "--quiet", "-j1"], store)
    assert.deepEqual([ran.status, ran.out], [100, ""])
    assert.equal(run(["-r", words[1]!, "--dry-run"], store).error, "")
  })

  const FAILURES: readonly (readonly [script: string, words: readonly string[], status: number, error: RegExp])[] = [
    ["exit 3", [], 100, /^error: build of '.*' failed: builder failed with exit code 3\n/],
    ["while :; do :; done", ["--timeout", "1"], 101, /^error: .* timed out after 1 seconds\n/],
  ]
  for (const [script, words, status, error] of FAILURES) {
    test(`failures end with ${status}`, () => {
      const store = newStore()
      const ran = run(["-r", instantiate(store, script), "--quiet", ...words], store)
      assert.deepEqual([ran.status, ran.out], [status, ""])
      assert.match(ran.error, error)
    })
  }
})
