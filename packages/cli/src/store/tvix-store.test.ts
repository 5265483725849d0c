/** `tvix-store` as a program: every command on stores of its own, what it prints where, and how it ends. */
import assert from "node:assert/strict"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  lstatSync,
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
import { concat } from "@tvix-ts/bytes"
import { NarWriter } from "@tvix-ts/nix-compat"
import { VERSION } from "../version.ts"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix-store", import.meta.url))

// What C++ Nix 2.34 says of the tree that `before` makes.
const GARDEN = "/nix/store/77l7nb0xc4a0yvyi35ab39bk377fri0v-garden"
const GARDEN_DIGEST = "77l7nb0xc4a0yvyi35ab39bk377fri0v"
const GARDEN_NAR = "3c7e21ec001320d7aafdff48365737e343392dd80dff0d2c8fe1e63bee274526"
const GARDEN_NAR_SIZE = 896

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tvix-store-"))
  mkdirSync(join(folder, "garden", "beds"), { recursive: true })
  writeFileSync(join(folder, "garden", "beds", "north"), "carrots\n")
  symlinkSync("beds/north", join(folder, "garden", "first"))
  writeFileSync(join(folder, "garden", "water"), "#!/bin/sh\necho watering\n")
  chmodSync(join(folder, "garden", "water"), 0o755)
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: join(folder, "home"), TVIX_STORE: `local://${folder}/store` }
}

function run(args: readonly string[], input: string | Uint8Array = ""): Ran {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, args, {
    cwd: folder,
    env: environment(),
    input,
    encoding: "latin1",
    maxBuffer: 2 ** 28,
  })
  return { status, out: stdout, error: stderr.replaceAll(folder, "/F") }
}

/** What it prints, if it succeeds. */
function out(...args: readonly string[]): string {
  const { status, out, error } = run(args)
  assert.deepEqual({ status, error }, { status: 0, error: "" }, args.join(" "))
  return out
}
function json(...args: readonly string[]): unknown {
  return JSON.parse(out(...args))
}
/** Store paths that a collection deletes, or would. */
function collected(...args: readonly string[]): unknown {
  return (json(...args, "--json") as { paths: string[] }).paths
}

/** Runs the tool in the background. `line` resolves with what it prints first. */
function start(args: readonly string[]): {
  readonly child: ChildProcess
  readonly line: Promise<string>
  readonly end: Promise<Ran>
} {
  const child = spawn(LAUNCHER, args, { cwd: folder, env: environment() })
  const ran = { out: "", error: "" }
  const line = Promise.withResolvers<string>()
  child.stdout.on("data", (chunk) => {
    ran.out += String(chunk)
    if (ran.out.includes("\n")) line.resolve(ran.out.split("\n")[0]!)
  })
  child.stderr.on("data", (chunk) => (ran.error += String(chunk)))
  const end = new Promise<Ran>((resolve) => {
    child.on("close", (status) => {
      line.reject(new Error(`ended with ${status}: ${ran.error}`))
      resolve({ status, ...ran })
    })
  })
  line.promise.catch(() => {})
  return { child, line: line.promise, end }
}

const sha256 = (bytes: string): string => createHash("sha256").update(Buffer.from(bytes, "latin1")).digest("hex")

