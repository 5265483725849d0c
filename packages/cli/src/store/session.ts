/** One run of a command on a store: opening it, telling of problems, and ending in order when somebody presses Ctrl-C. */
import { byteStringOf } from "@tvix-ts/bytes"
import type { Store } from "@tvix-ts/store"
import type { Tool } from "../commands/command.ts"
import { misuse } from "../commands/usage.ts"
import { UsageError } from "../options.ts"
import { colorsWanted, isTerminal, printable, writeError } from "../output.ts"
import { isProblem, problemSentence } from "../problem-sentence.ts"
import { Progress } from "../progress.ts"
import { onInterrupt } from "../signals.ts"
import { storeAddress, type StoreSettings } from "./settings.ts"

export interface Session {
  readonly tool: Tool
  readonly settings: StoreSettings
  /** Aborted by Ctrl-C. Whoever gets its reason thrown cleans up and passes it on. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Opens another store, which is closed when the command ends. */
  open(address: string): Promise<Store>
  /** Tells something that is not the result: to people, on a terminal. */
  note(line: string): void
  /** Tells of a problem that does not end the command. */
  complain(error: unknown): void
  /** Ctrl-C is for somebody else from now on, whom the command only waits for. */
  leaveInterrupts(): void
}

/** Runs `work` with a session; the result is the exit code. `command` is for messages. */
export async function withSession(
  tool: Tool,
  command: string,
  settings: StoreSettings,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const interrupt = onInterrupt()
  const progress = new Progress(settings.quiet)
  const stores: Store[] = []
  const session: Session = {
    tool,
    settings,
    signal: interrupt.signal,
    progress,
    async open(address) {
      const { openStore } = await import("@tvix-ts/store/node")
      const store = await openStore(address)
      stores.push(store)
      return store
    },
    note(line) {
      if (settings.quiet || !isTerminal(2)) return
      progress.clear()
      writeError(`${printable(byteStringOf(line))}\n`)
    },
    complain(error) {
      progress.clear()
      writeError(problemText(error))
    },
    leaveInterrupts: () => interrupt.release(),
  }
  try {
    // Whoever comes to the end all the same has done everything.
    return await work(session)
  } catch (error) {
    progress.clear()
    if (interrupt.exitCode !== undefined) return interrupt.exitCode
    if (error instanceof UsageError) return misuse(tool, error, command)
    writeError(problemText(error))
    return 1
  } finally {
    progress.clear()
    for (const store of stores.reverse()) await store.close()
    interrupt.release()
  }
}

/** {@link withSession} with the store that is asked for, or the user's own. */
export async function withStore(
  tool: Tool,
  command: string,
  settings: StoreSettings,
  work: (store: Store, session: Session) => Promise<number>,
): Promise<number> {
  return withSession(tool, command, settings, async (session) =>
    work(await session.open(storeAddress(settings)), session),
  )
}

/** `error: …` for what the user can do something about. @throws {unknown} what nobody but us can. */
function problemText(error: unknown): string {
  if (!isProblem(error)) throw error
  const label = colorsWanted() ? "\x1b[1;31merror:\x1b[m" : "error:"
  const sentence = byteStringOf(problemSentence(error))
  return `${label} ${isTerminal(2) ? sentence.split("\n").map(printable).join("\n") : sentence}\n`
}
