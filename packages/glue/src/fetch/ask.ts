import type { Evaluation } from "@tvix-ts/eval"
import { asFailure, fail, type Task } from "@tvix-ts/eval/builtins"
import { FetchError } from "./problem.ts"

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
  const { error } = outcome
  try {
    return fail({ code: "io", message: error.message })
  } catch (problem) {
    let failure = asFailure(problem)
    for (const doing of error.doing) failure = failure.traced(0, doing)
    throw failure
  }
}
