/** The ways in which a command that evaluates can be run: suites about what it prints and leaves behind run in each. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The launchers, which run the bundle: a tenth of the time that the sources take to start. */
export function launcher(command: string): string {
  return fileURLToPath(new URL(`../../../../bin/${command}`, import.meta.url))
}

/** The bundle of `tvix`, at `folder`, without V8's code for it, which others may be writing. Begins with `main.cjs`. */
export function copyBundle(folder: string): void {
  cpSync(join(dirname(launcher("tvix")), "..", "dist", "current", "tvix"), folder, {
    recursive: true,
    dereference: true,
    filter: (path) => !/\.(?:code|draft)$/.test(path),
  })
}

/** A process of `tvix warm` of its own. */
export class Warm {
  readonly #folder = mkdtempSync(join(tmpdir(), "warm-"))
  /** What commands find it by. */
  readonly env = { XDG_RUNTIME_DIR: this.#folder }

  tvix(...args: readonly string[]): { readonly status: number | null; readonly out: string; readonly error: string } {
    const env = { PATH: process.env["PATH"], HOME: "/homeless", ...this.env }
    const { status, stdout, stderr } = spawnSync(launcher("tvix"), ["warm", ...args], { env, encoding: "utf8" })
    return { status, out: stdout, error: stderr.replaceAll(this.#folder, "/R") }
  }
  start(...args: readonly string[]): void {
    const { status, error } = this.tvix("start", ...args)
    assert.deepEqual({ status, error }, { status: 0, error: "" })
  }
  status(): {
    readonly running: boolean
    readonly pid: number
    readonly busy: boolean
    readonly evaluations: number
    readonly socket: string
    readonly log: string
  } {
    return JSON.parse(this.tvix("status", "--json").out) as ReturnType<Warm["status"]>
  }
  end(): void {
    this.tvix("stop")
    rmSync(this.#folder, { recursive: true })
  }
}

export interface Way {
  readonly name: string
  /** Variables for the commands; of use after {@link begin}. */
  readonly env: Readonly<Record<string, string>>
  begin(): void
  end(): void
}

const ALONE: Way = { name: "in a process of its own", env: { TVIX_WARM: "0" }, begin() {}, end() {} }

class Served implements Way {
  readonly name = "in the process of tvix warm"
  #warm: Warm | undefined

  get env(): Readonly<Record<string, string>> {
    return this.#warm!.env
  }
  begin(): void {
    this.#warm = new Warm()
    this.#warm.start()
  }
  end(): void {
    const { running, evaluations } = this.#warm!.status()
    this.#warm!.end()
    // It was that process, and it is still the first one.
    assert.ok(running && evaluations > 10, `${evaluations} evaluations`)
  }
}

export const WAYS: readonly Way[] = [ALONE, new Served()]
