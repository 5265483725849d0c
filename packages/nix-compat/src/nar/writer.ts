import { nameProblem, targetProblem } from "./name.ts"
import { NarError, type NarProblem } from "./problem.ts"
import type { NarSink } from "./sink.ts"
import { DIRECTORY, END, ENTRY, ENTRY_NODE, EXECUTABLE, FILE, MAGIC, paddingOf, runOf, SYMLINK } from "./words.ts"

/** Bytes gathered before the output is called. */
const BUFFER_LENGTH = 65_536
/** Contents in pieces of this length and more go to the output as they are: calling it costs less than copying them. */
const DIRECT_LENGTH = 16_384

const MAGIC_RUN = runOf(MAGIC)
const FILE_RUN = runOf(FILE)
const EXECUTABLE_RUN = runOf(EXECUTABLE)
const SYMLINK_RUN = runOf(SYMLINK)
const DIRECTORY_RUN = runOf(DIRECTORY)
const ENTRY_RUN = runOf(ENTRY)
const ENTRY_NODE_RUN = runOf(ENTRY_NODE)
const END_RUN = runOf(END)
/** Of a node, and of the entry that it was. */
const ENDS_RUN = runOf([...END, ...END])

/** A buffer that nobody uses. */
let free: Uint8Array<ArrayBuffer> | undefined
function takeBuffer(): Uint8Array<ArrayBuffer> {
  const buffer = free ?? new Uint8Array(BUFFER_LENGTH)
  free = undefined
  return buffer
}

/** What may be called next. */
type Next = "node" | "entry" | "contents" | "nothing"

/**
 * Takes a tree node by node and gives the archive of it, in pieces, to `output`.
 *
 * When the root ends, what is left in the buffer goes to the output. Whoever has an output that returns promises then
 * awaits {@link end}.
 */
export class NarWriter implements NarSink {
  readonly #output: (bytes: Uint8Array) => void | Promise<void>
  #buffer = takeBuffer()
  /** Another one, that the output is done with. */
  #spare: Uint8Array<ArrayBuffer> | undefined
  #used = 0
  /** Bytes that went to the output. */
  #given = 0
  #next: Next = "node"
  /** Bytes of the file, and how many of them are still to come. */
  #size = 0
  #missing = 0
  /** The name last written in each directory that is open. */
  readonly #open: string[] = []
  /** What the output is busy with: everything it was given, in order. */
  #waiting: Promise<void> | undefined

  /**
   * @param output takes the next piece, which it may keep only until it returns, or until the promise that it returns is
   *   fulfilled; until then it is not called again
   */
  constructor(output: (bytes: Uint8Array) => void | Promise<void>) {
    this.#output = output
    this.#run(MAGIC_RUN)
  }

  /** @throws {NarError} as everything here does if it is not what comes next, or cannot be in an archive */
  file(size: number, executable: boolean): void {
    this.#expect("node", "file")
    if (!Number.isSafeInteger(size) || size < 0) {
      this.#refuse({ code: "file-too-large", size, sizeMax: Number.MAX_SAFE_INTEGER })
    }
    this.#run(executable ? EXECUTABLE_RUN : FILE_RUN)
    this.#length(size)
    this.#size = size
    this.#missing = size
    if (size > 0) this.#next = "contents"
    else this.#endNode()
  }

