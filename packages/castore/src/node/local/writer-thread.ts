/** The thread that writes: one for each castore that is open for writing. See intake.ts. */
import { parentPort, workerData } from "node:worker_threads"
import { CastoreError } from "../../problem.ts"
import { storageError } from "./failure.ts"
import { Intake } from "./intake.ts"
import type { Reply, Request, WriterOptions } from "./protocol.ts"

const port = parentPort!
const options = workerData as WriterOptions

function answer(reply: Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer)
}

async function act(intake: Intake, request: Request): Promise<void> {
  switch (request.type) {
    case "segment": {
      const reply = await intake.segment(request)
      answer(reply, [reply.digests.buffer as ArrayBuffer])
      return
    }
    case "renew":
      intake.renew(request.graceMs)
      answer({ type: "since", since: intake.writer.since })
      return
    case "close":
      await intake.close()
      answer({ type: "closed" })
      port.close()
  }
}

/** How long nobody has written when the pack is let go. */
const REST_MS = 1000

/** One request after the other, though some wait for the disk. */
function serve(intake: Intake): void {
  let last = Promise.resolve()
  let resting: NodeJS.Timeout | undefined
  const next = (what: () => Promise<void>): void => {
    last = last.then(what).catch(stop)
  }
  port.on("message", (request: Request) => {
    clearTimeout(resting)
    next(() => act(intake, request))
    if (request.type === "segment") resting = setTimeout(() => next(() => intake.rest()), REST_MS)
  })
}

function stop(error: unknown): void {
  const known = storageError(error, options.dir)
  const problem =
    known instanceof CastoreError ? known.problem : { code: "unavailable" as const, reason: String(error) }
  answer({ type: "broken", problem })
  port.close()
}

try {
  const intake = new Intake(options)
  answer({ type: "since", since: intake.writer.since })
  serve(intake)
} catch (error) {
  stop(error)
}
