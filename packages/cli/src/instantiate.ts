/** What `tvix instantiate` and `nix-instantiate` do with their programs: find derivations, write them, print where they are. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { Failure, parseSelectionPath, select } from "@tvix-ts/eval"
import { parseStorePath } from "@tvix-ts/nix-compat"
import { drvPathOf, findDerivations, outputNameOf } from "@tvix-ts/glue"
import type { Store } from "@tvix-ts/store"
import type { Roots } from "@tvix-ts/store/node"
import { wordBytes } from "./command-line.ts"
import { evaluationCache } from "./evaluation-cache.ts"
import { writeError, writeOut } from "./output.ts"
import { isLocal } from "./store/local-store.ts"
import { withEvaluation, type EvaluationRun, type RunOptions } from "./run-evaluation.ts"
import { openNamed, type Program, type Session } from "./session.ts"
import type { Settings } from "./settings.ts"

export interface InstantiateSettings extends Settings {
  /** Where to link what is printed from, so that it is not collected. */
  addRoot: string | undefined
  /** What to say once if nothing keeps what is printed from being collected. */
  warning: string | undefined
}

/** A derivation that was evaluated. All texts are byte strings. */
export interface Instantiated {
  /** Where it is in the program, the selection included. */
  readonly attrPath: readonly string[]
  readonly name: string
  readonly drvPath: string
  /** Which output the set stands for. */
  readonly output: string
}

/** Prints the derivations of the programs; the result is the exit code. */
export async function instantiatePrograms(settings: InstantiateSettings, options: RunOptions): Promise<number> {
  let { warning } = settings
  const cache = settings.addRoot === undefined ? evaluationCache("instantiate", settings, options) : undefined
  const known = cache?.find()
  if (known !== undefined && (await areThere(known.written, settings))) {
    if (warning !== undefined && known.output !== "") writeError(warning)
    writeOut(known.output)
    return 0
  }
  return withEvaluation(settings, { ...options, record: cache !== undefined }, async (run) => {
    const roots = await rootsFor(run, settings, options)
    const done: Instantiated[] = []
    const add = (instantiated: Instantiated): void => {
      if (warning !== undefined) {
        run.progress.clear()
        writeError(warning)
        warning = undefined
      }
      done.push(instantiated)
    }
    try {
      for (const program of options.programs) await instantiate(run, settings, program, add)
    } catch (problem) {
      // What comes before the problem is good all the same, unless nobody wants it any more.
      if (run.signal?.aborted !== true) await deliver(run, settings, done, roots)
      throw problem
    }
    const output = await deliver(run, settings, done, roots)
    const written = settings.write ? done.map(({ drvPath }) => drvPath) : []
    cache?.save(run.session.world(), output, written)
  })
}

/** Whether the store that the settings name has these. What they refer to is there if they are. */
async function areThere(paths: readonly string[], settings: Settings): Promise<boolean> {
  if (paths.length === 0) return true
  let store: Store | undefined
  try {
    store = await openNamed(settings)
    const digests = new Set(paths.map((path) => parseStorePath(path).digest))
    return (await store.pathInfos.has(digests)).size === digests.size
  } catch {
    // Whoever writes to it will say what is wrong.
    return false
  } finally {
    await store?.close()
  }
}

/** Tells `add` of the derivations of a program, in order; they are on their way to the store. */
export async function instantiate(
  { session, progress }: EvaluationRun,
  settings: Settings,
  program: Program,
  add: (instantiated: Instantiated) => void,
): Promise<void> {
  const { args } = session
  const root = await session.load(program)
  await session.run(root)
  for (const path of settings.attributes.length === 0 ? [""] : settings.attributes) {
    const selection = wordBytes(path)
    const prefix = parseSelectionPath(selection)
    progress.attribute(prefix)
    const value = await session.run(select(root, selection, args))
    const options = { args, onAttribute: (inner: readonly string[]) => progress.attribute([...prefix, ...inner]) }
    for (const found of await session.run(findDerivations(value, options))) {
      const attrPath = [...prefix, ...found.attrPath]
      progress.attribute(attrPath)
      const drvPath = await session.run(drvPathOf(found))
      const output = await session.run(outputNameOf(found, drvPath))
      add({ attrPath, name: found.name, drvPath, output })
    }
  }
}

/** Where roots are kept, if any are to be: found out before the work is done. */
async function rootsFor(
  { session }: EvaluationRun,
  { addRoot, write }: InstantiateSettings,
  { voice }: RunOptions,
): Promise<Roots | undefined> {
  if (addRoot === undefined || !write) return undefined
  const store = await session.openStore()
  if (isLocal(store)) return store.roots
  // C++ Nix prints store paths then, and keeps nothing.
  if (voice === "nix") return undefined
  const message = "only a local store can keep roots, one at local:///DIR"
  throw new Failure({ code: "invalid-argument", message })
}

/** Prints what can be relied on: all of it is durable by then, and kept if that was asked for. The result is what was printed. */
async function deliver(
  { session, progress }: EvaluationRun,
  { addRoot, output: format, write }: InstantiateSettings,
  done: readonly Instantiated[],
  roots: Roots | undefined,
): Promise<string> {
  await session.store.flush()
  let links: readonly string[] = []
  if (addRoot !== undefined && (roots !== undefined || !write)) {
    const { addLinks } = await import("./gc-links.ts")
    links = addLinks(
      addRoot,
      done.map(({ drvPath }) => drvPath),
      roots,
    )
  }
  progress.clear()
  let printed = ""
  if (format === "json") {
    const records: object[] = []
    for (const [i, each] of done.entries()) records.push(await record(each, links[i], session))
    printed = `${byteStringOf(JSON.stringify(records))}\n`
  } else {
    for (const [i, { drvPath, output }] of done.entries()) {
      printed += `${links[i] ?? drvPath}${output === "out" ? "" : `!${output}`}\n`
    }
  }
  writeOut(printed)
  return printed
}

/** What `--json` prints of a derivation. Its members are those of `tvix eval-jobs`, where these have them. */
async function record(
  { attrPath, name, drvPath, output }: Instantiated,
  link: string | undefined,
  { store }: Session,
): Promise<object> {
  // Whoever makes up a set that says it is a derivation can name any path.
  const derivation = (await store.derivation(drvPath))?.derivation
  const outputs = [...(derivation?.outputs ?? [])]
    .map(([name, output]) => [textOf(name), "path" in output ? textOf(output.path) : null] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    attrPath: attrPath.map(textOf),
    name: textOf(name),
    system: derivation === undefined ? null : textOf(derivation.system),
    drvPath: textOf(drvPath),
    output: textOf(output),
    outputs: derivation === undefined ? null : Object.fromEntries(outputs),
    ...(link !== undefined && { root: textOf(link) }),
  }
}
