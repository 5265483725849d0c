/** Services that tests need: scripts/services/main.ts, in a process of its own, which ends when we do. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"

const PROGRAM = join(import.meta.dirname, "../../../../scripts/services/main.ts")

export interface Services {
  readonly s3?: {
    readonly endpoint: string
    readonly bucket: string
    readonly accessKeyId: string
    readonly secretAccessKey: string
  }
  /** `missing` says why there is none. */
  readonly postgres?: { readonly address: string; readonly missing?: undefined } | { readonly missing: string }
  /** Stops one, cutting off whoever is connected, and starts it again. */
  restart(name: "postgres" | "s3"): Promise<void>
  stop(): Promise<void>
}

export async function startServices(...names: readonly ("postgres" | "s3")[]): Promise<Services> {
  const child = spawn(process.execPath, [PROGRAM, ...names], { stdio: ["pipe", "pipe", "inherit"] })
  const exit = once(child, "exit")
  // A process that waits for its tests to be told to stop must not keep them from ending.
  child.unref()
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done === true) throw new Error(`${names.join(" and ")} did not start`)
  const told = JSON.parse(first.value) as Omit<Services, "restart" | "stop">
  return {
    ...told,
    async restart(name) {
      child.stdin.write(`${name}\n`)
      await lines.next()
    },
    async stop() {
      child.ref()
      child.stdin.end()
      await exit
    },
  }
}
