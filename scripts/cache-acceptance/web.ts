/** Servers in this process: of the files of a folder, and of what another server says, changed on the way. */
import { createReadStream, statSync } from "node:fs"
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http"
import type { AddressInfo } from "node:net"
import { join, normalize } from "node:path"

export interface WebServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Paths that were asked for. */
  readonly asked: string[]
  close(): void
}

/** The files of a folder, and nothing more than any static server does. */
export function serveFolder(dir: string): Promise<WebServer> {
  return listen((request, response) => {
    const path = join(dir, normalize(decodeURIComponent(new URL(request.url ?? "", "http://x").pathname)))
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile() !== true) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { "content-length": found.size })
    if (request.method === "HEAD") response.end()
    else createReadStream(path).pipe(response)
  })
}

/** What becomes of a whole body. */
export type Alteration = (path: string, body: Buffer) => Buffer

export interface Alterations {
  readonly request?: Alteration
  readonly response?: Alteration
  /** Called when half of an answer is on its way; the rest waits until it has happened. */
  readonly halfway?: (path: string) => Promise<void> | undefined
}

/** What is between a client and a server, and changes what it likes. */
export function tamper(target: string, alterations: Alterations): Promise<WebServer> {
  const { hostname, port } = new URL(target)
  const passOn = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { url: path = "/", method = "GET" } = incoming
    const body = await whole(incoming)
    const sent = alterations.request?.(path, body) ?? body
    const headers = withLength(incoming.headers, sent.length, method !== "GET" && method !== "HEAD")
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ hostname, port, path, method, headers }, resolve).on("error", reject).end(sent)
    })
    const answered = await whole(answer)
    const altered = alterations.response?.(path, answered) ?? answered
    const kept = method === "HEAD" ? answer.headers : withLength(answer.headers, altered.length, true)
    response.writeHead(answer.statusCode ?? 502, kept)
    const half = altered.length >> 1
    if (method === "GET" && half > 0 && alterations.halfway !== undefined) {
      response.write(altered.subarray(0, half))
      await alterations.halfway(path)
      response.end(altered.subarray(half))
    } else response.end(altered)
  }
  return listen((incoming, response) => {
    passOn(incoming, response).catch(() => response.destroy())
  })
}

function withLength(headers: IncomingHttpHeaders, length: number, hasBody: boolean): IncomingHttpHeaders {
  const { "transfer-encoding": _, "content-length": __, ...others } = headers
  return hasBody ? { ...others, "content-length": String(length) } : others
}

async function whole(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

async function listen(listener: RequestListener): Promise<WebServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? "")
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
