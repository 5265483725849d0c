import { makeFolder } from "@tvix-ts/castore/node"
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** Names that are remembered. */
const NAMES_MAX = 10_000

/** How long builds took the last time, by name, in milliseconds: kept in a file, of which nothing depends. */
export class BuildTimes {
  readonly #file: string
  readonly #times: Map<string, number>
  #changed = false

  constructor(file: string) {
    this.#file = file
    this.#times = new Map(Object.entries(read(file)))
  }

  get times(): ReadonlyMap<string, number> {
    return this.#times
  }

  set(name: string, ms: number): void {
    // The last ones to be built are the last to be forgotten.
    this.#times.delete(name)
    this.#times.set(name, Math.round(ms))
    this.#changed = true
  }

  save(): void {
    if (!this.#changed) return
    const kept = [...this.#times].slice(-NAMES_MAX)
    const draft = `${this.#file}.${process.pid}`
    try {
      makeFolder(dirname(this.#file))
      writeFileSync(draft, JSON.stringify(Object.fromEntries(kept)))
      renameSync(draft, this.#file)
    } catch {
      // They are only shown.
    }
  }
}

function read(file: string): Record<string, number> {
  try {
    const json: unknown = JSON.parse(readFileSync(file, "utf8"))
    if (typeof json !== "object" || json === null) return {}
    return Object.fromEntries(Object.entries(json).filter(([, ms]) => typeof ms === "number")) as Record<string, number>
  } catch {
    return {}
  }
}
