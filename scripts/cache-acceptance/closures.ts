/**
 * Closures to move about: derivations whose builders copy pieces of this machine's /usr, so that chunks and compression meet
 * what they meet elsewhere, and write the store paths of what they depend on, and their own, into every program and library,
 * as linkers do. What is referred to, C++ Nix finds itself.
 */
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NixClient } from "./nix.ts"

const MiB = 2 ** 20

export interface ClosureShape {
  /** Store paths. */
  readonly paths: number
  /** Of contents, about. */
  readonly bytes: number
  /**
   * From 0. With every version all store paths are others, as after a change to what everything is built with, and so is one
   * of forty files.
   */
  readonly version?: number
  /** Of its store paths. */
  readonly name?: string
}

export interface Closure {
  /** What refers to all the others, some of them through others. */
  readonly top: string
  /** With `top`; sorted. */
  readonly paths: readonly string[]
  /** Of all archives together. */
  readonly narBytes: number
  /** What builds it. */
  readonly expression: string
}

interface File {
  /** Below /usr. */
  readonly path: string
  readonly size: number
}

const SOURCES = [
  "lib/x86_64-linux-gnu",
  "lib/python3.11",
  "lib/git-core",
  "share/locale",
  "share/doc",
  "share/perl",
  "share/icons",
]
const FILE_MAX = 40 * MiB

/** Builds one in the store of `client`. @param dir for the expression, made anew */
export async function buildClosure(client: NixClient, dir: string, shape: ClosureShape): Promise<Closure> {
  mkdirSync(dir, { recursive: true })
  const { paths: count, version = 0, name = "part" } = shape
  const packages = contentsOf(shape)
  const depended = new Set<number>()
  const bindings = packages.map((files, i) => {
    const list = join(dir, `files-${i}`)
    writeFileSync(list, files.map(({ path }) => `${path}\n`).join(""))
    // Everything but the first few has a short way and a long way down.
    const deps = [...new Set([i - 1, i >> 1, Math.floor(i / 3)])].filter((j) => j >= 0 && j < i && (i + j) % 3 > 0)
    for (const j of deps) depended.add(j)
    return `  p${i} = build "${name}-${i}-${version}" ${list} [ ${deps.map((j) => `p${j}`).join(" ")} ];`
  })
  const free = packages.flatMap((_, i) => (depended.has(i) ? [] : [`p${i}`]))
  const expression = join(dir, "closure.nix")
  writeFileSync(join(dir, "files-top"), "")
  writeFileSync(
    expression,
    `let
  build = name: list: deps: derivation {
    inherit name list deps;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" ${JSON.stringify(BUILDER.replaceAll("\n", "; ")).replaceAll("$", "\\$")} ];
  };
${bindings.join("\n")}
in build "${name}-top-${version}" ${join(dir, "files-top")} [ ${free.join(" ")} ]
`,
  )
  const mounts = ["/bin", "/lib", "/lib64", "/usr"].join(" ")
  const options = ["--option", "sandbox", "true", "--option", "sandbox-paths", mounts, "--max-jobs", "2"]
  const top = await client.output("nix-build", expression, "--no-out-link", ...options)
  const paths = (await client.output("nix-store", "--query", "--requisites", top)).split("\n").sort()
  const sizes = (await client.output("nix-store", "--query", "--size", ...paths)).split("\n")
  if (paths.length !== count) throw new Error(`the closure has ${paths.length} store paths, not ${count}`)
  return { top, paths, narBytes: sizes.reduce((sum, size) => sum + Number(size), 0), expression }
}

/** `list` is the files below /usr, `deps` the outputs that are referred to. */
const BUILDER = `set -eu
export PATH=/bin
mkdir -p $out/nix-support
tar -C /usr -cf - --no-recursion -T $list | tar -C $out --no-same-owner -xf -
perl -e ${singleQuoted(`
  my @deps = split / /, $ENV{deps};
  my $paths = join ":", map { "$_/lib" } $ENV{out}, @deps[0 .. ($#deps < 1 ? $#deps : 1)];
  while (my $name = <STDIN>) {
    chomp $name; my $file = "$ENV{out}/$name";
    next if -l $file || !open(my $fh, "+<", $file);
    read($fh, my $head, 4);
    my $size = -s $fh;
    if ($head eq "\\x7fELF" && $size > 4096) { seek($fh, int($size / 3), 0); print $fh $paths }
    elsif (substr($head // "", 0, 2) eq "#!") { seek($fh, 0, 2); print $fh "\\n# $paths\\n" }
  }`)} < $list
echo $deps > $out/nix-support/propagated-build-inputs`

function singleQuoted(program: string): string {
  return `'${program.replaceAll(/\s*\n\s*/g, " ")}'`
}

/**
 * Which files each package but the last, which has none, consists of: every so-many-th file, large ones among small ones as
 * they are on this machine, since what is alike in two versions depends on that.
 */
function contentsOf({ paths, bytes, version = 0 }: ClosureShape): File[][] {
  const pool = SOURCES.flatMap(filesBelow)
  const step = Math.max(1, bytesOf(pool) / bytes)
  const files: File[] = []
  for (let i = 0; Math.floor(i * step) + 1 < pool.length; i++) {
    const file = pool[Math.floor(i * step)]!
    const next = pool[Math.floor(i * step) + 1]!
    const isNew = version > 0 && i % 40 === version
    files.push(isNew && file.size < NEW_MAX && next.size < NEW_MAX ? next : file)
  }
  // A few large packages and many small ones.
  const count = paths - 1
  const weights = Array.from({ length: count }, (_, i) => 1 / (1 + ((i * 7) % count)) ** 0.6)
  const each = bytesOf(files) / weights.reduce((sum, weight) => sum + weight, 0)
  const packages: File[][] = []
  let at = 0
  let due = 0
  let taken = 0
  for (const [i, weight] of weights.entries()) {
    due += weight * each
    const from = at++
    taken += files[from]!.size
    // One at least is left for each of the others.
    for (; taken < due && at < files.length - (count - i - 1); at++) taken += files[at]!.size
    packages.push(files.slice(from, at))
  }
  return packages
}
/** Larger ones stay, so that every version is as large as the others. */
const NEW_MAX = MiB

function bytesOf(files: readonly File[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

/** Files and symbolic links below a folder of /usr, in an order that is the same for the same names. */
function filesBelow(folder: string): File[] {
  const found: File[] = []
  const walk = (path: string): void => {
    let entries
    try {
      entries = readdirSync(join("/usr", path), { withFileTypes: true })
    } catch {
      return
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const below = `${path}/${entry.name}`
      // Names that tar reads as they stand.
      if (!/^[A-Za-z0-9._+/@-]+$/.test(below)) continue
      if (entry.isDirectory()) walk(below)
      else if (entry.isSymbolicLink()) found.push({ path: below, size: 0 })
      else if (entry.isFile()) {
        const { size } = lstatSync(join("/usr", below))
        if (size <= FILE_MAX) found.push({ path: below, size })
      }
    }
  }
  walk(folder)
  return found
}