describe("a tree in and out", () => {
  test("import gives the path that C++ Nix gives", () => {
    assert.equal(out("import", "garden"), `${GARDEN}\n`)
    assert.equal(out("import", "garden/", "./garden/../garden"), `${GARDEN}\n`.repeat(2))
    assert.match(out("import", "garden", "--name", "other"), /^\/nix\/store\/[0-9a-z]{32}-other\n$/)
  })

  test("import --json and info --json tell the same", () => {
    const record = json("import", "--json", "garden") as Record<string, Record<string, unknown>>
    assert.partialDeepStrictEqual(record[GARDEN], {
      ca: "fixed:r:sha256:09j54zp3prp1iwn0vzqdv0nkjhz36xbkcj7zznmdf80k03n22ziw",
      deriver: null,
      narHash: `sha256-${Buffer.from(GARDEN_NAR, "hex").toString("base64")}`,
      narSize: GARDEN_NAR_SIZE,
      references: [],
      signatures: [],
    })
    assert.partialDeepStrictEqual(record[GARDEN]!["node"], { type: "directory", entries: 4 })
    assert.deepEqual(json("info", "--json", GARDEN_DIGEST), record)
    assert.match(
      out("info", GARDEN),
      /^\/nix\/store\/\S+-garden\n {2}tree +directory with 4 entries, b3:\S+=\n {2}archive +896 B/,
    )
    assert.ok(out("info", "--all").startsWith("/nix/store/"))
  })

  test("ls, by path, base name and digest", () => {
    assert.equal(out("ls", GARDEN), "beds\nfirst\nwater\n")
    assert.equal(out("ls", GARDEN_DIGEST, "-R"), "./beds\n./beds/north\n./first\n./water\n")
    assert.equal(
      out("ls", "-l", `${GARDEN_DIGEST}-garden/`),
      "dr-xr-xr-x                    0 beds\nlrwxrwxrwx                    0 first -> beds/north\n-r-xr-xr-x                   24 water\n",
    )
    const north = { type: "regular", size: 8 }
    const entries = {
      beds: { type: "directory", entries: { north } },
      first: { type: "symlink", target: "beds/north" },
      water: { type: "regular", size: 24, executable: true },
    }
    assert.deepEqual(json("ls", "--json", "-R", GARDEN), { type: "directory", entries })
    assert.deepEqual(json("ls", "--json", GARDEN), {
      type: "directory",
      entries: { ...entries, beds: { type: "directory", entries: {} } },
    })
    assert.deepEqual(json("ls", "--json", `${GARDEN}/beds/north`), north)
    assert.ok(out("ls").split("\n").includes(GARDEN))
    const castore = /b3:\S+/.exec(out("info", GARDEN))![0]
    assert.equal(out("ls", `${castore}/beds`), "north\n")
  })

  test("cat", () => {
    assert.equal(out("cat", `${GARDEN}/beds/north`, `${GARDEN_DIGEST}/water`), "carrots\n#!/bin/sh\necho watering\n")
  })

  test("nar is Nix's, to standard output and to a file, and comes in again", () => {
    assert.equal(sha256(out("nar", GARDEN)), GARDEN_NAR)
    assert.equal(out("nar", GARDEN, "-o", "garden.nar"), "")
    const archive = readFileSync(join(folder, "garden.nar"))
    assert.equal(sha256(archive.toString("latin1")), GARDEN_NAR)
    assert.equal(out("import", "--nar", "garden.nar"), `${GARDEN}\n`)
    const piped = run(["import", "--nar", "-", "--name", "garden"], archive)
    assert.deepEqual(piped, { status: 0, out: `${GARDEN}\n`, error: "" })
    // What is no file is not replaced by one.
    const through = spawnSync("sh", ["-c", `mkfifo fifo; cat fifo & "$0" nar ${GARDEN} -o fifo; wait`, LAUNCHER], {
      cwd: folder,
      env: environment(),
      encoding: "latin1",
    })
    assert.equal(sha256(through.stdout), GARDEN_NAR)
    out("nar", GARDEN, "-o", "/dev/null")
    assert.ok(lstatSync("/dev/null").isCharacterDevice())
    symlinkSync("garden.nar", join(folder, "link.nar"))
    out("nar", `${GARDEN}/first`, "-o", "link.nar")
    assert.equal(readlinkSync(join(folder, "link.nar")), "garden.nar")
    assert.notEqual(readFileSync(join(folder, "garden.nar")).length, archive.length)

    const cut = run(["import", "--nar", "-", "--name", "garden"], archive.subarray(0, 500))
    assert.equal(cut.status, 1)
    assert.match(cut.error, /^error: .*byte 500/)
  })

  test("export is what was imported", () => {
    assert.equal(out("export", GARDEN, "exported"), "")
    assert.deepEqual(readdirSync(join(folder, "exported")), ["beds", "first", "water"])
    assert.equal(readlinkSync(join(folder, "exported", "first")), "beds/north")
    assert.equal(lstatSync(join(folder, "exported", "water")).mode & 0o100, 0o100)
    assert.equal(lstatSync(join(folder, "exported", "beds", "north")).mode & 0o111, 0)
    assert.equal(out("import", "exported", "--name", "garden"), `${GARDEN}\n`)
    assert.equal(out("export", `${GARDEN}/beds/north`, "exported-file"), "")
    assert.equal(readFileSync(join(folder, "exported-file"), "utf8"), "carrots\n")
    assert.deepEqual(run(["export", GARDEN, "exported"]), {
      status: 1,
      out: "",
      error: "error: 'exported' exists already\n",
    })
  })
})

