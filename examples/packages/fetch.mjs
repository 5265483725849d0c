/**
 * `node examples/packages/fetch.mjs DIR`: what default.nix builds from, as this machine's apt has it. apt checks who signed
 * it; default.nix is told the hashes by DIR/index.json.
 *
 *     { "hello": { "file": "hello_2.10.orig.tar.gz", "as": "hello_2.10.orig.tar.gz", "sha256": "…" }, … }
 *
 * `as` is what store paths may be called. The system's own apt state is not touched.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import process from "node:process"

const BINARIES = ["busybox-static", "tcc", "libc6", "musl-dev", "linux-libc-dev"]
const SOURCES = [
  "make-dfsg",
  "hello",
  "sed",
  "gzip",
  "m4",
  "mawk",
  "zlib",
  "pngcheck",
  "lua5.4",
  "bzip2",
  "tree",
  "ncompress",
]

const [dir] = process.argv.slice(2)
if (dir === undefined) {
  console.error("Usage: node examples/packages/fetch.mjs DIR")
  process.exit(2)
}
if (existsSync(join(dir, "index.json"))) process.exit(0)

const draft = `${resolve(dir)}.part`
rmSync(draft, { recursive: true, force: true })
for (const folder of ["apt/lists/partial", "apt/archives/partial", "files"])
  mkdirSync(join(draft, folder), { recursive: true })
const suite = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1]
const targets = execFileSync("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"], {
  encoding: "utf8",
})
const site = targets.split("\n").find((line) => line.endsWith("/debian"))
if (site === undefined || suite === undefined) throw new Error("this machine's apt knows no Debian mirror")
writeFileSync(join(draft, "apt", "sources.list"), `deb ${site} ${suite} main\ndeb-src ${site} ${suite} main\n`)

writeFileSync(join(draft, "apt", "status"), "")

/** @param {readonly string[]} args */
function apt(...args) {
  const settings = [
    `Dir::Etc::sourcelist=${join(draft, "apt", "sources.list")}`,
    "Dir::Etc::sourceparts=/dev/null",
    // As if nothing was installed, in whatever version.
    `Dir::State::status=${join(draft, "apt", "status")}`,
    `Dir::State::lists=${join(draft, "apt", "lists")}`,
    `Dir::Cache=${join(draft, "apt")}`,
    // The folder need not be readable for apt's own user.
    "APT::Sandbox::User=root",
  ]
  const words = ["-qq", ...settings.flatMap((setting) => ["-o", setting]), ...args]
  execFileSync("apt-get", words, { cwd: join(draft, "files"), stdio: ["ignore", "inherit", "inherit"] })
}
apt("update")
apt("download", ...BINARIES)
apt("source", "--download-only", ...SOURCES)

const files = readdirSync(join(draft, "files"))
/** @type {Record<string, { file: string, as: string, sha256: string }>} */
const index = {}
for (const name of [...BINARIES, ...SOURCES]) {
  const ending = BINARIES.includes(name) ? /\.deb$/ : /\.orig\.tar\.\w+$/
  const found = files.find((file) => file.startsWith(`${name}_`) && ending.test(file))
  if (found === undefined) throw new Error(`apt has no ${name}`)
  // What apt writes for the colon of an epoch would be read as one again in an address.
  const file = found.replaceAll("%3a", "-")
  renameSync(join(draft, "files", found), join(draft, "files", file))
  const sha256 = createHash("sha256")
    .update(readFileSync(join(draft, "files", file)))
    .digest("hex")
  index[name] = { file, as: file.replaceAll(/[^0-9A-Za-z+._?=-]/g, "-"), sha256 }
}
writeFileSync(join(draft, "files", "index.json"), `${JSON.stringify(index, undefined, 2)}\n`)
rmSync(dir, { recursive: true, force: true })
renameSync(join(draft, "files"), dir)
rmSync(draft, { recursive: true })
