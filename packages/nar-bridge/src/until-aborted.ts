/** What `result` is, for who waits no longer than until `signal` says so. @throws the signal's reason */
export async function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener("abort", abort)
  try {
    return await Promise.race([result, aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
