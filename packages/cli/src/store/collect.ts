import type { GarbageReport, CollectGarbageOptions, LocalStore } from "@tvix-ts/store/node"

/** Collects garbage, of which what was on disk for programs to read is a part. */
export async function collect(store: LocalStore, options: CollectGarbageOptions): Promise<GarbageReport> {
  const { collectGarbage } = await import("@tvix-ts/store/node")
  const report = await collectGarbage(store, options)
  if (options.dryRun === true) return report
  const { sweepTrees } = await import("../build/sweep.ts")
  await sweepTrees(
    store,
    report.removedPaths.flatMap(({ pathInfo }) => pathInfo ?? []),
  )
  return report
}
