import type { Context } from "hono"
import type { CacheRequest, HostBindings } from "./exchange.ts"

/** The request of a hono context: as its host has it, or as web standards do. */
export function requestOf({ req, env }: Context<{ Bindings: HostBindings }>): CacheRequest {
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
