/** Bytes that were handed to grpc-js and are not on the wire yet. It would take any number of them. */
export class Backlog {
  readonly #bytesMax: number
  #bytes = 0
  #over = false
  #wake: (() => void) | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get tooMuch(): boolean {
    return this.#bytes > this.#bytesMax && !this.#over
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    this.#wake?.()
  }

  /** Nothing will be sent any more: nobody has to wait. */
  end(): void {
    this.#over = true
    this.#wake?.()
  }

  /** Waits until half of it is gone, so that the wire is not idle while the writer wakes up; or until the end. */
  async drained(): Promise<void> {
    while (this.#bytes > this.#bytesMax / 2 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
