/**
 * Fetches the language tests of C++ Nix 2.26, which Debian trixie ships as a source package, into
 * `.cache/nix-2.26/functional/lang`. They are under the LGPL and are never committed.
 *
 * The mirror is the one this machine's apt already uses; the system's own apt state is not touched.
 */
import { execFileSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"

const HOME = join(ROOT, ".cache", "nix-2.26")

/** The folder that holds `lang/`; lang.sh of the corpus runs there. */
export function fetchCorpus(): string {
  const functional = join(HOME, "functional")
  if (existsSync(join(functional, "lang"))) return functional

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
  execFileSync("tar", ["-xf", archive, "--wildcards", "--strip-components=2", "*/tests/functional/lang"], {
    cwd: join(draft, "source"),
    stdio: "inherit",
  })
  renameSync(join(draft, "source", "functional"), functional)
  rmSync(draft, { recursive: true })
  return functional
}

function mirror(): string {
  const sites = execFileSync("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"], {
    encoding: "utf8",
  })
  const site = sites.split("\n").find((line) => line.endsWith("/debian"))
  if (site === undefined) throw new Error("this machine's apt knows no Debian mirror; the corpus comes from there")
  return site
}
