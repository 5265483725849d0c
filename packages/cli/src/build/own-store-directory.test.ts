/** A machine whose store directory belongs to our store, as seen by programs in a mount namespace with an empty one. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"

const PROGRAMS = `
let
  sh = name: script: derivation {
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
    # Without a sandbox, chmod is the machine's.
    PATH = "/usr/bin:/bin";
  };
in rec {
  data = sh "data" "echo carrots > $out";
  program = sh "program" "printf '#!/bin/sh\\nread x < \${data}; echo $x, $0\\n' > $out; chmod +x $out";
}`

describe("a store directory that is ours", () => {
  let folder = ""
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "own-store-"))
    mkdirSync(join(folder, "nix"))
    mkdirSync(join(folder, "nix/store"))
    writeFileSync(join(folder, "default.nix"), PROGRAMS)
  })
  after(() => {
    // Trees are read-only.
    spawnSync("chmod", ["-R", "u+w", folder])
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs one of our commands, or a program, where `nix` of the folder is the machine's. */
  const run = (command: string, ...words: string[]): string => {
    const launcher = fileURLToPath(new URL(`../../../../bin/${command}`, import.meta.url))
    const binds = readdirSync("/").flatMap((name) => {
      const path = `/${name}`
      // Without a sandbox, `build` is made there.
      if (name === "nix" || name === "build") return []
      return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--dev-bind", path, path]
    })
    const inside = ["--bind", join(folder, "nix"), "/nix", "--chdir", folder, "--"]
    const { status, stdout, stderr } = spawnSync(
      "bwrap",
      [...binds, ...inside, existsSync(launcher) ? launcher : command, ...words],
      {
        env: {
          PATH: process.env["PATH"],
          HOME: folder,
          NIX_CONF_DIR: "/nowhere",
          NIX_PATH: "",
          TVIX_STORE: join(folder, "s"),
        },
        encoding: "utf8",
        timeout: 60_000,
      },
    )
    assert.equal(status, 0, stderr)
    return stdout
  }
  const placed = (): string[] =>
    readdirSync(join(folder, "nix/store"))
      .map((name) => name.replace(/^\w{32}-/, ""))
      .sort()

  test("has what is built where programs look for it", () => {
    const path = run("tvix", "build", "-A", "program", "--print-out-paths").trim()
    assert.equal(readlinkSync(join(folder, "result")), path)
    assert.deepEqual(placed(), [".tvix", "data", "program"])
    assert.equal(run(path), `carrots, ${path}\n`)
    assert.equal(existsSync(join(folder, "s/root")), false)
  })

  test("needs no other place to run it", () => {
    const path = run("tvix", "build", "-A", "program", "--no-link", "--print-out-paths").trim()
    assert.equal(run("tvix", "shell", "-A", "program", "--", path), `carrots, ${path}\n`)
    assert.match(run("tvix", "shell", "-A", "program", "--", "sh", "-c", "echo $PATH"), new RegExp(`^${path}/bin:`))
  })

  test("has what builds need that have no sandbox", () => {
    rmSync(join(folder, "result"), { force: true })
    run("nix-store", "--gc")
    const [path = ""] = run("tvix", "build", "-A", "program", "--builder", "plain", "--print-out-paths").split("\n")
    assert.match(readFileSync(join(folder, path), "utf8"), /^#!\/bin\/sh\n/)
    assert.deepEqual(placed(), [".tvix", "data", "program"])
  })

  test("is no other store's", () => {
    const other = join(folder, "other")
    run("tvix", "build", "-A", "program", "--store", other, "-o", "elsewhere")
    assert.match(readlinkSync(join(folder, "elsewhere")), new RegExp(`^${other}/root/nix/store/`))
  })

  test("lets go what is collected", () => {
    for (const link of ["result", "elsewhere"]) rmSync(join(folder, link), { force: true })
    run("nix-store", "--gc")
    assert.deepEqual(placed(), [".tvix"])
    assert.equal(
      readFileSync(run("nix-build", "-A", "data").trim().replace("/nix/", `${folder}/nix/`), "utf8"),
      "carrots\n",
    )
  })
})
