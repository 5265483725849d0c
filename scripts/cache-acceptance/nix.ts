/** C++ Nix as a client, with a store, a cache of what caches said, and a configuration of its own. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { findOracle, oracleProgram } from "../oracle.ts"
import { output, run, type Outcome } from "../acceptance/program.ts"

/** A C++ Nix of this machine. */
export interface NixVersion {
  /** `2.34.8` */
  readonly version: string
  /** The words that start one of its programs. */
  readonly program: (name: string) => readonly string[]
}

/** The one that apt has, and the current one. */
export async function findNixes(): Promise<NixVersion[]> {
  const oracle = findOracle()
  const programs: ((name: string) => readonly string[])[] = [(name) => [name]]
  if (oracle !== undefined && oracle.length > 1) programs.push((name) => oracleProgram(oracle, name))
  const found: NixVersion[] = []
  for (const program of programs) {
    // oxlint-disable-next-line no-await-in-loop -- the first run of the second may install it
    const said = await output([...program("nix"), "--version"]).catch(() => "")
    const version = /\d+\.\d+(?:\.\d+)*/.exec(said)?.[0]
    if (version !== undefined && !found.some((other) => other.version === version)) found.push({ version, program })
  }
  return found
}

export interface ClientSettings {
  readonly substituters?: readonly string[]
  /** Whose signatures count. */
  readonly trustedKeys?: readonly string[]
  /** As netrc has it. */
  readonly netrc?: string
  /** Another's store, rather than one of its own. */
  readonly root?: string
}

/** One user of one Nix. */
export class NixClient {
  readonly version: string
  /** Of its store: /nix/store is below it. */
  readonly root: string
  readonly #program: NixVersion["program"]
  readonly #env: Readonly<Record<string, string>>

  constructor(nix: NixVersion, dir: string, settings: ClientSettings = {}) {
    const { substituters = [], trustedKeys = [], netrc = "", root = join(dir, "root") } = settings
    this.version = nix.version
    this.root = root
    this.#program = nix.program
    mkdirSync(join(dir, "home"), { recursive: true })
    const netrcFile = join(dir, "netrc")
    writeFileSync(netrcFile, netrc, { mode: 0o600 })
    this.#env = {
      // The wrapper of the current one looks for it at home.
      ...(process.env["NIX_ORACLE_DIR"] === undefined ? { NIX_ORACLE_DIR: oracleFolder() } : {}),
      HOME: join(dir, "home"),
      XDG_CACHE_HOME: join(dir, "home", "cache"),
      XDG_CONFIG_HOME: join(dir, "home", "config"),
      NIX_USER_CONF_FILES: "",
      NIX_CONF_DIR: join(dir, "home"),
      NIX_CONFIG: [
        "experimental-features = nix-command",
        `substituters = ${substituters.join(" ")}`,
        `trusted-public-keys = ${trustedKeys.join(" ")}`,
        "require-sigs = true",
        `netrc-file = ${netrcFile}`,
        "build-users-group =",
        "download-attempts = 1",
        "connect-timeout = 10",
        // What a cache was asked a moment ago is asked again: these caches change under their clients.
        "narinfo-cache-negative-ttl = 0",
        "narinfo-cache-positive-ttl = 0",
      ].join("\n"),
    }
  }

  /** Runs a program of this Nix on this client's store, or the one that the words name. */
  run(name: "nix" | "nix-store" | "nix-build" | "nix-instantiate", ...words: readonly string[]): Promise<Outcome> {
    const [first = "", ...rest] = words
    const store = words.includes("--store") ? [] : ["--store", this.root]
    // Options of `nix` come after its command.
    const all = name === "nix" ? [first, ...rest, ...store] : [...store, ...words]
    return run([...this.#program(name), ...all], { env: this.#env })
  }

  /** What it prints. @throws {Error} if it fails */
  async output(...words: Parameters<NixClient["run"]>): Promise<string> {
    const { status, out, error } = await this.run(...words)
    if (status !== 0) throw new Error(`${words.join(" ")} (Nix ${this.version}) ended with ${status}: ${error.trim()}`)
    return out.trimEnd()
  }

  /** Where the files of a store path of this client are. */
  file(path: string): string {
    return join(this.root, path)
  }
}

function oracleFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache")
  return join(cache, "nix-oracle")
}
