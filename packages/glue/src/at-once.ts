/** Tasks outside of an evaluation: taken at once as far as there is nothing to wait for. */
import { isPromise, type Awaitable, type Task } from "@tvix-ts/eval"

/** How to ask the world: as a task of the evaluation, or outside of it. */
export type Ask = <T>(question: () => Awaitable<T>) => Task<T>

/** The answer to `question`, waited for if it is a promise. */
export function* wait<T>(question: () => Awaitable<T>): Task<T> {
  const answer = question()
  return isPromise(answer) ? ((yield answer) as T) : answer
}

/** The result of `steps`, which must wait for nothing but promises. */
export function atOnce<T>(steps: Task<T>): Awaitable<T> {
  const { done, value } = steps.next()
  return done === true ? value : finish(steps, value)
}

async function finish<T>(steps: Task<T>, first: unknown): Promise<T> {
  for (let step: IteratorResult<unknown, T> = { done: false, value: first }; ;) {
    if (step.done === true) return step.value
    let answer: unknown
    try {
      answer = await step.value
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(answer)
  }
}
