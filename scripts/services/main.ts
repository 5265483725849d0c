/**
 * Starts services for tests, for the time that its standard input is open: `node scripts/services/main.ts s3 postgres`. A
 * line there with the name of one stops it at once and starts it again, and is then answered by the same line. Each
 * has a folder of its own, and is to be reached from this machine only. When all are there, prints one line of JSON:
 *
 *     { "s3": { "endpoint", "bucket", "accessKeyId", "secretAccessKey" }, "postgres": { "address" } }
 *
 * A service that is not installed has only `missing`, which says so; but in CI everything has to be.
 */
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import { startPostgres } from "./postgres.ts"
import { startS3rver } from "./s3rver.ts"

export interface Service {
  /** What others need to know of it. */
  readonly told: object
  /** Whoever was connected is cut off. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** By what they are called on the command line. */
const SERVICES: Readonly<Record<string, () => Promise<Service>>> = { s3: startS3rver, postgres: startPostgres }

async function restarts(): Promise<void> {
  for await (const name of createInterface(process.stdin)) {
    await services.get(name)?.restart()
    process.stdout.write(`${name}\n`)
  }
}

const services = new Map<string, Service>()
let code = 0
try {
  for (const name of process.argv.slice(2)) {
    const start = SERVICES[name]
    if (start === undefined) throw new Error(`'${name}' is none of ${Object.keys(SERVICES).join(", ")}`)
    const service = await start()
    services.set(name, service)
    if ("missing" in service.told && process.env["CI"] === "true") throw new Error(String(service.told.missing))
  }
  const told = [...services].map(([name, service]) => [name, service.told] as const)
  process.stdout.write(`${JSON.stringify(Object.fromEntries(told))}\n`)
  await Promise.race([restarts(), once(process, "SIGTERM"), once(process, "SIGINT")])
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  code = 1
}
for (const service of services.values()) await service.stop()
process.exit(code)
