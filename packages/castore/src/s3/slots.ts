/** Lets so many at a time go on. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves, when there is a place, to what gives it back; fails with the signal's reason. */
  take(signal?: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal?.removeEventListener("abort", leave)
        let given = false
        resolve(() => {
          if (given) return
          given = true
          const next = this.#waiting.shift()
          if (next === undefined) this.#free++
          else next()
        })
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1)
        reject(signal!.reason)
      }
      if (signal?.aborted === true) reject(signal.reason)
      else if (this.#free > 0) {
        this.#free--
        begin()
      } else {
        this.#waiting.push(begin)
        signal?.addEventListener("abort", leave, { once: true })
      }
    })
  }
}
