/**
 * The least that a server in Node can do: answers GET with what was in the files of a folder when it was started, or, for
 * large ones, with what is in them. Run by main.ts as a program of its own. Prints its port.
 *
 *     node floor.ts DIR
 */
import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import process from "node:process"

const SMALL_MAX = 65_536

const [dir = ""] = process.argv.slice(2)
const files = new Map<string, Buffer | { readonly path: string; readonly size: number }>()
for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
  const path = join(dir, name)
  const found = statSync(path)
  if (found.isFile()) files.set(`/${name}`, found.size <= SMALL_MAX ? readFileSync(path) : { path, size: found.size })
}
const server = createServer((request, response) => {
  const file = files.get(request.url ?? "")
  if (file === undefined) response.writeHead(404).end()
  else if (Buffer.isBuffer(file)) response.writeHead(200, { "Content-Length": file.length }).end(file)
  else {
    response.writeHead(200, { "Content-Length": file.size })
    createReadStream(file.path, { highWaterMark: 2 ** 18 }).pipe(response)
  }
})
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port))
