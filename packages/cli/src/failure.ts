/** Whatever is thrown while a command evaluates, as a failure, which can be told in every voice. */
import { byteStringOf } from "@tvix-ts/bytes"
import { asFailure, describe, Failure } from "@tvix-ts/eval"
import { isProblem, problemSentence } from "./problem-sentence.ts"

/** A problem of the program or of the store; or a bug of ours, told as one and without a JavaScript stack. */
export function failureOf(problem: unknown): Failure {
  if (problem instanceof Error && problem.name === "IoError") {
    return new Failure({ code: "io", message: problem.message })
  }
  if (isProblem(problem)) return new Failure({ code: "io", message: byteStringOf(problemSentence(problem)) })
  const failure = asFailure(problem)
  if (failure.problem.code === "internal" && process.env["TVIX_DEBUG"] !== undefined) throw problem
  return failure
}

/** What there is to say of it in one sentence or a few lines: a byte string. */
export function failureText(problem: unknown): string {
  return describe(failureOf(problem).problem)
}
