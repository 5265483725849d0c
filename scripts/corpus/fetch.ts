/**
 * Fetches the tests of C++ Nix 2.26, which Debian trixie ships as a source package, into `.cache/nix-2.26`. They are under
 * the LGPL and are never committed.
 *
 * The mirror is the one this machine's apt already uses; the system's own apt state is not touched.
 */
import { execFileSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"

const HOME = join(ROOT, ".cache", "nix-2.26")
/** What is kept of the source, each without the two folders it is in. */
const KEPT = [
  "tests/functional/lang",
  "tests/functional/*.nar",
  "tests/functional/derivation",
  "src/libstore-tests/data",
]
const FUNCTIONAL = join(HOME, "functional")
/** Some of what is in `data/derivation` are links to here, which lead nowhere once they are moved. */
const DERIVATIONS = join(FUNCTIONAL, "derivation")
const STORE_DATA = join(HOME, "libstore-tests", "data")

/** The folder that holds `lang/`; lang.sh of the corpus runs there. */
export function fetchCorpus(): string {
  fetch()
  return FUNCTIONAL
}

/** The folders of the archives, of derivations in full, and of narinfos, path infos and the like. */
export function fetchStoreVectors(): {
  readonly archives: string
  readonly derivations: string
  readonly data: string
} {
  fetch()
  return { archives: FUNCTIONAL, derivations: DERIVATIONS, data: STORE_DATA }
}

function fetch(): void {
  if (existsSync(STORE_DATA) && existsSync(DERIVATIONS)) return
  const draft = join(HOME, "draft")
  rmSync(draft, { recursive: true, force: true })
  for (const dir of ["lists/partial", "archives/partial", "source"]) mkdirSync(join(draft, dir), { recursive: true })
  writeFileSync(join(draft, "sources.list"), `deb-src ${mirror()} trixie main\n`)
  const apt = (...args: string[]): void => {
    const options = [
      `Dir::Etc::sourcelist=${join(draft, "sources.list")}`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::lists=${join(draft, "lists")}`,
      `Dir::Cache=${draft}`,
      // The repository need not be readable for apt's own user.
      "APT::Sandbox::User=root",
    ]
    execFileSync("apt-get", ["-qq", ...options.flatMap((option) => ["-o", option]), ...args], {
      cwd: join(draft, "source"),
      stdio: ["ignore", "inherit", "inherit"],
    })
  }
  apt("update")
  apt("source", "--download-only", "nix")
  const [archive] = globSync("nix_2.26*.orig.tar.*", { cwd: join(draft, "source") })
  if (archive === undefined) throw new Error("Debian trixie no longer has Nix 2.26")
  const patterns = KEPT.map((path) => `*/${path}`)
  execFileSync("tar", ["-xf", archive, "--wildcards", "--strip-components=2", ...patterns], {
    cwd: join(draft, "source"),
    stdio: "inherit",
  })
  for (const folder of ["functional", "libstore-tests"]) {
    rmSync(join(HOME, folder), { recursive: true, force: true })
    renameSync(join(draft, "source", folder), join(HOME, folder))
  }
  rmSync(draft, { recursive: true })
}

function mirror(): string {
  const sites = execFileSync("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"], {
    encoding: "utf8",
  })
  const site = sites.split("\n").find((line) => line.endsWith("/debian"))
  if (site === undefined) throw new Error("this machine's apt knows no Debian mirror; the corpus comes from there")
  return site
}