describe("from store to store", () => {
  test("copy, to a folder and through a daemon", async () => {
    const other = `local://${folder}/other`
    assert.equal(out("copy", "--to", other, GARDEN), `${GARDEN}\n`)
    assert.equal(out("copy", "--to", other, GARDEN_DIGEST), "")
    assert.equal(sha256(out("--store", other, "nar", GARDEN)), GARDEN_NAR)

    for (const address of ["127.0.0.1:0", `unix:${folder}/socket`]) {
      const third = `local://${folder}/third-${address.slice(0, 4)}`
      const { child, line, end } = start(["--store", third, "daemon", "-l", address])
      const url = await line
      assert.deepEqual(json("copy", "--from", other, "--to", url, "--all", "--json"), {
        copied: [GARDEN],
        bytesCopied: 32,
      })
      assert.equal(out("--store", url, "ls", GARDEN), "beds\nfirst\nwater\n")
      assert.equal(sha256(out("--store", url, "nar", GARDEN)), GARDEN_NAR)
      assert.equal(out("import", "--store", url, "garden/water"), out("import", "garden/water"))
      child.kill("SIGTERM")
      assert.deepEqual(await end, { status: 0, out: `${url}\n`, error: "" })
      assert.equal(out("--store", third, "cat", `${GARDEN}/beds/north`), "carrots\n")
    }
    const nobody = run(["--store", `grpc+unix://${folder}/nobody`, "ls"])
    assert.equal(nobody.status, 1)
    assert.match(nobody.error, /^error: .*nobody/)
  })
})

describe("binary caches", () => {
  test("copy into one and out of it; info asks for no archive, nar and ls do", () => {
    const cache = `nix+file://${folder}/cache`
    const believed = `${cache}?require-signatures=false`
    assert.equal(out("copy", "--to", cache, GARDEN), `${GARDEN}\n`)
    assert.equal(out("copy", "--to", cache, GARDEN), "")
    const [archive] = readdirSync(join(folder, "cache", "nar"))
    assert.match(archive!, /\.nar\.zst$/)
    assert.equal(sha256(out("--store", believed, "nar", GARDEN)), GARDEN_NAR)
    assert.equal(out("--store", believed, "ls", GARDEN), "beds\nfirst\nwater\n")
    const target = `local://${folder}/from-cache`
    const copied = json("copy", "--from", believed, "--to", target, GARDEN, "--json")
    assert.deepEqual(copied, { copied: [GARDEN], bytesCopied: GARDEN_NAR_SIZE })
    assert.equal(sha256(out("--store", target, "nar", GARDEN)), GARDEN_NAR)
    rmSync(join(folder, "cache", "nar"), { recursive: true })
    assert.doesNotMatch(out("--store", believed, "info", GARDEN), /^ {2}tree/m)
    const record = json("--store", believed, "info", "--json", GARDEN) as Record<string, { narSize: number }>
    assert.deepEqual([record[GARDEN]?.narSize, "node" in record[GARDEN]!], [GARDEN_NAR_SIZE, false])
    const gone = run(["--store", believed, "nar", GARDEN])
    assert.match(gone.error, /^error: the archive of .* is not in the store\n$/)
    assert.match(out("help", "stores"), /^ {2}trusted-public-keys=/m)
  })

  test("what nobody trusted has signed is copied from nowhere", () => {
    const keys = "test-1:9QkFIzdB1jj1bYI9QxCGbK/piq/1zgABSDpOklOYsJs="
    const binary = join(folder, "unsigned")
    writeFileSync(binary, "unsigned")
    const path = out("import", "unsigned").trim()
    const cache = `nix+file://${folder}/unsigned-cache`
    // It is content-addressed, and nobody has to vouch for it.
    assert.equal(out("copy", "--to", cache, "--trusted-public-keys", keys, path), `${path}\n`)
    const narInfo = join(folder, "unsigned-cache", `${path.slice(11, 43)}.narinfo`)
    writeFileSync(narInfo, readFileSync(narInfo, "latin1").replace(/CA: .*\n/, ""))
    for (const [option, words] of [
      [`trusted-public-keys=${keys}`, []],
      ["require-signatures=false", ["--trusted-public-keys", keys]],
    ] as const) {
      const { status, error } = run(["copy", "--from", `${cache}?${option}`, "--to", "memory:", path, ...words])
      assert.equal(status, 1)
      assert.match(error, /^error: .* is damaged: no signature by a trusted key holds: it is signed by nobody/)
    }
  })
})

