/** There are not enough bytes yet: begin again when there are more. */
export const NEED_MORE = Symbol("more bytes are needed")

/** Bits of bytes that come bit by bit, the highest of each byte first, and that can be read again from a mark on. */
export class BitWindow {
  #bytes = new Uint8Array(1 << 16)
  #length = 0
  /** Of the byte that is taken next. */
  #at = 0
  /** The low `#count` bits are those that come next. */
  #bits = 0
  #count = 0
  #ended = false
  /** Bits that were asked for behind the end, and are zero. */
  #behind = 0
  #mark = { at: 0, bits: 0, count: 0 }

  /** Bytes that are there, from the mark on. */
  get available(): number {
    return this.#length - this.#mark.at
  }

  /** Whether bits were read that are not there. */
  get overrun(): boolean {
    return this.#behind > this.#count
  }

  /** Whether nothing follows the bits that were read, but the rest of a byte. */
  get exhausted(): boolean {
    return this.#at === this.#length && this.#count < 8
  }

  add(bytes: Uint8Array): void {
    const { at } = this.#mark
    if (this.#length + bytes.length > this.#bytes.length) {
      const kept = this.#bytes.subarray(at, this.#length)
      const needed = kept.length + bytes.length
      const target = needed > this.#bytes.length / 2 ? new Uint8Array(2 * needed) : this.#bytes
      if (target === this.#bytes) target.copyWithin(0, at, this.#length)
      else target.set(kept)
      this.#bytes = target
      this.#length -= at
      this.#at -= at
      this.#mark.at = 0
    }
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** No more bytes come. */
  end(): void {
    this.#ended = true
  }

  /** What was read is done with. */
  mark(): void {
    this.#mark = { at: this.#at, bits: this.#bits, count: this.#count }
  }

  /** Back to the mark. */
  rewind(): void {
    this.#at = this.#mark.at
    this.#bits = this.#mark.bits
    this.#count = this.#mark.count
    this.#behind = 0
  }

  align(): void {
    this.#count -= this.#count % 8
  }

  /** The next `count` bits, 24 at most. @throws {symbol} {@link NEED_MORE} */
  read(count: number): number {
    const value = this.peek(count)
    this.#count -= count
    return value
  }

  skip(count: number): void {
    this.#count -= count
  }

  /** The next `count` bits, which are still to be read. */
  peek(count: number): number {
    while (this.#count < count) this.#take()
    return (this.#bits >>> (this.#count - count)) & ((1 << count) - 1)
  }

  #take(): void {
    let byte = 0
    if (this.#at < this.#length) byte = this.#bytes[this.#at++]!
    else if (this.#ended) this.#behind += 8
    // oxlint-disable-next-line only-throw-error -- no error, and thrown once in hundreds of kilobytes
    else throw NEED_MORE
    this.#bits = (this.#bits << 8) | byte
    this.#count += 8
  }
}
