/** What every operation of a service takes. */
export interface CallOptions {
  /** Ends the operation with the signal's reason; whatever it was storing is then not stored. */
  readonly signal?: AbortSignal
}

/** What `result` is, for who waits no longer than until `signal` aborts: then the signal's reason is thrown. */
export async function untilAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener("abort", abort)
  if (signal.aborted) abort()
  try {
    return await Promise.race([aborted.promise, result])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
