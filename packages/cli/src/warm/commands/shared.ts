/** What the commands of `tvix warm` have in common. */
import { byteStringOf } from "@tvix-ts/bytes"
import type { Tool } from "../../commands/command.ts"
import { misuse, readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeError } from "../../output.ts"
import { isProblem, problemSentence } from "../../problem-sentence.ts"
import { warmPlace, type Place } from "../place.ts"

interface WarmCommand<Settings> {
  readonly tool: Tool
  readonly name: string
  readonly words: readonly string[]
  readonly options: readonly Option<Settings>[]
  readonly settings: Settings
}

/** The least that any system allows is 103, and there is another name while it is made. */
const SOCKET_BYTES_MAX = 94

/** Reads the words of a command into `settings`, runs `work`, and tells what goes wrong; the result is the exit code. */
export async function atPlace<Settings>(
  { tool, name, words, options, settings }: WarmCommand<Settings>,
  work: (place: Place) => Promise<number>,
): Promise<number> {
  const operands = await readOptions(tool, name, words, options, settings)
  if (typeof operands === "number") return operands
  if (operands.length > 0) return misuse(tool, new UsageError(`nothing to do with '${operands[0]}'`), name)
  const place = warmPlace()
  try {
    if (place === undefined) throw new Error("this system has no sockets in folders")
    if (Buffer.byteLength(place.socket) > SOCKET_BYTES_MAX) {
      throw new Error(`the path of the socket is too long, ${place.socket}: give $XDG_RUNTIME_DIR a shorter one`)
    }
    return await work(place)
  } catch (error) {
    const sentence = isProblem(error) ? problemSentence(error) : error instanceof Error ? error.message : String(error)
    writeError(byteStringOf(`error: ${sentence}\n`))
    return 1
  }
}
