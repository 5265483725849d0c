import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"

/** By path. */
export type Answers = Readonly<Record<string, readonly [type: string, body: string | Uint8Array]>>

const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'"
const WASM_POLICY = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")

/** A server on a free port. Its policy forbids `eval`, and WebAssembly except where the query is `?wasm`. */
export async function serve(answers: Answers): Promise<{ readonly base: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "", "http://localhost")
    const answer = answers[pathname]
    response.writeHead(answer ? 200 : 404, {
      "content-type": answer?.[0] ?? "text/plain",
      "content-security-policy": search === "?wasm" ? WASM_POLICY : POLICY,
    })
    response.end(answer?.[1])
  })
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve))
  return { base: `http://localhost:${(server.address() as AddressInfo).port}`, server }
}
