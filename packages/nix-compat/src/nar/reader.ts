import { byteStringFrom } from "@tvix-ts/bytes"
import { nameLengthProblem, nameProblem, TARGET_LENGTH_MAX, targetLengthProblem, targetProblem } from "./name.ts"
import { NarError, type NarProblem } from "./problem.ts"
import type { NarSink } from "./sink.ts"
import {
  DIRECTORY,
  END,
  ENTRY,
  ENTRY_NODE,
  EXECUTABLE,
  FILE,
  MAGIC,
  paddingOf,
  runOf,
  stringLength,
  SYMLINK,
} from "./words.ts"

export interface NarReaderOptions {
  /** Bytes that the archive may have; 2^53 - 1 unless told. A file that says it has more is refused before it is read. */
  readonly sizeMax?: number
  /** Whether something else may follow the archive. It is not looked at; {@link NarReader.rest} says how much of it there was. */
  readonly isFollowed?: boolean
}

/** What a run of words ends in. */
type After = "file" | "executable" | "symlink" | "directory" | "name" | "endDirectory" | "nothing"

interface Run {
  readonly words: readonly string[]
  readonly bytes: Uint8Array
  readonly after: After
}

/** Runs of which one follows; none begins with another. The usual one comes first. */
type Choice = readonly [usual: Run, ...others: Run[]]
const run = (words: readonly string[], after: After): Run => ({ words, bytes: runOf(words), after })
const node = (before: readonly string[]): Choice => [
  run([...before, ...FILE], "file"),
  run([...before, ...EXECUTABLE], "executable"),
  run([...before, ...SYMLINK], "symlink"),
  run([...before, ...DIRECTORY], "directory"),
]
const ROOT = node(MAGIC)
const NODE = node(ENTRY_NODE)
/** After a file or a symbolic link. */
const END_ROOT: Choice = [run(END, "nothing")]
const END_NODE: Choice = [run([...END, ...END, ...ENTRY], "name"), run([...END, ...END, ...END], "endDirectory")]
/** After "directory", and after the end of a directory. */
const FIRST_ENTRY: Choice = [run(ENTRY, "name"), run(END, "endDirectory")]
const NEXT_ENTRY: Choice = [run([...END, ...ENTRY], "name"), run([...END, ...END], "endDirectory")]

/** What the reader is in the midst of. `NAME` and `TARGET` are a string without its length. */
const WORDS = 0
const NAME_LENGTH = 1
const NAME = 2
const TARGET_LENGTH = 3
const TARGET = 4
const SIZE = 5
const CONTENTS = 6
const PADDING = 7
const NOTHING = 8

/**
 * Reads an archive that comes in pieces, of any lengths, and calls `sink` for what is in it. Everything the format says
 * is checked: an archive that is read to its {@link end} is the one that {@link NarWriter} makes of the tree.
 *
 * Contents are handed on as views of what is written; nothing is kept but names and targets.
 */
export class NarReader {
  readonly #sink: NarSink
  readonly #sizeMax: number
  readonly #isFollowed: boolean
  /** Where in the archive the piece begins. */
  #base = 0
  #state = WORDS
  #choice = ROOT
  /** What was there so far is the beginning of. */
  #run = ROOT[0]
  /** Bytes of the run that were there. */
  #matched = 0
  /** The name last read in each directory that is open. */
  readonly #open: string[] = []
  #executable = false
  /** Of the string or file. */
  #length = 0
  /** Bytes of contents or padding that are still to come. */
  #missing = 0
  /** A length, name or target that is not all in one piece. */
  readonly #kept = new Uint8Array(TARGET_LENGTH_MAX + 1)
  #keptLength = 0
  /** Where a {@link #read} that has to wait goes on. */
  #at = 0
  #busy = false
  #rest = 0

  constructor(sink: NarSink, options: NarReaderOptions = {}) {
    this.#sink = sink
    this.#sizeMax = Math.min(options.sizeMax ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    this.#isFollowed = options.isFollowed ?? false
  }

  /** Bytes at the end of the last piece that are not the archive's; undefined as long as that has not ended. */
  get rest(): number | undefined {
    return this.#state === NOTHING ? this.#rest : undefined
  }

