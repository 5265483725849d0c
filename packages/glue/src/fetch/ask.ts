import type { Evaluation } from "@tvix-ts/eval"
import { Failure, type Task } from "@tvix-ts/eval/builtins"
import type { EvaluationStore } from "../store.ts"
import type { Fetcher } from "./fetcher.ts"
import { FetchError } from "./problem.ts"
import type { UriCheck } from "./uri.ts"

/** What the builtins fetch with. */
export interface Fetching {
  readonly fetcher: Fetcher
  readonly store: EvaluationStore
  /** Of every address. */
  readonly check: UriCheck
}

/** Waits for a fetcher. What goes wrong is the program's problem, with a trace of what was being fetched. */
export function* asked<T>(evaluation: Evaluation, question: () => Promise<T>): Task<T> {
  const outcome = yield* evaluation.ask(() =>
    question().then(
      (value) => ({ value }),
      (error: unknown) => {
        if (error instanceof FetchError) return { error }
        throw error
      },
    ),
  )
  if ("value" in outcome) return outcome.value
  const { message, doing } = outcome.error
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  throw doing.reduce((failure, what) => failure.traced(0, what), new Failure({ code: "io", message }))
}
