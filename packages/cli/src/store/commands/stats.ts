/** `tvix-store stats` */
import { CastoreError } from "@tvix-ts/castore"
import type { LocalStats } from "@tvix-ts/castore/node"
import type { LocalStore } from "@tvix-ts/store/node"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { Lines, writeOut } from "../../output.ts"
import { formatBytes, formatCount, formatNumber } from "../../amounts.ts"
import { localStore } from "../local-store.ts"
import { withStore } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

const OPTIONS: readonly Option<StoreSettings>[] = [JSON_OPTION, ...SHARED_OPTIONS]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "stats", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "stats", settings, async (opened) => {
    if (operands.length > 0) throw new UsageError("stats takes no words")
    const store = localStore(opened, "count what it holds")
    const paths = pathTotals(store)
    const castore = await store.castore.stats()
    // What archives would take, and what they do take here.
    const ratio = castore.packs.bytes === 0 ? null : paths.narBytes / (castore.packs.bytes + castore.indexBytes)
    if (settings.json) writeOut(`${JSON.stringify({ paths, ratio, ...castore })}\n`)
    else print(paths, ratio, castore)
    return 0
  })
}

interface PathTotals {
  count: number
  /** Of all archives. */
  narBytes: number
}

function pathTotals(store: LocalStore): PathTotals {
  const totals = { count: 0, narBytes: 0 }
  for (const { pathInfo } of store.pathInfos.rows()) {
    totals.count++
    if (!(pathInfo instanceof CastoreError)) totals.narBytes += pathInfo.narSize
  }
  return totals
}

/** Columns of the longest bar. */
const BAR = 40

function print(paths: PathTotals, ratio: number | null, castore: LocalStats): void {
  const { chunks, largeBlobs, directories, packs, indexBytes, chunkSizes } = castore
  const lines = new Lines()
  const row = (label: string, ...parts: readonly string[]): void => lines.add(`${label.padEnd(12)} ${parts.join(", ")}`)
  row("paths", formatNumber(paths.count), `${formatBytes(paths.narBytes)} as archives`)
  row("directories", formatNumber(directories.count), formatBytes(directories.bytes))
  row("chunks", formatNumber(chunks.count), formatBytes(chunks.bytes), `${formatBytes(chunks.storedBytes)} compressed`)
  row(
    "large files",
    formatNumber(largeBlobs.count),
    `${formatBytes(largeBlobs.bytes)} in ${formatCount(largeBlobs.references, "chunk")}`,
  )
  row(
    "on disk",
    `${formatBytes(packs.bytes)} in ${formatCount(packs.count, "pack")}`,
    `${formatBytes(indexBytes)} of index`,
  )
  if (ratio !== null) row("archives are", `${ratio.toFixed(2)} times as large`)
  if (chunkSizes.length > 0) {
    lines.add("")
    lines.add("chunk sizes, up to")
    const most = Math.max(...chunkSizes)
    for (const [n, count] of chunkSizes.entries()) {
      const bar = "#".repeat(Math.ceil((count / most) * BAR))
      if (count > 0) lines.add(`${formatBytes(2 ** (n + 1)).padStart(12)} ${formatNumber(count).padStart(10)} ${bar}`)
    }
  }
  lines.flush()
}

export const command: Command = {
  usage: "tvix-store stats [OPTION...]",
  details: `Files of more than 128 KiB are cut into chunks where their contents say, so that a change moves no more than its
surroundings; equal chunks are stored once, and compressed where that makes them shorter.

Examples:
  tvix-store stats
  tvix-store stats --json | jq .ratio`,
  options: OPTIONS,
  operands: "none",
  run,
}
