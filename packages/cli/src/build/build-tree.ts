/** What is being built and fetched, and for whom, as lines of text. */
import { textOf } from "@tvix-ts/bytes"
import type { RealiseEvent } from "@tvix-ts/glue/build"
import { parseStorePath } from "@tvix-ts/nix-compat"
import { formatBytes, formatDuration } from "../amounts.ts"

interface Build {
  readonly name: string
  readonly inputs: readonly string[]
  /** Elsewhere: by another process. */
  state: "waiting" | "elsewhere" | "running" | "done" | "failed"
  /** In milliseconds, on whatever clock. */
  startedMs: number
  /** What its builder says that it is at. */
  phase: string | undefined
}

interface Row {
  readonly build: Build
  /** What it is built for. */
  readonly above: Row | undefined
}

export interface TreeStyle {
  readonly width: number
  /** Lines that there is room for. */
  readonly height: number
  readonly color: boolean
}

/** The name in a store path, as text: without `.drv`. */
export function nameOf(path: string): string {
  return textOf(parseStorePath(path).name.replace(/\.drv$/, ""))
}

/** Follows what happens. */
export class BuildTree {
  /** By path of the derivation, in the order in which they were met: those that need others come first. */
  readonly #builds = new Map<string, Build>()
  /** By path. */
  readonly #fetches = new Map<string, { readonly narSize: number; readonly startedMs: number }>()
  #fetched = 0
  /** By name: how long it took the last time, in milliseconds. */
  readonly #times: ReadonlyMap<string, number>

  constructor(times: ReadonlyMap<string, number>) {
    this.#times = times
  }

