/** What the commands of `tvix warm` have in common. */
import { byteStringOf } from "@tvix-ts/bytes"
import { writeError } from "../../output.ts"
import { isProblem, problemSentence } from "../../problem-sentence.ts"
import { warmPlace, type Place } from "../place.ts"

/** The least that any system allows is 103, and there is another name while it is made. */
const SOCKET_BYTES_MAX = 94

/** Runs `work`, and tells what goes wrong; the result is the exit code. */
export async function atPlace(work: (place: Place) => Promise<number>): Promise<number> {
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
