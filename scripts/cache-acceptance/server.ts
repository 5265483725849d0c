/** `tvix-store serve`, as it is released, in a process of its own. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"
import { output, run } from "../acceptance/program.ts"

export const TVIX_STORE = join(ROOT, "bin", "tvix-store")

/** Until a server says where it is. */
const START_MAX_MS = 60_000

export class CacheServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>

  private constructor(child: ChildProcess, ended: Promise<number | null>, url: string) {
    this.#child = child
    this.#ended = ended
    this.url = url
    this.port = Number(new URL(url).port)
  }

  /** @param words what comes after `serve` */
  static async start(store: string, ...words: readonly string[]): Promise<CacheServer> {
    const args = ["--store", store, "serve", "--listen", "127.0.0.1:0", "--quiet", ...words]
    const child = spawn(TVIX_STORE, args, { stdio: ["ignore", "pipe", "pipe"] })
    const ended = new Promise<number | null>((resolve) => {
      child.on("close", (status) => resolve(status))
    })
    let complaints = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints = (complaints + text).slice(-10_000)))
    const url = await new Promise<string>((resolve, reject) => {
      let printed = ""
      const late = setTimeout(() => reject(new Error(`serve said nothing for too long: ${complaints}`)), START_MAX_MS)
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text
        if (!printed.includes("\n")) return
        clearTimeout(late)
        resolve(printed.split("\n")[0]!.replace(/\/$/, ""))
      })
      child.on("close", (status) => {
        clearTimeout(late)
        reject(new Error(`serve ended with ${status}: ${complaints}`))
      })
    })
    return new CacheServer(child, ended, url)
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** As Ctrl-C does. The exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM")
    return this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#ended
  }

  /** What the process has in memory, in bytes; with what it shares with others. */
  get residentBytes(): number {
    return this.#memory("VmRSS")
  }

  /** The most that it had, since the start or {@link forgetPeak}. */
  get peakBytes(): number {
    return this.#memory("VmHWM")
  }

  forgetPeak(): void {
    // proc(5): 5 resets the peak.
    writeFileSync(`/proc/${this.pid}/clear_refs`, "5")
  }

  #memory(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8")
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? Number.NaN) * 1024
  }
}

/** What `tvix-store` prints. @throws {Error} if it fails */
export function tvixStore(...words: readonly string[]): Promise<string> {
  return output([TVIX_STORE, ...words])
}

/** Reads everything in a store. What is wrong, or nothing. */
export async function damageIn(store: string): Promise<string> {
  const { status, out, error } = await run([TVIX_STORE, "--store", store, "verify"])
  return status === 0 ? "" : `${out}${error}`.trim()
}

export interface CacheKey {
  readonly secretFile: string
  /** As `trusted-public-keys` has it. */
  readonly publicKey: string
}

export async function makeKey(dir: string, name: string): Promise<CacheKey> {
  const secretFile = join(dir, `${name}.secret`)
  return { secretFile, publicKey: await tvixStore("key", "generate", name, "--out", secretFile) }
}

/** Whether a program is installed. */
export function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v "$0" >/dev/null`, program]).status === 0
}
