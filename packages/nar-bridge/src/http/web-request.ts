import type { Context } from "hono"
import { responseOf, type Answer } from "./answer.ts"
import type { CacheRequest, HostBindings, RequestEvent } from "./exchange.ts"

export interface Bindings {
  readonly Bindings: HostBindings
}
export type RequestContext = Context<Bindings>

/** The request of a hono context: as its host has it, or as web standards do. */
export function requestOf({ req, env }: RequestContext): CacheRequest {
  return (
    // There are no bindings where the app is called as it is.
    (env as HostBindings | undefined)?.host ?? {
      method: req.method,
      address: "",
      header: (name) => req.header(name),
      body: () => bodyOf(req.raw),
      signal: req.raw.signal,
    }
  )
}

/** Sends an answer: by the host, or as web standards have it. */
export function deliver(
  { req, env }: RequestContext,
  request: CacheRequest,
  answer: Answer,
  event: Pick<RequestEvent, "route" | "token" | "began">,
): Response {
  const { method, address } = request
  const host = (env as HostBindings | undefined)?.host
  if (host === undefined) return responseOf(answer, method !== "HEAD")
  const userAgent = request.header("user-agent")
  return host.deliver(answer, { ...event, method, path: req.path, address, status: answer.status, userAgent })
}

async function* bodyOf(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = request.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const next = await reader.read()
      if (next.value === undefined) return
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
