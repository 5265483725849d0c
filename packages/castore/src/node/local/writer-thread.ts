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

/** One request after the other, though some wait for the disk. */
function serve(intake: Intake): void {
  let last = Promise.resolve()
  port.on("message", (request: Request) => {
    last = last.then(() => act(intake, request)).catch(stop)
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
