/** What `tvix build` does with its programs: derivations, what they build, and links to it. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { bwrapBuildService, TreeFolder } from "@tvix-ts/build/node"
import { builtinBuildenv, planRealise, realise, RealiseError, type Realised, type Wanted } from "@tvix-ts/glue/build"
import { BuildLogs, builtinFetchurl, folderLocks } from "@tvix-ts/glue/build/node"
import { formatStorePath, parseStorePath } from "@tvix-ts/nix-compat"
import { closureOf, type Store } from "@tvix-ts/store"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { formatBytes, formatCount } from "../amounts.ts"
import { addLink } from "../gc-links.ts"
import { instantiate, type Instantiated } from "../instantiate.ts"
import { writeError, writeOut } from "../output.ts"
import { failureText } from "../failure.ts"
import { withEvaluation, type EvaluationRun, type RunOptions } from "../run-evaluation.ts"
import { SYSTEM } from "../session.ts"
import type { Settings } from "../settings.ts"
import { isLocal } from "../store/local-store.ts"
import { BuildDisplay } from "./display.ts"
import { buildFolder, logFolder } from "./folders.ts"
import { StoreRoot } from "./store-root.ts"

export interface BuildSettings extends Settings {
  /** Builds at once, and processors for each; as many as there are without. */
  jobs: number | undefined
  cores: number | undefined
  keepGoing: boolean
  /** Where to link what is built from. */
  outLink: string | undefined
  printPaths: boolean
  logs: boolean
  /** Says what would be done, and does not. */
  dryRun: boolean
  /** Addresses of stores that may have what would be built. */
  readonly substituters: string[]
  buildTimeoutMs: number | undefined
  silenceMs: number | undefined
  logBytesMax: number | undefined
}

/** Builds the derivations of the programs; the result is the exit code. */
export async function buildPrograms(settings: BuildSettings, options: RunOptions): Promise<number> {
  let failed = false
  const code = await withEvaluation(settings, options, async (run) => {
    const found: Instantiated[] = []
    for (const program of options.programs) await instantiate(run, settings, program, (one) => void found.push(one))
    await run.session.store.flush()
    run.progress.clear()
    if (settings.dryRun) await printPlan(run, settings, found)
    else failed = !(await buildAll(run, settings, found))
  })
  return failed ? 1 : code
}

/** Whether all of them were built. */
async function buildAll(run: EvaluationRun, settings: BuildSettings, found: readonly Instantiated[]): Promise<boolean> {
  const store = await run.session.openStore()
  const place = buildFolder(store)
  const trees = await TreeFolder.open(join(place, "trees"), store)
  const display = new BuildDisplay({ quiet: settings.quiet, logs: settings.logs })
  const logs = new BuildLogs(logFolder(store))
  const failures = new Set<unknown>()
  const substituters = await openAll(settings.substituters)
  const builder = await bwrapBuildService({ ...store, trees, dir: join(place, "builds") })
  try {
    const { timeoutMs, silenceMs, logBytesMax } = limitsOf(settings)
    const realised = await realise(wantedOf(found), {
      store,
      readDerivation: async (path) => (await run.session.store.derivation(path))?.derivation,
      builder,
      builtins: new Map([
        ["builtin:buildenv", builtinBuildenv],
        ["builtin:fetchurl", builtinFetchurl(run.session.download)],
      ]),
      substituters,
      locks: folderLocks(join(place, "locks")),
      jobs: settings.jobs ?? availableParallelism(),
      cores: settings.cores ?? availableParallelism(),
      keepGoing: settings.keepGoing,
      systems: [settings.system ?? SYSTEM],
      features: ["benchmark", "big-parallel", "nixos-test"],
      impure: (name) => {
        const value = process.env[textOf(name)]
        return value === undefined ? undefined : byteStringOf(value)
      },
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(silenceMs !== undefined && { silenceMs }),
      ...(logBytesMax !== undefined && { logBytesMax }),
      ...(run.signal !== undefined && { signal: run.signal }),
      onEvent(event) {
        if (event.kind === "build-failed") failures.add(event.error)
        logs.event(event)
        display.event(event)
      },
    })
    display.close()
    await deliver(settings, found, realised, store, new StoreRoot(join(place, "root"), trees))
    for (const error of realised.failures.values()) if (isCause(error)) failures.add(error)
    for (const error of failures) writeError(`error: ${failureText(error)}\n`)
    return realised.failures.size === 0
  } finally {
    display.close()
    await builder.close()
    for (const substituter of substituters) await substituter.close()
  }
}

