/** What `tvix build` and `nix-build` do with their programs: derivations, what they build, and links to it. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { problemRecord } from "@tvix-ts/eval"
import type { Realised, RealisePlan, Wanted } from "@tvix-ts/glue/build"
import { formatStorePath, parseStorePath } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import { formatBytes, formatCount } from "../amounts.ts"
import { addLink } from "../gc-links.ts"
import { instantiate, type Instantiated } from "../instantiate.ts"
import { writeError, writeOut } from "../output.ts"
import { withEvaluation, type EvaluationRun, type RunOptions } from "../run-evaluation.ts"
import type { Settings } from "../settings.ts"
import { isLocal } from "../store/local-store.ts"
import { withBuilder, type Builder } from "./builder.ts"
import { BuildDisplay } from "./display.ts"
import { failuresOf } from "./failures.ts"
import { timesFile } from "./folders.ts"
import { placeClosure } from "./places.ts"

export interface BuildCommandSettings extends Settings {
  /** Where to link what is built from. */
  outLink: string | undefined
  printPaths: boolean
  /** Whether what builders say is shown as it comes. */
  logs: boolean
  /** How it is told what happens. */
  logFormat: "text" | "json"
  /** Says what would be done, and does not. */
  dryRun: boolean
  /** Whether what is there is built again, and compared. */
  check: boolean
}

/** What was asked for and is there now. */
export interface BuiltOutput {
  readonly of: Instantiated
  /** A byte string. */
  readonly storePath: string
}

/** Takes what was built, while the store is still open. */
export type Deliver = (built: readonly BuiltOutput[], store: Store, builder: Builder) => Promise<void>

/**
 * Builds the derivations of the programs; the result is the exit code.
 *
 * @param check throws if what was found is not what is wanted: before anything is built
 */
export async function buildPrograms(
  settings: BuildCommandSettings,
  options: RunOptions,
  deliver: Deliver = (built, store, builder) => link(settings, built, store, builder),
  check: (found: readonly Instantiated[]) => void = () => {},
): Promise<number> {
  let status = 0
  const code = await withEvaluation(settings, options, async (run) => {
    const found: Instantiated[] = []
    for (const program of options.programs) await instantiate(run, settings, program, (one) => void found.push(one))
    await run.session.store.flush()
    run.progress.clear()
    check(found)
    status = await buildFound(run, settings, found, options, deliver)
  })
  return code === 0 ? status : code
}

async function buildFound(
  { session, signal }: EvaluationRun,
  settings: BuildCommandSettings,
  found: readonly Instantiated[],
  { voice }: RunOptions,
  deliver: Deliver,
): Promise<number> {
  const store = await session.openStore()
  const { quiet, logs, logFormat: format } = settings
  const display = new BuildDisplay({ quiet, logs, format, timesFile: timesFile(store) })
  const { download } = session
  const readDerivation = async (path: string) => (await session.store.derivation(path))?.derivation
  try {
    const context = { settings, store, signal, download, readDerivation, onEvent: display.event }
    return await withBuilder(context, async (builder) => {
      const wanted = wantedOf(found)
      if (settings.dryRun) {
        printPlan(await builder.plan(wanted), settings)
        return 0
      }
      const realised = await builder.realise(wanted, settings.check)
      display.close()
      await deliver(builtOf(found, realised), store, builder)
      const { problems, messages, status } = failuresOf(realised, voice)
      if (settings.errorFormat === "json") {
        const { positions, globals } = session.evaluation
        const records = problems.map((problem) => problemRecord(problem, positions, globals))
        for (const record of records) writeError(`${byteStringOf(JSON.stringify(record))}\n`)
      } else for (const message of messages) writeError(`error: ${message}\n`)
      return status
    })
  } finally {
    display.close()
  }
}

function printPlan({ builds, fetches }: RealisePlan, { output: format }: BuildCommandSettings): void {
  const paths = fetches.map(({ storePath }) => formatStorePath(storePath))
  if (format === "json") {
    const fetch = fetches.map(({ narSize }, i) => ({ path: textOf(paths[i]!), narSize }))
    writeOut(`${byteStringOf(JSON.stringify({ build: builds.map(textOf), fetch }))}\n`)
    return
  }
  const lines = (some: readonly string[]): string => some.map((path) => `  ${path}\n`).join("")
  if (builds.length > 0) {
    writeOut(`${formatCount(builds.length, "derivation")} would be built:\n${lines(builds)}`)
  }
  if (fetches.length > 0) {
    const bytes = formatBytes(fetches.reduce((sum, { narSize }) => sum + narSize, 0))
    writeOut(`${formatCount(fetches.length, "path")} would be fetched (${bytes} unpacked):\n${lines(paths)}`)
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

function builtOf(found: readonly Instantiated[], { outputs }: Realised): BuiltOutput[] {
  return found.flatMap((of) => {
    const storePath = outputs.get(of.drvPath)?.get(of.output)
    return storePath === undefined ? [] : [{ of, storePath }]
  })
}

/** Puts what was built where it can be used, links to it, and prints where it is. */
async function link(
  { outLink, printPaths, output: format }: BuildCommandSettings,
  built: readonly BuiltOutput[],
  store: Store,
  { places }: Builder,
): Promise<void> {
  const roots = isLocal(store) ? store.roots : undefined
  // Only who is told where they are gets to files that are not where the paths say.
  const wantsFiles = places.areReal || outLink !== undefined || format === "json"
  const records: object[] = []
  let count = 0
  for (const { of, storePath } of built) {
    const { attrPath, name, drvPath, output } = of
    const target = wantsFiles ? await placeClosure(parseStorePath(storePath), store, places) : storePath
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
