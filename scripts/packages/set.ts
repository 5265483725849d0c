/** `examples/packages`, and what C++ Nix makes of it. */
import { execFileSync, spawnSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { modernNode, ROOT, run } from "../toolchain.mjs"

const SET = join(ROOT, "examples", "packages")
const SOURCES = join(ROOT, ".cache", "packages")
const BUSYBOX = "/bin/busybox"

/** Words that name the set for any command that evaluates. */
export const SET_WORDS: readonly string[] = [SET, "--argstr", "sources", SOURCES]

/** Gets what the set is built from, unless it is there from before. */
export function fetchSources(): void {
  run(modernNode(), [join(SET, "fetch.mjs"), SOURCES])
}

export interface JudgedOutput {
  readonly path: string
  /** Of its archive, as `nix-store --query --hash` writes it: `sha256:…`. */
  readonly narHash: string
}

/**
 * Builds with C++ Nix, which keeps what it builds.
 *
 * @param names attribute paths, with dots
 * @returns `undefined` if there is none, or it may not build: it needs root, or a daemon
 */
export function judgedOutputs(names: readonly string[]): readonly JudgedOutput[] | undefined {
  if (process.getuid?.() !== 0) return undefined
  const { status, stdout } = spawnSync("nix-build", ["--version"], { encoding: "utf8" })
  if (status !== 0 || !stdout.includes("(Nix)")) return undefined
  // That of C++ Nix lets downloads see nothing of this machine unless it is told to.
  const paths = `/bin/sh=${BUSYBOX} ${SOURCES}`
  const settings = ["sandbox", "true", "sandbox-paths", paths, "substitute", "false", "build-users-group", "nixbld"]
  const options = [0, 2, 4, 6].flatMap((i) => ["--option", ...settings.slice(i, i + 2)])
  const built = lines("nix-build", [
    ...SET_WORDS,
    "--no-out-link",
    "-Q",
    ...names.flatMap((n) => ["-A", n]),
    ...options,
  ])
  const hashes = lines("nix-store", ["--query", "--hash", ...built])
  return built.map((path, i) => ({ path, narHash: hashes[i]! }))
}

function lines(command: string, args: readonly string[]): string[] {
  const out = execFileSync(command, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "inherit"],
  })
  return out.trim().split("\n")
}
