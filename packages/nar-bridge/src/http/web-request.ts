import type { Context } from "hono"
import type { CacheRequest, HostBindings } from "./exchange.ts"

/** The request of a hono context: as its host has it, or as web standards do. */
export function requestOf(context: Context<{ Bindings: HostBindings }>): CacheRequest {
  const { req, env } = context
  const { host } = env ?? {}
  return {
    method: req.method,
    address: host?.address ?? "",
    header: (name) => req.header(name),
    body: () => host?.body() ?? bodyOf(req.raw),
    // Asked for by few: it costs something to have one.
    get signal() {
      return host?.signal ?? req.raw.signal
    },
  }
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
