/** `tvix warm start` */
import { spawn } from "node:child_process"
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { extname, join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { byteStringOf } from "@tvix-ts/bytes"
import { makeFolder } from "@tvix-ts/castore/node"
import type { Command, Tool } from "../../commands/command.ts"
import type { Option } from "../../options.ts"
import { writeError, writeOut } from "../../output.ts"
import { onInterrupt } from "../../signals.ts"
import { parseBytes, parseDuration } from "../../store/settings.ts"
import { runTool } from "../../tool.ts"
import { distrust, type Place } from "../place.ts"
import { findRunning, type Running } from "../running.ts"
import { WarmServer } from "../server.ts"
import { atPlace } from "./shared.ts"

interface StartSettings {
  idleMs: number
  memoryMax: number
  foreground: boolean
  /** Whether to start another when it has grown too large. */
  renew: boolean
}

const OPTIONS: readonly Option<StartSettings>[] = [
  {
    names: ["--idle"],
    values: ["TIME"],
    summary: "end it when it had nothing to do for so long, as 90, 10m or 12h; 0 for never; 1h without",
    set: (to, text) => void (to.idleMs = parseDuration("--idle", text) || Infinity),
  },
  {
    names: ["--max-memory"],
    values: ["BYTES"],
    summary: "begin anew when more than this is in use between evaluations; 1G without",
    set: (to, text) => void (to.memoryMax = parseBytes("--max-memory", text)),
  },
  {
    names: ["--foreground"],
    values: [],
    summary: "be that process, until Ctrl-C: for whoever keeps services running",
    set: (to) => void (to.foreground = true),
  },
  // What a process in the background is started with.
  { names: ["--renew"], values: [], set: (to) => void (to.renew = true) },
]
const IN_BACKGROUND = ["--foreground", "--renew"]

/**
 * V8 lets a heap grow to several times what was of use in it at some moment, and the launcher lets it begin with 256 MB: of use for a
 * process that will soon end. Half the memory costs this one little (docs/decisions/0014-warm-process.md).
 */
const HEAP_FLAGS = ["--initial-heap-size=96", "--heap-growing-percent=50"]

const STARTING_MS = 20_000
const ASK_EVERY_MS = 10

/** @param outer whose commands it is to run */
export function startCommand(outer: Tool): Command {
  return {
    usage: "tvix warm start [OPTION...]",
    details: `Prints the number of the process. If there is one already, nothing happens.

Examples:
  tvix warm start
  tvix warm start --idle 12h`,
    options: OPTIONS,
    operands: "none",
    run: async (words, tool) => run(words, tool, outer),
  }
}

async function run(words: readonly string[], tool: Tool, outer: Tool): Promise<number> {
  const settings: StartSettings = { idleMs: 3_600_000, memoryMax: 2 ** 30, foreground: false, renew: false }
  return atPlace({ tool, name: "start", words, options: OPTIONS, settings }, async (place) => {
    makeFolder(place.folder, 0o700)
    const why = distrust(place.folder)
    if (why !== undefined) throw new Error(`cannot use ${place.folder}: ${why}`)
    const running = await findRunning(place)
    running?.leave()
    await removeDead(place)
    if (running === undefined && settings.foreground) return serve(place, settings, words, outer)
    const { pid } = running ?? (await startInBackground(place, words))
    writeOut(`${pid}\n`)
    return 0
  })
}

/** What processes of other versions left behind that had no time to clean up. */
async function removeDead({ folder, socket: own }: Place): Promise<void> {
  for (const name of readdirSync(folder)) {
    const socket = join(folder, name)
    if (extname(name) === ".log" || socket === own) continue
    try {
      // oxlint-disable-next-line no-await-in-loop -- there are few
      const running = await findRunning({ folder, socket })
      running?.leave()
      if (running === undefined) for (const path of [socket, `${socket}.log`]) rmSync(path, { force: true })
    } catch {
      // It is alive, if it does not answer.
    }
  }
}

/** Starts a process that does what this one was told; settles when it can be found. */
async function startInBackground(place: Place, words: readonly string[]): Promise<Running> {
  const log = openSync(place.log, "w", 0o600)
  const command = [...process.execArgv, ...HEAP_FLAGS, process.argv[1]!, "warm", "start", ...words, ...IN_BACKGROUND]
  const child = spawn(process.execPath, command, { cwd: "/", detached: true, stdio: ["ignore", log, log] })
  closeSync(log)
  let failed: Error | undefined
  child.on("error", (error) => (failed = error))
  child.on("exit", () => (failed ??= new Error(readFileSync(place.log, "utf8").trim() || "it ended at once")))
  for (let waited = 0; waited < STARTING_MS; waited += ASK_EVERY_MS) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const running = await findRunning(place)
    if (running !== undefined) {
      running.leave()
      child.unref()
      return running
    }
    if (failed !== undefined) throw failed
    // oxlint-disable-next-line no-await-in-loop
    await pause(ASK_EVERY_MS)
  }
  child.kill("SIGKILL")
  throw new Error(`it did not begin to listen within ${STARTING_MS / 1000} s`)
}

/** Is the process, until it has to end; the result is the exit code. */
async function serve(
  place: Place,
  { idleMs, memoryMax, renew }: StartSettings,
  words: readonly string[],
  outer: Tool,
): Promise<number> {
  const server = new WarmServer({
    place,
    programs: {
      tvix: async (words) => runTool(outer, words),
      "nix-instantiate": async (words) => (await import("../../nix-instantiate-command.ts")).nixInstantiate(words),
    },
    idleMs,
    memoryMax,
  })
  const interrupt = onInterrupt()
  interrupt.signal.addEventListener("abort", () => server.close(), { once: true })
  await server.listen()
  const end = await server.ended()
  if (end === "full" && renew) await startInBackground(place, words.slice(0, -IN_BACKGROUND.length))
  if (interrupt.exitCode === undefined) writeError(byteStringOf(`ended: ${end}\n`))
  return interrupt.exitCode ?? 0
}
