/**
 * How a command ends, whatever happens in it. Entry files do not await it: bundles are CommonJS, which has no top-level
 * `await`.
 */
import { byteStringOf } from "@tvix-ts/bytes"
import { Declined } from "./caller.ts"
import { exactWords } from "./command-line.ts"
import { writeError } from "./output.ts"
import { isProblem, problemSentence } from "./problem-sentence.ts"

/** Runs `main` with the command line's words and leaves with its exit code. */
export async function runMain(main: (words: readonly string[]) => Promise<number>): Promise<never> {
  // Node ends a process that waits for what never comes, as if all were well. Whatever ends in order does not come here.
  process.once("beforeExit", () => {
    process.exitCode = 1
    writeError("error: internal error: the command waits for what never comes\n")
  })
  return process.exit(await exitCodeOf(async () => main(exactWords(process.argv.slice(2)))))
}

/** The exit code of a command. A bug of ours is told in a line. @throws {Declined} */
export async function exitCodeOf(command: () => Promise<number>): Promise<number> {
  try {
    return await command()
  } catch (error) {
    if (error instanceof Declined || process.env["TVIX_DEBUG"] !== undefined) throw error
    const sentence = isProblem(error)
      ? problemSentence(error)
      : `internal error: ${String(error)} (set TVIX_DEBUG to see where)`
    writeError(byteStringOf(`error: ${sentence}\n`))
    return 1
  }
}