describe("keeping and deleting", () => {
  const store = (): string[] => ["--store", `local://${folder}/kept`]

  test("what no root leads to is deleted, and only then", () => {
    const [kept, gone] = [GARDEN, out(...store(), "import", "garden/water").trim()]
    assert.equal(out(...store(), "import", "garden", "--root", "keep"), `${kept}\n`)
    assert.equal(out(...store(), "root", "list"), `keep  ${kept}\n`)
    assert.deepEqual(json(...store(), "root", "list", "--json"), [{ name: "keep", path: kept }])
    assert.deepEqual(collected(...store(), "gc", "--dry-run", "--grace", "0"), [gone])
    assert.equal(out(...store(), "ls").split("\n").length, 3)
    // Not old enough.
    assert.deepEqual(collected(...store(), "gc"), [])
    assert.deepEqual(collected(...store(), "gc", "--grace", "0"), [gone])
    assert.equal(out(...store(), "ls"), `${kept}\n`)
    assert.equal(out(...store(), "cat", `${kept}/water`), "#!/bin/sh\necho watering\n")

    assert.equal(out(...store(), "root", "remove", "keep"), "")
    const refused = run([...store(), "gc", "--grace", "0"])
    assert.deepEqual({ status: refused.status, out: refused.out }, { status: 1, out: "" })
    assert.match(refused.error, /^error: .*no root.*--all/s)
    out(...store(), "gc", "--grace", "0", "--all")
    assert.equal(out(...store(), "ls"), "")
    assert.partialDeepStrictEqual(json(...store(), "stats", "--json"), { chunks: { count: 0 }, paths: { count: 0 } })
  })

  test("what is used stays, and what is pinned, however much there is", () => {
    const [garden, water] = ["garden", "garden/water"].map((path) => out(...store(), "import", path).trim())
    assert.equal(out(...store(), "root", "pin", water!), "")
    assert.equal(out(...store(), "root", "list"), `pin:${water!.slice(11)}  ${water}\n`)
    assert.deepEqual(collected(...store(), "gc", "--older-than", "1d", "--grace", "0"), [])
    assert.deepEqual(collected(...store(), "gc", "--max-size", "1G", "--grace", "0"), [])
    assert.deepEqual(collected(...store(), "gc", "--max-size", "1K", "--grace", "0", "--dry-run"), [garden])
    assert.match(out(...store(), "gc", "--max-size", "1K", "--grace", "0"), /^1 path, .* deleted.*\n.* are left: roots/)
    assert.equal(out(...store(), "root", "unpin", water!.slice(11)), "")
    assert.deepEqual(collected(...store(), "gc", "--older-than", "0", "--grace", "0"), [water])
  })

  test("roots: by digest, replaced, several at once, and what is none", () => {
    const water = out(...store(), "import", "garden/water").trim()
    out(...store(), "root", "add", "a", water.slice(11, 43))
    out(...store(), "import", "garden", "garden/beds", "--root", "b")
    const roots = json(...store(), "root", "list", "--json") as { name: string }[]
    assert.deepEqual(
      roots.map(({ name }) => name),
      ["a", "b-1", "b-2"],
    )
    assert.equal(run([...store(), "root", "remove", "c"]).error, "error: a root called 'c' is not in the store\n")
    assert.equal(run([...store(), "root", "add", "c", `${"0".repeat(32)}-x`]).status, 1)
  })
})

