import { byteStringOf } from "@tvix-ts/bytes"
import { Hono } from "hono"
import { textAnswer, type Answer } from "./http/answer.ts"
import { deliver, requestOf, type Bindings, type RequestContext } from "./http/web-request.ts"
import { refuse } from "./problem.ts"

/** Figures, in Prometheus' format. */
export type Metrics = () => Promise<{ readonly type: string; readonly text: string }>

/** @throws {CacheError} `not-found` where there are none */
export async function metricsAnswer(metrics: Metrics | undefined): Promise<Answer> {
  if (metrics === undefined) return refuse({ code: "not-found", what: "metrics" })
  const { type, text } = await metrics()
  return { status: 200, headers: { "Content-Type": type, "Cache-Control": "no-store" }, body: byteStringOf(text) }
}

/** `/metrics` alone, for an address that is not everybody's: how large a store is, and what it is used for, may be nobody's business. */
export function metricsApp(metrics: Metrics): Hono<Bindings> {
  const app = new Hono<Bindings>()
  const answering =
    (route: string, answer: () => Answer | Promise<Answer>) =>
    async (context: RequestContext): Promise<Response> => {
      const began = performance.now()
      return deliver(context, requestOf(context), await answer(), { route, token: undefined, began })
    }
  app.get(
    "/metrics",
    answering("metrics", () => metricsAnswer(metrics)),
  )
  app.notFound(answering("other", () => textAnswer(404, "there is only /metrics here")))
  return app
}
