import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import type { Service } from "./main.ts"

const MISSING = "there is no PostgreSQL on this machine (Debian's package is postgresql)"

/** Where Debian has them, then where others do. */
const PLACES = [
  "/usr/lib/postgresql/*/bin/initdb",
  "/usr/{local/,}bin/initdb",
  "/opt/homebrew/opt/postgresql*/bin/initdb",
]

/** PostgreSQL with a new database, at a socket in its own folder, as the user who starts it, or as `nobody` for root. */
export async function startPostgres(): Promise<Service> {
  const found = PLACES.flatMap((place) => globSync(place).sort().reverse())[0]
  if (found === undefined) return { told: { missing: MISSING }, restart: async () => {}, stop: async () => {} }
  // The other programs are beside it, wherever links lead.
  const bin = dirname(realpathSync(found))
  const folder = mkdtempSync(join(tmpdir(), "tvix-postgres-"))
  const [data, sockets] = [join(folder, "data"), join(folder, "s")]
  mkdirSync(data)
  mkdirSync(sockets)
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? accountOf("nobody") : undefined
  if (user !== undefined) for (const dir of [folder, data, sockets]) chownSync(dir, user.uid, user.gid)
  chmodSync(folder, 0o755)
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const making = [
    "-D",
    data,
    "-U",
    "tests",
    "-A",
    "trust",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
  ]
  const made = spawnSync(join(bin, "initdb"), making, { ...user, cwd: folder, encoding: "utf8" })
  if (made.status !== 0) {
    remove()
    throw new Error(`initdb: ${made.stderr}`)
  }
  const settings = ["fsync=off", "listen_addresses=", `unix_socket_directories=${sockets}`, "log_min_messages=fatal"]
  const words = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])]
  const start = (): Promise<() => Promise<void>> =>
    startServer(bin, words, sockets, { ...user, cwd: folder }).catch((error: unknown) => {
      remove()
      throw error
    })
  let kill = await start()
  return {
    told: { address: `postgres:///postgres?host=${sockets}&user=tests` },
    async restart() {
      await kill()
      kill = await start()
    },
    async stop() {
      await kill()
      remove()
    },
  }
}

/** Resolves, when it takes connections, to what ends it and cuts them off. */
async function startServer(
  bin: string,
  words: readonly string[],
  sockets: string,
  options: { readonly uid?: number; readonly gid?: number; readonly cwd: string },
): Promise<() => Promise<void>> {
  const child = spawn(join(bin, "postgres"), words, { ...options, stdio: ["ignore", "ignore", "pipe"] })
  const exit = once(child, "exit")
  const log: string[] = []
  createInterface(child.stderr).on("line", (line) => log.push(line))
  while (spawnSync(join(bin, "pg_isready"), ["-q", "-h", sockets]).status !== 0) {
    // Between two attempts the system may tell that it has ended.
    await new Promise((resolve) => setImmediate(resolve))
    if (child.exitCode !== null) throw new Error(`postgres: ${log.join("\n")}`)
  }
  return async () => {
    child.kill("SIGINT")
    await exit
  }
}

function accountOf(name: string): { readonly uid: number; readonly gid: number } {
  const id = (option: string): number => Number(spawnSync("id", [option, name], { encoding: "utf8" }).stdout)
  return { uid: id("-u"), gid: id("-g") }
}