test("a store that may only be read is read", { skip: process.platform === "win32" }, () => {
  const store = join(folder, "others")
  out("--store", store, "import", "garden")
  // Nothing keeps root from writing.
  const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  chmodSync(folder, 0o755)
  for (const path of [...readdirSync(store), "."])
    chmodSync(join(store, path), path.endsWith(".sqlite") ? 0o444 : 0o555)
  const read = (...args: string[]): Ran => {
    const options = { cwd: folder, env: environment(), encoding: "latin1", ...asNobody } as const
    const { status, stdout, stderr } = spawnSync(LAUNCHER, ["--store", store, ...args], options)
    return { status, out: stdout, error: stderr }
  }
  assert.deepEqual(read("ls"), { status: 0, out: `${GARDEN}\n`, error: "" })
  assert.deepEqual(read("cat", `${GARDEN}/beds/north`), { status: 0, out: "carrots\n", error: "" })
  assert.equal(sha256(read("nar", GARDEN).out), GARDEN_NAR)
  assert.equal(read("verify").status, 0)
  for (const words of ["import garden/water", `root add x ${GARDEN}`, "gc --all"]) {
    const { status, error } = read(...words.split(" "))
    assert.equal(status, 1, words)
    assert.match(error, /^error: \S+: (?:the system does not let us write there|EACCES: permission denied)/, words)
  }
  for (const path of [".", "packs", "writers"]) chmodSync(join(store, path), 0o755)
})

describe("verify and stats", () => {
  test("a flipped bit is found, told as JSON and repaired", () => {
    const store = ["--store", `local://${folder}/damaged`]
    out(...store, "import", "garden")
    assert.deepEqual(json(...store, "verify", "--json"), { ok: true, repaired: false, paths: 1, findings: [] })
    const packs = join(folder, "damaged", "packs")
    const pack = join(packs, readdirSync(packs)[0]!)
    const bytes = readFileSync(pack)
    bytes[bytes.indexOf("carrots")]! ^= 1
    writeFileSync(pack, bytes)

    const found = run([...store, "verify"])
    assert.equal(found.status, 1)
    assert.match(found.out, /damaged/)
    const record = run([...store, "verify", "--json"])
    assert.equal(record.status, 1)
    assert.equal((JSON.parse(record.out) as { ok: boolean }).ok, false)
    const refused = run([...store, "cat", `${GARDEN}/beds/north`])
    assert.deepEqual({ status: refused.status, out: refused.out }, { status: 1, out: "" })
    assert.match(refused.error, /^error: .*damaged/)

    run([...store, "verify", "--repair"])
    assert.equal(out(...store, "import", "garden"), `${GARDEN}\n`)
    assert.equal(run([...store, "verify"]).status, 0)
    assert.equal(out(...store, "cat", `${GARDEN}/beds/north`), "carrots\n")
  })

  test("stats", () => {
    const { paths, chunks } = json("stats", "--json") as { paths: { count: number }; chunks: { count: number } }
    assert.ok(paths.count >= 2 && chunks.count >= 2)
    assert.match(out("stats"), /paths/)
  })
})

