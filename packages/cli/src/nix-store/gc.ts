/** `nix-store --gc` */
import { formatStorePath } from "@tvix-ts/nix-compat"
import { UsageError } from "../options.ts"
import { Lines, writeOut } from "../output.ts"
import { collect } from "../store/collect.ts"
import { localStore } from "../store/local-store.ts"
import type { Run } from "./operation.ts"
import { rootLines } from "./roots.ts"

export const gc: Run = async ({ flags, operands }, { settings, open, signal }) => {
  if (operands.length > 0) throw new UsageError("no arguments expected")
  const store = localStore(await open(), "collect garbage")
  const lines = new Lines()
  if (flags.includes("--print-roots")) {
    for (const line of rootLines(store.roots.living())) lines.add(line)
    lines.flush()
    return 0
  }
  const isDry = flags.length > 0
  const { removedPaths, castore } = await collect(store, {
    signal,
    dryRun: isDry,
    keepDerivations: settings.keepDerivations,
  })
  const removed = new Set(removedPaths.map(({ digest }) => digest))
  if (!isDry) {
    const freed = Math.max(0, castore.before.packs.bytes - castore.after.packs.bytes)
    writeOut(`${removed.size} store paths deleted, ${renderSize(freed)} freed\n`)
    return 0
  }
  const isDead = flags.at(-1) === "--print-dead"
  for await (const { storePath } of store.pathInfos.list({ signal })) {
    if (removed.has(storePath.digest) === isDead) lines.add(formatStorePath(storePath))
  }
  lines.flush()
  return 0
}

const UNITS = "KMGTPE"

/** As C++ Nix 2.34 writes amounts (libutil/util.cc): in KiB at least, with one digit after the point. */
function renderSize(bytes: number): string {
  let amount = bytes / 1024
  let unit = 0
  for (; amount >= 1024 && unit < UNITS.length - 1; unit++) amount /= 1024
  return `${amount.toFixed(1)} ${UNITS[unit]}iB`
}
