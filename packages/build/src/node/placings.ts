import type { CallOptions } from "@tvix-ts/castore"

/** Makes what is wanted at several places at the same time once. */
export class Placings {
  readonly #running = new Map<string, Promise<string>>()

  /**
   * @param found where it is, if it is there
   * @param make makes it and says where it is
   */
  async place(
    key: string,
    { signal }: CallOptions,
    found: () => string | undefined,
    make: () => Promise<string>,
  ): Promise<string> {
    // Others' signals end their waiting, not our work: who waits for somebody who gave up begins anew.
    for (;;) {
      signal?.throwIfAborted()
      const running = this.#running.get(key)
      if (running === undefined) break
      await running.catch(() => undefined)
    }
    const there = found()
    if (there !== undefined) return there
    const making = make().finally(() => this.#running.delete(key))
    this.#running.set(key, making)
    return making
  }

  /** Waits for what is being made. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }
}
