/** Builds on behalf of a program that looks into what a derivation builds, while it is being evaluated. */
import { byteStringOf } from "@tvix-ts/bytes"
import { IoError, type DerivationOutputName } from "@tvix-ts/eval"
import type { Wanted } from "@tvix-ts/glue/build"
import type { Session } from "../session.ts"
import type { Settings } from "../settings.ts"
import { withBuilder } from "./builder.ts"
import { BuildDisplay } from "./display.ts"
import { failuresOf } from "./failures.ts"
import { timesFile } from "./folders.ts"

/**
 * The store paths of the outputs, which are in the session's store.
 *
 * @throws {IoError} if one of them cannot be built
 */
export async function realiseForProgram(
  session: Session,
  settings: Settings,
  signal: AbortSignal | undefined,
  outputs: readonly DerivationOutputName[],
): Promise<string[]> {
  // What is put into this one counts as added by the evaluation.
  const store = await session.store.trees!()
  const display = new BuildDisplay({
    quiet: settings.quiet,
    logs: false,
    format: "text",
    timesFile: timesFile(store),
  })
  const readDerivation = async (path: string) => (await session.store.derivation(path))?.derivation
  const { download } = session
  const context = { settings, store, signal, download, readDerivation, onEvent: display.event }
  try {
    const wanted = outputs.map(({ derivation, output }): Wanted => ({ derivation, outputs: new Set([output]) }))
    const realised = await withBuilder(context, (builder) => builder.realise(wanted))
    const { messages } = failuresOf(realised, "tvix")
    if (messages.length > 0) throw new IoError(messages.join("\n"))
    return [...realised.outputs.values()].flatMap((paths) => [...paths.values()])
  } catch (error) {
    if (error instanceof IoError || signal?.aborted === true || !(error instanceof Error && "problem" in error))
      throw error
    throw new IoError(byteStringOf(error.message), { cause: error })
  } finally {
    display.close()
  }
}
