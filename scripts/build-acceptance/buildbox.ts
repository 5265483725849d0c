/** buildbox-casd, a server of the Remote Execution API that executes what it is sent on this machine. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { output } from "../acceptance/program.ts"
import { freePort } from "../free-port.ts"

/** The release of Debian that has it. */
const SUITE = "sid"
const PACKAGES = ["buildbox", "bubblewrap"]

/**
 * Unpacks it, and all that it needs, into a folder that stands for the root of a machine, `$BUILDBOX_DIR`, unless that is
 * there. This machine's own packages are left alone; its apt knows where to get others, and whom to believe.
 */
export async function installBuildbox(): Promise<string> {
  const root =
    process.env["BUILDBOX_DIR"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "buildbox")
  if (existsSync(root)) return root
  mkdirSync(dirname(root), { recursive: true })
  const draft = mkdtempSync(`${root}-`)
  try {
    const apt = join(draft, "apt")
    const unpacked = join(draft, "root")
    for (const folder of ["lists/partial", "archives/partial"]) mkdirSync(join(apt, folder), { recursive: true })
    const targets = await output(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"])
    const site = targets.split("\n").find((line) => line.endsWith("/debian"))
    if (site === undefined) throw new Error("apt knows no mirror of Debian's")
    writeFileSync(join(apt, "sources.list"), `deb ${site} ${SUITE} main\n`)
    writeFileSync(join(apt, "status"), "")
    const settings = [
      `Dir::State=${apt}`,
      `Dir::State::status=${join(apt, "status")}`,
      `Dir::Cache=${apt}`,
      `Dir::Etc::SourceList=${join(apt, "sources.list")}`,
      "Dir::Etc::SourceParts=/dev/null",
      "Acquire::Languages=none",
      "APT::Sandbox::User=",
      "APT::Install-Recommends=false",
    ]
    const aptGet = (...words: readonly string[]): Promise<string> =>
      output(["apt-get", "-qq", ...settings.flatMap((setting) => ["-o", setting]), ...words])
    await aptGet("update")
    await aptGet("install", "--download-only", "--yes", ...PACKAGES)
    for (const name of readdirSync(join(apt, "archives")).filter((file) => file.endsWith(".deb"))) {
      // oxlint-disable-next-line no-await-in-loop -- into one folder
      await output(["dpkg-deb", "-x", join(apt, "archives", name), unpacked])
    }
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      if (!existsSync(join(unpacked, name))) symlinkSync(`usr/${name}`, join(unpacked, name))
    }
    for (const name of ["proc", "dev", "tmp", "var/cas"]) mkdirSync(join(unpacked, name), { recursive: true })
    renameSync(unpacked, root)
    return root
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** What a server was asked for in its life, however often it was started. */
export interface CasdCounts {
  readonly executed: number
  /** Actions of which the result was kept, and answers from that. */
  readonly kept: number
  readonly remembered: number
}

export class Casd {
  readonly #root: string
  readonly #dir: string
  readonly #port: number
  #child: ChildProcess | undefined

  private constructor(root: string, dir: string, port: number) {
    this.#root = root
    this.#dir = dir
    this.#port = port
  }

  /**
   * @param root where it is installed
   * @param dir for what it keeps; made
   */
  static async start(root: string, dir: string): Promise<Casd> {
    mkdirSync(join(dir, "cas"), { recursive: true })
    const casd = new Casd(root, dir, await freePort())
    await casd.start()
    return casd
  }

  /** For `--builder`. */
  get address(): string {
    return `reapi+grpc://127.0.0.1:${this.#port}`
  }

  /**
   * Starts it, with what it has kept. It sees `root` as the root of the machine; its own sandboxes need a /proc of which
   * nothing is hidden, and the numbers of processes that are in it.
   */
  async start(): Promise<void> {
    const namespaces = ["--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--"]
    const binds = ["--bind", this.#root, "/", "--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc"]
    const own = ["--tmpfs", "/tmp", "--bind", join(this.#dir, "cas"), "/var/cas", "--die-with-parent", "--"]
    const runner = ["--buildbox-run=/usr/bin/buildbox-run-bubblewrap", "--runner-arg=--staging-mode=copy-or-link"]
    const settings = ["--bind", `127.0.0.1:${this.#port}`, ...runner, "--jobs", "2", "--log-level", "info", "/var/cas"]
    const log = openSync(this.#log, "a")
    const words = [...namespaces, "bwrap", "--cap-add", "ALL", ...binds, ...own, "/usr/bin/buildbox-casd", ...settings]
    const child = spawn("unshare", words, { stdio: ["ignore", log, log] })
    closeSync(log)
    this.#child = child
    while (!(await this.#isListening())) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`buildbox-casd ended: ${readFileSync(this.#log, "utf8").slice(-400)}`)
      }
      await sleep(20)
    }
  }

  /** Ends it and all that it runs, at once. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL")
      await once(child, "exit")
    }
    while (await this.#isListening()) await sleep(20)
  }

  counts(): CasdCounts {
    const log = readFileSync(this.#log, "utf8")
    const count = (pattern: RegExp): number => log.match(pattern)?.length ?? 0
    const kept = log.matchAll(/Updating ActionCache with result of ActionDigest='(\w+)/g)
    return {
      executed: count(/\] Execute request from /g),
      kept: new Set([...kept].map(([, digest]) => digest)).size,
      remembered: count(/\] ActionResult found for /g),
    }
  }

  get #log(): string {
    return join(this.#dir, "casd.log")
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1")
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
      socket.once("connect", () => socket.destroy())
    })
  }
}

/** Why it cannot run here, if it cannot. */
export function lacksForBuildbox(): string | undefined {
  if (process.getuid?.() !== 0) return "only root makes the namespaces that it runs in"
  const missing = ["apt-get", "dpkg-deb", "bwrap", "unshare"].filter(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status !== 0,
  )
  return missing.length === 0 ? undefined : `there is no ${missing.join(", ")}`
}
