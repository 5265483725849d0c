/** `nix-store --realise` */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import type { Realised, RealisePlan, Wanted } from "@tvix-ts/glue/build"
import { RealiseError } from "@tvix-ts/glue/build"
import { DERIVATION_SUFFIX, formatStorePath, parseStorePath, type StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription } from "@tvix-ts/store"
import { formatBytes } from "../amounts.ts"
import { withBuilder, type Builder } from "../build/builder.ts"
import { BuildDisplay } from "../build/display.ts"
import { failuresOf } from "../build/failures.ts"
import { timesFile } from "../build/folders.ts"
import { placeClosure } from "../build/places.ts"
import { fetcherOf } from "../fetching.ts"
import { addLink } from "../gc-links.ts"
import { writeError, writeOut } from "../output.ts"
import { isLocal } from "../store/local-store.ts"
import type { Context, Run } from "./operation.ts"
import { NixStoreError } from "./problem.ts"
import { outputsOf, withOutputs } from "./store-view.ts"

/** A path that is to be there; of a derivation, its outputs. */
export interface Asked {
  readonly path: StorePath
  readonly outputs: readonly string[] | "all"
}

export const realise: Run = async ({ flags, operands }, context) => {
  const asked = operands.map(withOutputs)
  if (flags.includes("--dry-run")) {
    await makingOf(context, async (builder) => printPlan(asked, builder, context))
    return 0
  }
  return make(asked, context, {
    check: flags.includes("--check"),
    async deliver(builder) {
      const made = new Made(builder, context)
      for (const one of asked) await made.tell(one)
    },
  })
}

/** Makes all of them be there, or throws. */
export async function makeAll(asked: readonly Asked[], context: Context): Promise<void> {
  await make(asked, context, { throwing: true })
}

interface MakeOptions {
  readonly check?: boolean
  /** Whether the first failure is thrown, rather than all of them told. */
  readonly throwing?: boolean
  /** What is done if nothing failed. */
  readonly deliver?: (builder: Builder) => Promise<void>
}

async function make(
  asked: readonly Asked[],
  context: Context,
  { check = false, throwing = false, deliver }: MakeOptions,
): Promise<number> {
  return makingOf(context, async (builder, closeDisplay) => {
    for (const { path } of asked) await fetch(path, builder)
    const realised = await builder.realise(await wantedOf(asked, context), check)
    closeDisplay()
    if (throwing) throwFirst(realised)
    const { messages, status } = failuresOf(realised, "nix")
    for (const message of messages) writeError(`error: ${message}\n`)
    if (messages.length === 0) await deliver?.(builder)
    return status
  })
}

function throwFirst({ failures }: Realised): void {
  for (const failure of failures.values()) throw failure
}

/** Runs `work` with a builder for the store. */
async function makingOf<T>(
  context: Context,
  work: (builder: Builder, closeDisplay: () => void) => Promise<T>,
): Promise<T> {
  const { settings, signal } = context
  const view = await context.view()
  const { store } = view
  const { quiet, logs } = settings
  const display = new BuildDisplay({ quiet, logs, format: "text", timesFile: timesFile(store) })
  const fetcher = fetcherOf(settings, () => Promise.resolve(store), {
    onProgress: () => {},
    onWarning(message) {
      display.clear()
      writeError(`warning: ${message}\n`)
    },
  })
  try {
    const readDerivation = (path: string) => view.derivation(parseStorePath(path))
    const { download } = fetcher
    const builderContext = { settings, store, signal, download, readDerivation, onEvent: display.event }
    return await withBuilder(builderContext, (builder) => work(builder, () => display.close()))
  } finally {
    display.close()
    fetcher.close()
  }
}

/** Whatever it is, unless somebody has to build it. */
async function fetch(path: StorePath, builder: Builder): Promise<void> {
  if (await builder.fetch(path)) return
  throw new RealiseError({ code: "path-missing", path: formatStorePath(path) })
}