/** Prints what would be built and fetched. */
async function printPlan(run: EvaluationRun, settings: BuildSettings, found: readonly Instantiated[]): Promise<void> {
  const store = await run.session.openStore()
  const substituters = await openAll(settings.substituters)
  try {
    const { builds, fetches } = await planRealise(wantedOf(found), {
      store,
      substituters,
      readDerivation: async (path) => (await run.session.store.derivation(path))?.derivation,
      ...(run.signal !== undefined && { signal: run.signal }),
    })
    if (settings.output === "json") {
      const fetched = fetches.map(({ storePath, narSize }) => ({ path: textOf(formatStorePath(storePath)), narSize }))
      writeOut(`${byteStringOf(JSON.stringify({ build: builds.map(textOf), fetch: fetched }))}\n`)
      return
    }
    if (builds.length > 0) {
      writeOut(
        `${formatCount(builds.length, "derivation")} would be built:\n${builds.map((path) => `  ${path}\n`).join("")}`,
      )
    }
    if (fetches.length > 0) {
      const bytes = fetches.reduce((sum, { narSize }) => sum + narSize, 0)
      const lines = fetches.map(({ storePath }) => `  ${formatStorePath(storePath)}\n`).join("")
      writeOut(`${formatCount(fetches.length, "path")} would be fetched (${formatBytes(bytes)} unpacked):\n${lines}`)
    }
  } finally {
    for (const substituter of substituters) await substituter.close()
  }
}

/** The outputs that the derivations stand for; of each derivation at once. */
function wantedOf(found: readonly Instantiated[]): Wanted[] {
  const wanted = new Map<string, Set<string>>()
  for (const { drvPath, output } of found) {
    const outputs = wanted.get(drvPath)
    if (outputs === undefined) wanted.set(drvPath, new Set([output]))
    else outputs.add(output)
  }
  return [...wanted].map(([derivation, outputs]) => ({ derivation, outputs }))
}

function limitsOf({ buildTimeoutMs, silenceMs, logBytesMax }: BuildSettings) {
  return { timeoutMs: buildTimeoutMs, silenceMs, logBytesMax }
}

async function openAll(addresses: readonly string[]): Promise<Store[]> {
  const { openStore } = await import("@tvix-ts/store/node")
  const stores: Store[] = []
  for (const address of addresses) stores.push(await openStore(address))
  return stores
}

/** Puts what was built where it can be used, links to it, and prints where it is. */
async function deliver(
  { outLink, printPaths, output: format }: BuildSettings,
  found: readonly Instantiated[],
  { outputs }: Realised,
  store: Store,
  root: StoreRoot,
): Promise<void> {
  const roots = isLocal(store) ? store.roots : undefined
  const records: object[] = []
  let count = 0
  for (const { attrPath, name, drvPath, output } of found) {
    const storePath = outputs.get(drvPath)?.get(output)
    if (storePath === undefined) continue
    const closure = await closureOf([parseStorePath(storePath)], store.pathInfos)
    let target = ""
    // What was asked for comes last.
    for (const { storePath } of closure) {
      const pathInfo = await store.pathInfos.get(storePath.digest)
      if (pathInfo !== undefined) target = await root.place(pathInfo)
    }
    const suffix = (count++ === 0 ? "" : `-${count}`) + (output === "out" ? "" : `-${textOf(output)}`)
    const link = outLink === undefined ? undefined : addLink(outLink + suffix, storePath, byteStringOf(target), roots)
    if (format === "json") {
      records.push({
        attrPath: attrPath.map(textOf),
        name: textOf(name),
        drvPath: textOf(drvPath),
        output: textOf(output),
        path: textOf(storePath),
        files: target,
        ...(link !== undefined && { link: textOf(link) }),
      })
    } else if (printPaths) writeOut(`${storePath}\n`)
  }
  if (format === "json") writeOut(`${byteStringOf(JSON.stringify(records))}\n`)
}

/** Whether it is a problem of its own, and not that of something else that was built. */
function isCause(error: unknown): boolean {
  return !(error instanceof RealiseError && error.problem.code === "dependencies-failed")
}