const ABSENT = `${"0".repeat(32)}-absent`
const MISTAKES: readonly { readonly args: readonly string[]; readonly status: 1 | 2; readonly error: RegExp }[] = [
  {
    args: ["imprt"],
    status: 2,
    error: /^tvix-store: unknown command 'imprt'\nDid you mean import\?\nTry 'tvix-store --help'\.\n$/,
  },
  {
    args: ["import", "--names", "x"],
    status: 2,
    error: /unknown option '--names'\nDid you mean --name\?\nTry 'tvix-store import --help'/,
  },
  { args: ["--sotre", "x", "ls"], status: 2, error: /unknown option '--sotre'\nDid you mean --store\?/ },
  { args: ["-x"], status: 2, error: /unknown option '-x'\nDid you mean -q\?/ },
  { args: ["hlep"], status: 2, error: /unknown command 'hlep'\nDid you mean help\?/ },
  { args: ["help", "imprt"], status: 2, error: /unknown command 'imprt'\nDid you mean import\?/ },
  { args: ["import"], status: 2, error: /nothing to import/ },
  {
    args: ["--store", "memory:", "import", "garden", "--root", "x"],
    status: 2,
    error: /only a local store can keep roots/,
  },
  { args: ["import", "a", "b", "--name", "x"], status: 2, error: /--name is for one thing/ },
  { args: ["import", "--nar", "-"], status: 2, error: /--nar - needs --name/ },
  { args: ["import", "none"], status: 1, error: /^error: cannot read 'none': no such file or directory\n$/ },
  { args: ["import", "garden", "--name", "a b"], status: 1, error: /^error: --name: name 'a b' .*' '\n/ },
  { args: ["import", "garden", "--name", "b\u00e4h"], status: 1, error: /^error: --name: name 'b\xc3\xa4h' / },
  { args: ["import", "garden", "a b"], status: 1, error: /^error: 'a b': name .* ' '; --name gives it another\n/ },
  { args: ["import", "/"], status: 1, error: /^error: '\/': name .*; --name gives it another\n/ },
  { args: ["import", "/dev/null"], status: 1, error: /^error: '\/dev\/null' is a character device; only files/ },
  {
    args: ["import", "--nar", "none.nar"],
    status: 1,
    error: /^error: cannot open 'none\.nar': no such file or directory\n$/,
  },
  { args: ["export", ABSENT], status: 2, error: /name a store path and where to put it/ },
  { args: ["export", ABSENT, "x"], status: 1, error: /^error: '0{32}-absent' is not in the store\n$/ },
  { args: ["nar"], status: 2, error: /name one store path/ },
  { args: ["nar", GARDEN, "-o", "garden"], status: 1, error: /^error: 'garden': is a directory\n$/ },
  { args: ["nar", GARDEN, "-o", "none/x"], status: 1, error: /^error: cannot write 'none\/x': no such file/ },
  { args: ["nar", GARDEN, "-o", ""], status: 2, error: /--output needs a name/ },
  { args: ["nar", "/etc/passwd"], status: 2, error: /'\/etc\/passwd' is not below \/nix\/store/ },
  { args: ["ls", `${GARDEN}/none`], status: 1, error: /^error: '\S+\/none' is not in the store\n$/ },
  { args: ["ls", `${GARDEN}/first/x`], status: 1, error: /'first' in '\S+' is a link to 'beds\/north'/ },
  { args: ["ls", GARDEN, GARDEN], status: 2, error: /name one store path/ },
  { args: ["cat", GARDEN], status: 1, error: /^error: '\S+': is a directory\n$/ },
  { args: ["cat"], status: 2, error: /nothing to print/ },
  { args: ["info"], status: 2, error: /name store paths, or --all/ },
  { args: ["info", ABSENT], status: 1, error: /is not in the store\n$/ },
  { args: ["info", `${GARDEN_DIGEST}-gradne`], status: 1, error: /but \S+-garden is/ },
  { args: ["copy", "--all"], status: 2, error: /say --from where or --to where/ },
  { args: ["copy", "--to", "local:", "--all"], status: 1, error: /^error: store address 'local:': it names no folder/ },
  {
    args: ["copy", "--to", "memory:", "--trusted-public-keys", "x", GARDEN],
    status: 2,
    error: /--trusted-public-keys: public key is corrupt/,
  },
  { args: ["copy", "--from", "nix+file:///x", "--all"], status: 1, error: /does not say which it has/ },
  { args: ["--store", "nix+file:///no/such", "ls", GARDEN], status: 1, error: /say whose signatures count/ },
  { args: ["daemon"], status: 2, error: /say where to listen/ },
  { args: ["daemon", "-l", "here"], status: 2, error: /'here' is no address/ },
  { args: ["daemon", "-l", "127.0.0.1:65536"], status: 2, error: /65536 is no port: the last is 65535/ },
  {
    args: ["daemon", "-l", "unix:none/socket"],
    status: 1,
    error: /^error: 'unix:none\/socket': the folder .* not there/,
  },
  { args: ["root"], status: 2, error: /say what to do with roots: add, remove, pin, unpin, list/ },
  { args: ["root", "add", "a\nb", GARDEN], status: 1, error: /^error: root: its name has a line break/ },
  {
    args: ["--store", "garden/water", "ls"],
    status: 1,
    error: /^error: garden\/water: there is a file where a folder/,
  },
  { args: ["root", "lst"], status: 2, error: /unknown action 'lst'\nDid you mean list\?/ },
  { args: ["gc", "--grace", "soon"], status: 2, error: /--grace takes a time/ },
  { args: ["gc", "--older-than", "long"], status: 2, error: /--older-than takes a time/ },
  { args: ["gc", "--max-size", "50GB"], status: 2, error: /--max-size takes bytes, such as 500M or 50G, not '50GB'/ },
  { args: ["root", "pin"], status: 2, error: /root pin needs store paths/ },
  { args: ["root", "unpin", GARDEN], status: 1, error: /a pin of '.*' is not in the store/ },
  { args: ["--store", "memory:", "gc"], status: 2, error: /only a local store/ },
  { args: ["verify", "x"], status: 2, error: /takes no words/ },
  { args: ["stats", "--store", "ftp://x"], status: 1, error: /^error: .*'ftp:' is unknown; known are memory:/ },
  { args: ["completion", "tcsh"], status: 2, error: /name one shell/ },
]

