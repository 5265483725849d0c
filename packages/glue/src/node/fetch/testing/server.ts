/** A web server on this machine, for tests. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface TestServer {
  /** With no slash at the end. */
  readonly url: string
  /** What was asked so far: `/path`. */
  readonly asked: string[]
  readonly requests: IncomingMessage[]
  close(): Promise<void>
}

export type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => void

/** Answers by path; others do not exist. `nth` counts the requests for one path from 1. */
export async function testServer(answers: Readonly<Record<string, Answer>>): Promise<TestServer> {
  const asked: string[] = []
  const requests: IncomingMessage[] = []
  const listener: RequestListener = (request, response) => {
    const path = request.url!
    asked.push(path)
    requests.push(request)
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined
    if (answer === undefined) response.writeHead(404).end("not here")
    else answer(request, response, asked.filter((one) => one === path).length)
  }
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** An answer with a tag, by which whoever has it already is told so. */
export function tagged(body: string | Uint8Array, etag = '"v1"'): Answer {
  return (request, response) => {
    if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end()
    else response.writeHead(200, { etag }).end(body)
  }
}