async function wantedOf(asked: readonly Asked[], context: Context): Promise<readonly Wanted[]> {
  const view = await context.view()
  const wanted = new Map<string, Wanted>()
  for (const { path, outputs } of asked) {
    if (!path.name.endsWith(DERIVATION_SUFFIX)) continue
    const derivation = formatStorePath(path)
    const known = (await view.derivation(path)).outputs
    for (const output of outputs === "all" ? [] : outputs) {
      if (!known.has(output)) throw new NixStoreError({ code: "output-unknown", derivation, output })
    }
    const before = wanted.get(derivation)?.outputs
    if (outputs === "all" || before === "all") wanted.set(derivation, { derivation, outputs: "all" })
    else wanted.set(derivation, { derivation, outputs: new Set([...(before ?? []), ...outputs]) })
  }
  return [...wanted.values()]
}

/** What there is to say of what is there now, and the links to it. */
class Made {
  readonly #builder: Builder
  readonly #context: Context
  #count = 0
  #warned = false

  constructor(builder: Builder, context: Context) {
    this.#builder = builder
    this.#context = context
  }

  async tell({ path, outputs }: Asked): Promise<void> {
    this.#count++
    const lines: string[] = []
    if (path.name.endsWith(DERIVATION_SUFFIX)) {
      const view = await this.#context.view()
      const built = outputsOf(formatStorePath(path), await view.derivation(path))
      for (const output of (outputs === "all" ? [...built.keys()] : [...outputs]).sort()) {
        lines.push(await this.#deliver(built.get(output)!, output === "out" ? "" : `-${textOf(output)}`))
      }
    } else lines.push(await this.#deliver(path, ""))
    if (!this.#context.settings.printPaths) return
    for (const line of [...new Set(lines)].sort()) writeOut(`${line}\n`)
  }

  /** The path or, if there is to be one, the link to it: byte strings. */
  async #deliver(path: StorePath, suffix: string): Promise<string> {
    const { settings, open } = this.#context
    const store = await open()
    const target = await placeClosure(path, store, this.#builder.places)
    const storePath = formatStorePath(path)
    if (settings.root === undefined) {
      this.#warn()
      return storePath
    }
    const link = settings.root + (this.#count === 1 ? "" : `-${this.#count}`) + suffix
    return addLink(link, storePath, byteStringOf(target), isLocal(store) ? store.roots : undefined)
  }

  #warn(): void {
    if (this.#warned || this.#context.settings.quiet) return
    this.#warned = true
    writeError("warning: you did not specify '--add-root'; the result might be removed by the garbage collector\n")
  }
}

/** In C++ Nix's words, to standard error as it does. */
async function printPlan(asked: readonly Asked[], builder: Builder, context: Context): Promise<void> {
  const others = asked.filter(({ path }) => !path.name.endsWith(DERIVATION_SUFFIX))
  const { builds, fetches }: RealisePlan = await builder.plan(
    await wantedOf(asked, context),
    others.map(({ path }) => formatStorePath(path)),
  )
  const lines = (some: readonly string[]): string => some.map((path) => `  ${path}\n`).join("")
  if (builds.length > 0) {
    const what = builds.length === 1 ? "this derivation" : `these ${builds.length} derivations`
    writeError(`${what} will be built:\n${lines(builds)}`)
  }
  if (fetches.length > 0) {
    const what = fetches.length === 1 ? "this path" : `these ${fetches.length} paths`
    const size = formatBytes(fetches.reduce((sum, { narSize }) => sum + narSize, 0))
    const byName = ({ storePath: a }: PathDescription, { storePath: b }: PathDescription): number =>
      a.name === b.name ? Number(a.digest > b.digest) - 0.5 : Number(a.name > b.name) - 0.5
    const paths = [...fetches].sort(byName).map(({ storePath }) => formatStorePath(storePath))
    writeError(`${what} will be fetched (${size} unpacked):\n${lines(paths)}`)
  }
}