  contents(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length === 0) return undefined
    this.#expect("contents", "contents")
    if (bytes.length > this.#missing) this.#refuse({ code: "contents-too-long", size: this.#size })
    this.#missing -= bytes.length
    if (bytes.length >= DIRECT_LENGTH) {
      this.#flush()
      this.#give(bytes)
    } else {
      if (bytes.length > BUFFER_LENGTH - this.#used) this.#flush()
      this.#buffer.set(bytes, this.#used)
      this.#used += bytes.length
    }
    if (this.#missing === 0) {
      this.#pad(this.#size)
      this.#endNode()
    }
    return this.#waiting
  }

  /**
   * Goes on behind the contents of the file, in place of {@link contents}: they are somebody else's to put between what the
   * output was given when `here` is called and what it is given afterwards.
   */
  skipContents(here: () => void): void {
    if (this.#missing === 0) return
    this.#expect("contents", "skipContents")
    this.#flush()
    here()
    this.#given += this.#missing
    this.#missing = 0
    this.#pad(this.#size)
    this.#endNode()
  }

  symlink(target: string): void {
    this.#expect("node", "symlink")
    const problem = targetProblem(target)
    if (problem !== undefined) this.#refuse(problem)
    this.#run(SYMLINK_RUN)
    this.#string(target)
    this.#endNode()
  }

  directory(): void {
    this.#expect("node", "directory")
    this.#run(DIRECTORY_RUN)
    this.#open.push("")
    this.#next = "entry"
  }

  entry(name: string): void {
    this.#expect("entry", "entry")
    const last = this.#open.length - 1
    const problem = nameProblem(name, this.#open[last]!)
    if (problem !== undefined) this.#refuse(problem)
    this.#open[last] = name
    this.#run(ENTRY_RUN)
    this.#string(name)
    this.#run(ENTRY_NODE_RUN)
    this.#next = "node"
  }

  endDirectory(): void {
    this.#expect("entry", "endDirectory")
    this.#open.pop()
    this.#endNode()
  }

  /**
   * Says that the tree is complete. A promise is fulfilled when the output has taken everything.
   *
   * @throws {NarError} if it is not
   */
  end(): void | Promise<void> {
    if (this.#next !== "nothing") this.#refuse({ code: "truncated" })
    return this.#waiting
  }

  #endNode(): void {
    if (this.#open.length > 0) {
      this.#run(ENDS_RUN)
      this.#next = "entry"
    } else {
      this.#run(END_RUN)
      this.#flush()
      this.#next = "nothing"
      // Whoever writes many small archives needs one buffer.
      if (this.#waiting === undefined) free = this.#buffer
    }
  }

  #run(run: Uint8Array): void {
    if (run.length > BUFFER_LENGTH - this.#used) this.#flush()
    const buffer = this.#buffer
    let at = this.#used
    for (let i = 0; i < run.length; i++) buffer[at++] = run[i]!
    this.#used = at
  }
  #string(text: string): void {
    this.#length(text.length)
    if (text.length > BUFFER_LENGTH - this.#used) this.#flush()
    const buffer = this.#buffer
    let at = this.#used
    for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i)
    this.#used = at
    this.#pad(text.length)
  }
  #length(length: number): void {
    if (this.#used + 8 > BUFFER_LENGTH) this.#flush()
    const buffer = this.#buffer
    let at = this.#used
    for (let i = 0, rest = length; i < 8; i++) {
      buffer[at++] = rest & 255
      rest = rest > 255 ? Math.floor(rest / 256) : 0
    }
    this.#used = at
  }
  #pad(length: number): void {
    if (this.#used + 8 > BUFFER_LENGTH) this.#flush()
    // The buffer is used again and again.
    for (let rest = paddingOf(length); rest > 0; rest--) this.#buffer[this.#used++] = 0
  }

  #flush(): void {
    if (this.#used === 0) return
    const buffer = this.#buffer
    const bytes = buffer.subarray(0, this.#used)
    this.#used = 0
    this.#give(bytes)
    if (this.#waiting === undefined) return
    // The output has not finished with this one yet.
    this.#buffer = this.#spare ?? new Uint8Array(BUFFER_LENGTH)
    this.#spare = undefined
    this.#waiting.then(
      () => void (this.#spare = buffer),
      () => {},
    )
  }
  #give(bytes: Uint8Array): void {
    this.#given += bytes.length
    const before = this.#waiting
    const taken = before === undefined ? this.#output(bytes) : before.then(() => this.#output(bytes))
    if (taken === undefined) return
    const waiting: Promise<void> = taken.then(() => this.#taken(waiting))
    // Whoever waits gets the error; that nobody does yet is no reason to end the process.
    waiting.catch(() => {})
    this.#waiting = waiting
  }
  #taken(waiting: Promise<void>): void {
    if (this.#waiting === waiting) this.#waiting = undefined
  }

  #expect(next: Next, call: string): void {
    if (this.#next !== next) this.#refuse({ code: "call", call })
  }
  #refuse(problem: NarProblem): never {
    throw new NarError(problem, this.#given + this.#used)
  }
}