  /**
   * Reads the next piece. If it gives a promise, the sink asked to wait: the piece must stay as it is, and nothing more
   * be written, until that is fulfilled.
   *
   * @throws {NarError} after which, as after any error of the sink, the reader takes nothing more
   */
  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#busy) throw new Error("the reader failed, or has not yet finished with the piece before")
    this.#busy = true
    this.#at = 0
    const waiting = this.#read(bytes)
    if (waiting !== undefined) return this.#goOn(bytes, waiting)
    this.#base += bytes.length
    this.#busy = false
    return undefined
  }

  async #goOn(bytes: Uint8Array, first: Promise<void>): Promise<void> {
    for (let waiting: void | Promise<void> = first; waiting !== undefined; waiting = this.#read(bytes)) await waiting
    this.#base += bytes.length
    this.#busy = false
  }

  /** @throws {NarError} unless the archive is complete */
  end(): void {
    if (this.#busy) throw new Error("the reader failed, or has not yet finished with the piece before")
    if (this.#state !== NOTHING) this.#refuse({ code: "truncated" }, 0)
  }

  /** Reads from {@link #at} to the end of `bytes`, or until the sink asks to wait. */
  #read(bytes: Uint8Array): void | Promise<void> {
    let at = this.#at
    const length = Math.min(bytes.length, this.#sizeMax - this.#base)
    while (at < length) {
      switch (this.#state) {
        case WORDS: {
          const expected = this.#run.bytes
          const from = at - this.#matched
          const to = Math.min(length, from + expected.length)
          while (at < to && bytes[at] === expected[at - from]) at++
          this.#matched = at - from
          if (at < to) this.#choose(bytes[at]!, at)
          else if (this.#matched === expected.length) this.#proceed(this.#run.after)
          break
        }
        case NAME_LENGTH:
        case TARGET_LENGTH:
        case SIZE:
          at = this.#readLength(bytes, at)
          break
        case NAME:
        case TARGET:
          at = this.#readString(bytes, at)
          break
        case CONTENTS: {
          const to = Math.min(length, at + this.#missing)
          const piece = at === 0 && to === bytes.length ? bytes : bytes.subarray(at, to)
          this.#missing -= to - at
          at = to
          if (this.#missing === 0) this.#endContents()
          const waiting = this.#sink.contents(piece)
          if (waiting !== undefined) {
            this.#at = at
            return waiting
          }
          break
        }
        case PADDING:
          if (bytes[at] !== 0) this.#refuse({ code: "padding" }, at)
          at++
          if (--this.#missing === 0) this.#expectEnd()
          break
        case NOTHING:
          if (!this.#isFollowed) this.#refuse({ code: "trailing" }, at)
          this.#rest = bytes.length - at
          return undefined
      }
    }
    if (length < bytes.length) this.#refuse({ code: "archive-too-large", sizeMax: this.#sizeMax }, length)
    this.#at = at
    return undefined
  }

  #expect(choice: Choice): void {
    this.#state = WORDS
    this.#choice = choice
    this.#run = choice[0]
    this.#matched = 0
  }
  #expectEnd(): void {
    this.#expect(this.#open.length > 0 ? END_NODE : END_ROOT)
  }

  /** Goes over to the run that has `byte` where the present one has another. */
  #choose(byte: number, at: number): void {
    const matched = this.#matched
    const other = this.#choice.find(({ bytes }) => bytes[matched] === byte && this.#agrees(bytes, matched))
    if (other === undefined) this.#refuseWord(at)
    this.#run = other
  }
  /** Whether `bytes` begins with the first `length` bytes of the present run. */
  #agrees(bytes: Uint8Array, length: number): boolean {
    for (let i = 0; i < length; i++) if (bytes[i] !== this.#run.bytes[i]) return false
    return true
  }

  /** A run has ended. */
  #proceed(after: After): void {
    switch (after) {
      case "file":
      case "executable":
        this.#executable = after === "executable"
        this.#state = SIZE
        return
      case "symlink":
        this.#state = TARGET_LENGTH
        return
      case "directory":
        this.#sink.directory()
        this.#open.push("")
        return this.#expect(FIRST_ENTRY)
      case "name":
        this.#state = NAME_LENGTH
        return
      case "endDirectory":
        this.#sink.endDirectory()
        this.#open.pop()
        if (this.#open.length > 0) this.#expect(NEXT_ENTRY)
        else this.#state = NOTHING
        return
      case "nothing":
        this.#state = NOTHING
    }
  }

  #readLength(bytes: Uint8Array, at: number): number {
    const rest = this.#gather(bytes, at, 8)
    if (rest < 0) return bytes.length
    const [from, start] = this.#keptLength > 0 ? [this.#kept, 0] : [bytes, at]
    let length = 0
    for (let i = 7; i >= 0; i--) length = length * 256 + from[start + i]!
    this.#keptLength = 0
    const to = at + rest
    this.#startString(length, to - 8)
    return to
  }
  /** @param at where its length is, seen from the piece */
  #startString(length: number, at: number): void {
    this.#length = length
    switch (this.#state) {
      case NAME_LENGTH: {
        const problem = nameLengthProblem(length)
        if (problem !== undefined) this.#refuse(problem, at)
        this.#state = NAME
        return
      }
      case TARGET_LENGTH: {
        const problem = targetLengthProblem(length)
        if (problem !== undefined) this.#refuse(problem, at)
        this.#state = TARGET
        return
      }
      case SIZE: {
        const sizeMax = Math.max(0, this.#sizeMax - (this.#base + at + 8))
        if (length > sizeMax) this.#refuse({ code: "file-too-large", size: length, sizeMax }, at)
        this.#missing = length
        this.#sink.file(length, this.#executable)
        if (length > 0) this.#state = CONTENTS
        else this.#expectEnd()
      }
    }
  }

  #readString(bytes: Uint8Array, at: number): number {
    const length = this.#length
    const padding = paddingOf(length)
    const rest = this.#gather(bytes, at, length + padding)
    if (rest < 0) return bytes.length
    const [from, start] = this.#keptLength > 0 ? [this.#kept, 0] : [bytes, at]
    const text = byteStringFrom(from.subarray(start, start + length))
    this.#keptLength = 0
    const to = at + rest
    const begin = to - length - padding
    if (this.#state === NAME) {
      const last = this.#open.length - 1
      const problem = nameProblem(text, this.#open[last]!)
      if (problem !== undefined) this.#refuse(problem, begin + placeInName(problem))
      this.#open[last] = text
    } else {
      const problem = targetProblem(text)
      if (problem !== undefined) this.#refuse(problem, begin + text.indexOf("\0"))
    }
    for (let i = length; i < length + padding; i++) {
      if (from[start + i] !== 0) this.#refuse({ code: "padding" }, begin + i)
    }
    if (this.#state === NAME) {
      this.#expect(NODE)
      this.#sink.entry(text)
    } else {
      this.#expectEnd()
      this.#sink.symlink(text)
    }
    return to
  }

  /**
   * How many of the `length` bytes at hand are in this piece, or -1 if there are not enough yet. Those of pieces before
   * are in {@link #kept}; then all of them are.
   */
  #gather(bytes: Uint8Array, at: number, length: number): number {
    const missing = length - this.#keptLength
    const here = Math.min(missing, bytes.length - at)
    if (here === length) return length
    this.#kept.set(bytes.subarray(at, at + here), this.#keptLength)
    this.#keptLength += here
    return here === missing ? here : -1
  }

  #endContents(): void {
    this.#missing = paddingOf(this.#length)
    if (this.#missing > 0) this.#state = PADDING
    else this.#expectEnd()
  }

  /** @param at in the piece */
  #refuse(problem: NarProblem, at: number): never {
    throw new NarError(problem, this.#base + at)
  }

  /** The byte at `at` is not the one in {@link #run}. */
  #refuseWord(at: number): never {
    let start = 0
    let index = 0
    let word = this.#run.words[0]!
    while (start + stringLength(word.length) <= this.#matched) {
      start += stringLength(word.length)
      word = this.#run.words[++index]!
    }
    if (word === MAGIC[0]) this.#refuse({ code: "magic" }, at)
    if (this.#matched >= start + 8 + word.length) this.#refuse({ code: "padding" }, at)
    const expected = this.#choice.filter(({ bytes }) => this.#agrees(bytes, start)).map(({ words }) => words[index]!)
    this.#refuse({ code: "word", expected: [...new Set(expected)] }, at)
  }
}

/** Where in the name the byte is that is wrong, or 0. */
function placeInName(problem: NarProblem): number {
  if (problem.code === "name-slash") return problem.name.indexOf("/")
  return problem.code === "name-nul" ? problem.name.indexOf("\0") : 0
}