describe("mistakes", () => {
  for (const { args, status, error } of MISTAKES) {
    test(args.join(" "), () => {
      const ran = run(args)
      assert.match(ran.error, error)
      assert.deepEqual({ status: ran.status, out: ran.out }, { status, out: "" })
    })
  }
})

/** Too large to be imported at once; mostly holes. */
function large(): string {
  const path = join(folder, "large")
  if (!existsSync(path)) {
    mkdirSync(path)
    for (let i = 0; i < 64; i++) writeFileSync(join(path, `file-${i}`), Buffer.alloc(2 ** 22, i))
  }
  return path
}

describe("on a terminal", () => {
  const onTerminal = (command: string, env: object = {}): Ran => {
    const { status, stdout, stderr } = spawnSync("script", ["-qec", `${LAUNCHER} ${command}`, "/dev/null"], {
      cwd: folder,
      env: { ...environment(), TERM: "xterm", ...env },
      encoding: "latin1",
    })
    return { status, out: stdout.replaceAll("\r\n", "\n"), error: stderr }
  }

  test("problems are coloured, unless NO_COLOR says otherwise", () => {
    const sentence = "'0000000-x' is not a store path"
    assert.match(onTerminal(`info ${ABSENT}`).out, /^\x1b\[1;31merror:\x1b\[m '0{32}-absent' is not in the store\n$/)
    assert.match(onTerminal(`info ${ABSENT}`, { NO_COLOR: "1" }).out, /^error: /)
    assert.ok(onTerminal("info 0000000-x").out.includes(sentence))
  })

  test("names do not command it", () => {
    mkdirSync(join(folder, "odd"))
    writeFileSync(join(folder, "odd", "\x1b[2Jx\ny"), "")
    const path = out("import", "odd").trim()
    assert.equal(out("ls", path), "\x1b[2Jx\ny\n")
    assert.equal(onTerminal(`ls ${path}`).out, "?[2Jx?y\n")
    assert.match(onTerminal(`ls "${path}/\x1b[2J"`).out, /error:\S* '\S+\?\[2J' is not in the store/)
  })

  test("how far it is is taken away before the result", () => {
    const shown = onTerminal(`import ${large()}`, { TVIX_STORE: `local://${folder}/shown` }).out
    // A summary may stand above it.
    assert.match(shown, /(?:^|\n|\x1b\[K)\/nix\/store\/\S+-large\n$/)
  })

  test("an archive is not written to it", () => {
    const { status, out: shown } = onTerminal(`nar ${GARDEN}`)
    assert.equal(status, 2)
    assert.match(shown, /nothing to look at: name a file with -o/)
  })
})

describe("ending early", () => {
  test("no room for the output", { skip: !existsSync("/dev/full") }, () => {
    for (const args of [["help"], ["ls"], ["nar", GARDEN], ["completion", "bash"]]) {
      const words = args.map((word) => `'${word}'`).join(" ")
      const { status, stderr } = spawnSync("sh", ["-c", `${LAUNCHER} ${words} > /dev/full`], {
        cwd: folder,
        env: environment(),
        encoding: "utf8",
      })
      assert.deepEqual({ status, stderr }, { status: 1, stderr: "error: cannot write: no space left on device\n" })
    }
  })

  test("Ctrl-C in the middle of an import: 130, not a word, and a store that is whole", async () => {
    const store = `local://${folder}/interrupted`
    out("--store", store, "import", "garden")
    const { child, end } = start(["--store", store, "import", "--nar", "-", "--name", "x"])
    const part = new Uint8Array(2 ** 23)
    const pieces: Uint8Array[] = []
    const archive = new NarWriter((bytes) => void pieces.push(bytes.slice()))
    archive.file(2 * part.length, false)
    void archive.contents(part)
    // More than a pipe holds: when all is written, most of it has been read.
    await new Promise((resolve) => child.stdin!.write(concat(pieces), resolve))
    child.kill("SIGINT")
    assert.deepEqual(await end, { status: 130, out: "", error: "" })
    assert.equal(run(["--store", store, "verify"]).status, 0)
    assert.equal(out("--store", store, "ls"), `${GARDEN}\n`)
  })

  test("Ctrl-C in the middle of an export leaves nothing of it", async () => {
    const path = out("import", large()).trim()
    mkdirSync(join(folder, "half"))
    const { child, end } = start(["export", path, "half/tree"])
    while (readdirSync(join(folder, "half")).length === 0 && child.exitCode === null) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    child.kill("SIGINT")
    const { status, error } = await end
    assert.equal(error, "")
    // It may have been quicker than the signal.
    if (status !== 0) assert.deepEqual({ status, left: readdirSync(join(folder, "half")) }, { status: 130, left: [] })
  })

  test("a reader that leaves early is no problem", async () => {
    const path = out("import", large()).trim()
    const child = spawn(LAUNCHER, ["nar", path], { cwd: folder, env: environment() })
    let error = ""
    child.stderr.on("data", (chunk) => (error += String(chunk)))
    child.stdout.once("data", () => child.stdout.destroy())
    const status = await new Promise((resolve) => child.on("close", resolve))
    assert.deepEqual({ status, error }, { status: 141, error: "" })
  })
})

describe("help", () => {
  /** Those that have commands of their own, and those that have nothing to do with one. */
  const WITHOUT_STORE: ReadonlySet<string> = new Set(["completion", "key", "token"])

  test("every command has an example, and the shared options", () => {
    const help = out("--help")
    const commands = [...help.matchAll(/^ {2}([a-z]+) +\S/gm)].map(([, name]) => name!)
    assert.ok(commands.length >= 13)
    for (const name of commands.filter((name) => name !== "stores")) {
      const text = out("help", name)
      assert.match(text, new RegExp(`Examples?:\n(.*\n)*? {2}.*tvix-store .*${name}`), name)
      if (name !== "key" && name !== "token") assert.ok(text === out(name, "--help"))
      if (!WITHOUT_STORE.has(name)) assert.match(text, /--store URL/)
    }
    assert.match(out("help", "stores"), /local:\/\/\/DIR[^]*grpc\+unix/)
    assert.equal(out("--version"), `tvix-store ${VERSION}\n`)
  })

  test("bash completes commands and options", () => {
    const script = out("completion", "bash")
    const complete = (...line: string[]): string[] => {
      const words = `COMP_WORDS=(${line.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${line.length - 1}`
      const command = `${script}\n${words}; _tvix_store; echo "\${COMPREPLY[@]}"`
      return spawnSync("bash", ["-c", command], { encoding: "utf8" }).stdout.trim().split(" ")
    }
    assert.deepEqual(complete("tvix-store", "imp"), ["import"])
    assert.deepEqual(complete("tvix-store", "gc", "--dr"), ["--dry-run"])
    assert.deepEqual(complete("tvix-store", "root", "l"), ["list"])
    assert.deepEqual(complete("tvix-store", "--st"), ["--store"])
    assert.deepEqual(complete("tvix-store", "--store", "x", "-q", "gc", "--dr"), ["--dry-run"])
    assert.deepEqual(complete("tvix-store", "help", "st"), ["stats", "stores"])
    // Files, which the shell adds.
    assert.deepEqual(complete("tvix-store", "import", ""), [""])
    assert.deepEqual(complete("tvix-store", "--store", ""), [""])
  })
})
