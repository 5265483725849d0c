/**
 * s3rver, told its folder, bucket and port; prints the port. It writes objects where they are, so that whoever reads one
 * meanwhile gets a part of it, which S3 never gives: requests for one object are answered one after the other.
 */
import { once } from "node:events"
import { createRequire } from "node:module"
import process from "node:process"
import type { ServerResponse } from "node:http"

interface Exchange {
  readonly path: string
  readonly res: ServerResponse
}
type Middleware = (exchange: Exchange, next: () => Promise<void>) => Promise<void>
interface S3rver {
  readonly middleware: Middleware[]
  run(): Promise<{ readonly port: number }>
}

const Server = createRequire(import.meta.url)("s3rver") as new (options: object) => S3rver
const [directory = "", bucket = "", port = ""] = process.argv.slice(2)

/** By path: the end of the last request. */
const ends = new Map<string, Promise<unknown>>()
const inTurn: Middleware = async ({ path, res }, next) => {
  const before = ends.get(path)
  const end = once(res, "close")
  ends.set(path, end)
  void end.then(() => ends.get(path) === end && ends.delete(path))
  await before
  await next()
}

const server = new Server({
  address: "127.0.0.1",
  port: Number(port),
  silent: true,
  directory,
  configureBuckets: [{ name: bucket }],
})
server.middleware.unshift(inTurn)
const { port: used } = await server.run()
process.stdout.write(`${used}\n`)
