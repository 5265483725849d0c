/** `tvix-store gc` */
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { GarbageReport } from "@tvix-ts/store/node"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { Lines, writeOut } from "../../output.ts"
import { formatBytes, formatCount } from "../../amounts.ts"
import { collect } from "../collect.ts"
import { localStore } from "../local-store.ts"
import { withStore } from "../session.ts"
import {
  JSON_OPTION,
  parseBytes,
  parseDuration,
  SHARED_OPTIONS,
  storeSettings,
  type StoreSettings,
} from "../settings.ts"

interface GcSettings extends StoreSettings {
  dryRun: boolean
  graceMs: number
  unusedMs: number | undefined
  bytesMax: number | undefined
  /** Even if there is no root at all. */
  all: boolean
}

const OPTIONS: readonly Option<GcSettings>[] = [
  {
    names: ["--older-than"],
    values: ["TIME"],
    summary: "delete what nobody has put or asked the server for since, as 12h or 30d",
    set: (to, text) => void (to.unusedMs = parseDuration("--older-than", text)),
  },
  {
    names: ["--max-size"],
    values: ["BYTES"],
    summary: "delete what was used least recently until the store takes no more than this, as 500M or 50G",
    set: (to, text) => void (to.bytesMax = parseBytes("--max-size", text)),
  },
  {
    names: ["--dry-run"],
    values: [],
    summary: "delete nothing; list the paths that would go",
    set: (to) => void (to.dryRun = true),
  },
  {
    names: ["--grace"],
    values: ["TIME"],
    summary: "keep what is younger than this, as 90 (seconds), 10m, 12h or 2d; an hour without",
    set: (to, text) => void (to.graceMs = parseDuration("--grace", text)),
  },
  {
    names: ["--all"],
    values: [],
    summary: "go on even if there is no root, which deletes everything",
    set: (to) => void (to.all = true),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

const GRACE_MS = 3_600_000

const STEPS = { mark: "looking at what is kept", sweep: "deleting", repack: "making packs smaller" } as const

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: GcSettings = {
    ...storeSettings(),
    dryRun: false,
    graceMs: GRACE_MS,
    unusedMs: undefined,
    bytesMax: undefined,
    all: false,
  }
  const operands = await readOptions(tool, "gc", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "gc", settings, async (opened, { signal, progress }) => {
    if (operands.length > 0) throw new UsageError("gc takes no words")
    const { dryRun, graceMs, unusedMs, bytesMax, all, json } = settings
    const store = localStore(opened, "collect garbage")
    const isLimited = unusedMs !== undefined || bytesMax !== undefined
    if (!all && !dryRun && !isLimited && store.roots.living().length === 0) {
      const reason =
        "there is no root, so everything would go: tvix-store root add keeps a path, --older-than and --max-size all" +
        " that is used, --all goes on"
      throw new CastoreError({ code: "invalid", field: "gc", reason })
    }
    const report = await collect(store, {
      signal,
      graceMs,
      dryRun,
      ...(unusedMs !== undefined && { unusedMs }),
      ...(bytesMax !== undefined && { bytesMax }),
      onProgress: ({ step, done, total }) => progress.steps(STEPS[step], done, total),
    })
    progress.clear()
    if (json) writeOut(`${byteStringOf(JSON.stringify(record(report, dryRun)))}\n`)
    else print(report, settings)
    return 0
  })
}

function pathsOf({ removedPaths }: GarbageReport): string[] {
  // Of a damaged path info only the digest is known.
  return removedPaths.map(({ digest, pathInfo }) =>
    pathInfo === undefined ? digest : formatStorePath(pathInfo.storePath),
  )
}

function record(report: GarbageReport, dryRun: boolean): object {
  const { keptPaths, removedNarBytes, castore } = report
  return { dryRun, paths: pathsOf(report), narBytes: removedNarBytes, keptPaths, ...castore }
}

function print(report: GarbageReport, { dryRun, bytesMax }: GcSettings): void {
  const { keptPaths, removedPaths, castore } = report
  const { removed, before, after, repackProblem } = castore
  const lines = new Lines()
  if (dryRun) for (const path of pathsOf(report)) lines.add(path)
  const freed = before.packs.bytes - after.packs.bytes
  const what = [
    formatCount(removedPaths.length, "path"),
    formatCount(removed.directories, "directory", "directories"),
    `${formatCount(removed.chunks, "chunk")} of ${formatBytes(removed.chunkBytes)}`,
  ].join(", ")
  const stored = removed.storedBytes === 0 ? "" : `, ${formatBytes(removed.storedBytes)} as they are stored`
  const kept = `${formatCount(keptPaths, "path")} stay${keptPaths === 1 ? "s" : ""}`
  if (dryRun) lines.add(`${what} would go${stored}; ${kept}`)
  else lines.add(`${what} deleted, ${formatBytes(Math.max(0, freed))} freed; ${kept}`)
  const left = after.packs.bytes + after.indexBytes
  if (bytesMax !== undefined && left > bytesMax) {
    lines.add(`${formatBytes(left)} are left: roots, and what is younger than the time of grace, keep too much`)
  }
  if (repackProblem !== undefined) lines.add(`some room could not be freed yet: ${byteStringOf(repackProblem)}`)
  lines.flush()
}

export const command: Command = {
  usage: "tvix-store gc [OPTION...]",
  details: `Keeps the paths that roots and pins name (tvix-store root), what they refer to, and what is younger than the time of grace.
The rest goes, unless there is a limit: then, as a cache wants it, only what nobody has used for as long as --older-than
says, or what does not fit into --max-size, what was used least recently first, but never before what refers to it. To use
a path is to put it, or to ask a server for it; it is noted twice an hour. Others may go on reading and writing meanwhile, a
server included.

Examples:
  tvix-store gc --dry-run
  tvix-store gc --older-than 30d --max-size 50G
  tvix-store gc --grace 2d
  tvix-store gc --json | jq .removed`,
  options: OPTIONS,
  operands: "none",
  run,
}
