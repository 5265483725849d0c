import { untilAborted } from "@tvix-ts/castore"

interface SharedCall<T> {
  readonly result: Promise<T>
  readonly stop: AbortController
  waiting: number
}

/** Calls that are the same are made once: whoever asks while one is under way waits for it. It ends when nobody waits. */
export class SharedCalls<T> {
  readonly #running = new Map<string, SharedCall<T>>()

  /**
   * @param signal ends the waiting of this caller
   * @param call is given the signal that ends it
   */
  async run(key: string, signal: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    let running = this.#running.get(key)
    if (running === undefined) {
      const stop = new AbortController()
      const result = call(stop.signal).finally(() => {
        if (this.#running.get(key)?.stop === stop) this.#running.delete(key)
      })
      // Perhaps nobody is left who waits for it.
      result.catch(() => {})
      running = { result, stop, waiting: 0 }
      this.#running.set(key, running)
    }
    return this.#wait(key, running, signal)
  }

  async #wait(key: string, running: SharedCall<T>, signal: AbortSignal | undefined): Promise<T> {
    running.waiting++
    try {
      return await untilAborted(running.result, signal)
    } finally {
      if (--running.waiting === 0 && signal?.aborted === true) {
        // A caller who comes now gets a call of its own, not one that is ending.
        if (this.#running.get(key) === running) this.#running.delete(key)
        running.stop.abort(signal.reason)
      }
    }
  }
}