  event(event: RealiseEvent, nowMs: number): void {
    switch (event.kind) {
      case "build-planned": {
        const { derivation, inputs } = event
        this.#builds.set(derivation, {
          name: nameOf(derivation),
          inputs,
          state: "waiting",
          startedMs: nowMs,
          phase: undefined,
        })
        break
      }
      case "build-started": {
        const build = this.#builds.get(event.derivation)
        if (build !== undefined) Object.assign(build, { state: "running", startedMs: nowMs })
        break
      }
      case "build-phase": {
        const build = this.#builds.get(event.derivation)
        if (build !== undefined) build.phase = event.phase
        break
      }
      case "build-elsewhere": {
        const build = this.#builds.get(event.derivation)
        if (build !== undefined) Object.assign(build, { state: "elsewhere", startedMs: nowMs })
        break
      }
      case "build-found":
      case "build-done":
        this.#end(event.derivation, "done")
        break
      case "build-failed":
      case "build-cancelled":
        this.#end(event.derivation, "failed")
        break
      case "fetch-started":
        this.#fetches.set(event.path, { narSize: event.narSize, startedMs: nowMs })
        break
      case "fetch-failed":
        this.#fetches.delete(event.path)
        break
      case "fetch-done":
        this.#fetches.delete(event.path)
        this.#fetched++
        break
      case "build-waiting": {
        const build = this.#builds.get(event.derivation)
        if (build !== undefined) build.state = "waiting"
        break
      }
      case "build-kept":
      case "build-log":
        break
    }
  }

  #end(derivation: string, state: "done" | "failed"): void {
    const build = this.#builds.get(derivation)
    if (build !== undefined) build.state = state
  }

  /** How long a build that has just ended took. */
  elapsed(derivation: string, nowMs: number): number {
    return nowMs - (this.#builds.get(derivation)?.startedMs ?? nowMs)
  }

  /** Nothing has happened yet that can be shown. */
  get isEmpty(): boolean {
    return this.#builds.size === 0 && this.#fetches.size === 0 && this.#fetched === 0
  }

  /** What runs, below what it runs for, and a line with how much there is. */
  lines(nowMs: number, style: TreeStyle): string[] {
    const fetches = this.#fetchLines(nowMs, style)
    const rows = this.#rows()
    const room = Math.max(1, style.height - 1)
    const hidden = fetches.length + rows.length - room
    const shown =
      hidden <= 0
        ? [...fetches, ...this.#buildLines(rows, nowMs, style)]
        : [
            ...fetches.slice(0, room - 1),
            ...this.#buildLines(mostTelling(rows, room - 1 - fetches.length), nowMs, style),
            `… and ${hidden + 1} more`,
          ]
    return [...shown, this.#summary(style)].map((line) => clip(line, style.width))
  }

  #summary({ color }: TreeStyle): string {
    const count = (state: Build["state"]): number =>
      [...this.#builds.values()].filter((one) => one.state === state).length
    const parts = [
      [count("done"), "built", GREEN],
      [count("running"), "building", YELLOW],
      [count("elsewhere"), "being built by another process", YELLOW],
      [count("waiting"), "waiting", BLUE],
      [count("failed"), "failed", RED],
      [this.#fetches.size, "fetching", YELLOW],
      [this.#fetched, "fetched", GREEN],
    ] as const
    const told = parts.filter(([n], i) => n > 0 || i === 0)
    return told.map(([n, what, code]) => painted(`${n} ${what}`, code, color)).join("  ")
  }

  #fetchLines(nowMs: number, { color }: TreeStyle): string[] {
    return [...this.#fetches].map(([path, { narSize, startedMs }]) => {
      const time = formatDuration(nowMs - startedMs)
      return `${painted("↓", YELLOW, color)} ${nameOf(path)}  ${formatBytes(narSize)}  ${time}`
    })
  }

  /** What runs, below what it runs for: with a stack of our own, since nothing bounds how many need each other. */
  #rows(): Row[] {
    const rows: Row[] = []
    const leads = this.#leadToRunning()
    const isInput = new Set([...leads].flatMap((path) => this.#builds.get(path)!.inputs))
    const drawn = new Set<string>()
    const ahead = [...leads]
      .filter((path) => !isInput.has(path))
      .reverse()
      .map((path): { readonly path: string; readonly above: Row | undefined } => ({ path, above: undefined }))
    for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
      const { path, above } = next
      if (drawn.has(path)) continue
      drawn.add(path)
      const row: Row = { build: this.#builds.get(path)!, above }
      rows.push(row)
      for (const input of row.build.inputs.toReversed()) if (leads.has(input)) ahead.push({ path: input, above: row })
    }
    return rows
  }

  #buildLines(rows: readonly Row[], nowMs: number, { color }: TreeStyle): string[] {
    const shown = new Set(rows)
    return rows.map(({ build, above }) => {
      let depth = 0
      for (let row = above; row !== undefined; row = row.above) if (shown.has(row)) depth++
      const margin = depth === 0 ? "" : `${"   ".repeat(depth - 1)}└─ `
      return `${margin}${this.#describe(build, nowMs, color)}`
    })
  }

  #describe({ name, state, startedMs, phase }: Build, nowMs: number, color: boolean): string {
    if (state === "elsewhere") {
      const time = formatDuration(nowMs - startedMs)
      return `${painted("⏵", YELLOW, color)} ${name}  built by another process, for ${time}`
    }
    if (state !== "running") return `${painted("⏸", BLUE, color)} ${name}`
    const last = this.#times.get(name)
    const before = last === undefined ? "" : ` (last time ${formatDuration(last)})`
    const at = phase === undefined ? "" : `  ${phase}`
    return `${painted("⏵", YELLOW, color)} ${name}${at}  ${formatDuration(nowMs - startedMs)}${before}`
  }

  /** Builds that run, and those that wait for one that does; what needs others comes first. */
  #leadToRunning(): Set<string> {
    const users = new Map<string, string[]>()
    for (const [path, { inputs }] of this.#builds) {
      for (const input of inputs) {
        const known = users.get(input)
        if (known === undefined) users.set(input, [path])
        else known.push(path)
      }
    }
    const running = [...this.#builds].filter(([, build]) => isRunning(build)).map(([path]) => path)
    const leads = new Set(running)
    // A set goes on with what is added meanwhile.
    for (const path of leads) for (const user of users.get(path) ?? []) leads.add(user)
    return new Set([...this.#builds.keys()].filter((path) => leads.has(path)))
  }
}

function isRunning({ state }: Build): boolean {
  return state === "running" || state === "elsewhere"
}

/** As many as there is room for: those that run, and of the others the nearest to these. */
function mostTelling(rows: readonly Row[], room: number): Row[] {
  const runs = ({ build }: Row): boolean => isRunning(build)
  const chosen = new Set(
    [...rows.filter(runs), ...rows.filter((row) => !runs(row)).reverse()].slice(0, Math.max(0, room)),
  )
  return rows.filter((row) => chosen.has(row))
}

const RED = 31
const GREEN = 32
const YELLOW = 33
const BLUE = 34
function painted(text: string, code: number, color: boolean): string {
  return color ? `\x1b[${code}m${text}\x1b[m` : text
}

/** Cut off where a terminal would break it. What only colours takes no room. */
function clip(line: string, width: number): string {
  let room = width
  let clipped = ""
  for (const piece of line.split(/(\x1b\[\d*m)/)) {
    if (piece.startsWith("\x1b")) clipped += piece
    else {
      const kept = Array.from(piece).slice(0, room)
      clipped += kept.join("")
      room -= kept.length
    }
  }
  return clipped
}
