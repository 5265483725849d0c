/** What goes wrong in a store, as something that the program meets: placed and traced as whatever is wrong with files. */
import { CastoreError } from "@tvix-ts/castore"
import { IoError, isPromise, type Awaitable } from "@tvix-ts/eval"

/** A path that something refers to, and that is nowhere. */
export class InvalidPath extends IoError {
  constructor(path: string) {
    super(`path '${path}' is not valid`)
  }
}

/** The answer of a store. @throws {IoError} instead of {@link CastoreError} */
export function fromStore<T>(ask: () => Awaitable<T>): Awaitable<T> {
  try {
    const answer = ask()
    return isPromise(answer) ? answer.then(undefined, rethrow) : answer
  } catch (error) {
    return rethrow(error)
  }
}

function rethrow(error: unknown): never {
  throw error instanceof CastoreError ? new IoError(error.message, { cause: error }) : error
}
