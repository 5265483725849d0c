/** Contents of objects, one after the other, from one git for all of them. */
import { byteStringFrom } from "@tvix-ts/bytes"
import { FetchError } from "../../../fetch/problem.ts"
import { noGit, start, type GitOptions, type GitProcess } from "./command.ts"

const LINE_MAX = 1024

/** The objects asked for, in that order: `ID blob SIZE\n`, the bytes, `\n` (git-cat-file(1), --batch). */
export class BlobFeed {
  private readonly child: GitProcess
  private readonly pieces: AsyncIterator<Uint8Array>
  /** Asked for before it is wanted: Node throws away what nobody reads of a process that has ended. */
  private ahead: Promise<IteratorResult<Uint8Array>>
  private rest: Uint8Array = new Uint8Array(0)
  private failure: Error | undefined

  constructor(repository: readonly string[], ids: readonly string[], options: GitOptions) {
    this.child = start([...repository, "cat-file", "--batch", "--buffer"], options)
    this.child.on("error", (error) => (this.failure = error))
    this.child.stdin.on("error", () => undefined)
    this.child.stderr.resume()
    this.child.stdin.end(ids.map((id) => `${id}\n`).join(""))
    this.pieces = this.child.stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    this.ahead = this.pieces.next()
    // Whoever waits for it is told.
    this.ahead.catch(() => undefined)
  }

  close(): void {
    this.child.kill()
    this.child.stdout.destroy()
  }

  /** The size of the next object, whose bytes have to be read next. */
  async next(): Promise<number> {
    let line = ""
    for (;;) {
      const end = this.rest.indexOf(0x0a)
      if (end >= 0) {
        line += byteStringFrom(this.rest.subarray(0, end))
        this.rest = this.rest.subarray(end + 1)
        break
      }
      line += byteStringFrom(this.rest)
      if (line.length > LINE_MAX || !(await this.more())) throw this.broken()
    }
    const size = /^[0-9a-f]+ blob ([0-9]+)$/.exec(line)?.[1]
    if (size === undefined) throw new FetchError({ code: "git", message: `getting Git object: ${line}` })
    return Number(size)
  }

  /** Hands over the bytes of the object, and waits where `take` asks for it. */
  async read(size: number, take: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    for (let left = size; left > 0;) {
      if (this.rest.length === 0 && !(await this.more())) throw this.broken()
      const piece = this.rest.subarray(0, left)
      this.rest = this.rest.subarray(piece.length)
      left -= piece.length
      const waiting = take(piece)
      if (waiting !== undefined) await waiting
    }
    if (this.rest.length === 0 && !(await this.more())) throw this.broken()
    this.rest = this.rest.subarray(1)
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.ahead
    if (done === true) return false
    this.ahead = this.pieces.next()
    this.ahead.catch(() => undefined)
    this.rest = value
    return true
  }

  private broken(): FetchError {
    if (this.failure !== undefined) return noGit(this.failure)
    return new FetchError({ code: "git", message: "git stopped in the middle of an object" })
  }
}
