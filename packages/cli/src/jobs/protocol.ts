/**
 * What the command and its workers tell each other: lines of bytes over pipes, ended by a newline, that texts in them
 * cannot have: they are JSON, of byte strings, one byte a char.
 *
 *     to a worker     {"words":[…]}                          first: the words of the command line
 *                     {"path":["a","b"],"names":["c","d"]}   look at these attributes of a.b
                     {"path":[],"names":[]}                 look at the root
 *     from a worker   kind, index in `names`, and text:
 *                     r                                      the program is evaluated
 *                     d 0 {"attr":…}                         a derivation
 *                     s 0 {"names":["x","y"]}                a set with these attributes, to be looked at
 *                     n 0                                    nothing to build
 *                     e 0 {"attr":…,"error":…}               it failed
 *                     m 0 {"attr":…,"error":…}               it needs more memory than was left
 *                     b 0 123456                             the last for these names: bytes of memory in use
 *                     l 0 123456                             the same, and the worker leaves: it is over its bound
 *                     f 12                                   so many more derivations are in the store, and kept from collection
                     x 0 "…"                                nothing can go on, in these words
 *
 * Answers come in the order of the names; after `m` and `l`, none for the rest.
 */
export const ANSWERS = ["r", "d", "s", "n", "e", "m", "b", "l", "f", "x"] as const
export type AnswerKind = (typeof ANSWERS)[number]

export interface Answer {
  readonly kind: AnswerKind
  readonly index: number
  readonly text: string
}

export interface Greeting {
  readonly words: readonly string[]
}

/** The attributes of one set that a worker is to look at next; no names stand for the set itself. */
export interface Batch {
  readonly path: readonly string[]
  readonly names: readonly string[]
}

/** The attributes of a set. */
export interface SetNames {
  /** In bytewise order. */
  readonly names: readonly string[]
  /**
   * For each of them the number of an attribute with the very same value, or {@link NO_TWIN}; missing if none has one.
   * A worker numbers the attributes of the root, and then those of each set that it tells, in their order.
   */
  readonly twins?: readonly number[]
}
export const NO_TWIN = -1

/** Longer lines are not believed. A set of all of nixpkgs with all its names is a megabyte. */
const LINE_LENGTH_MAX = 256 * 2 ** 20

export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
}

export function formatAnswer({ kind, index, text }: Answer): string {
  return `${kind} ${index} ${text}\n`
}

/** @throws {ProtocolError} */
export function parseAnswer(line: string): Answer {
  const kind = ANSWERS.find((each) => line.startsWith(`${each} `))
  const end = line.indexOf(" ", 2)
  const index = Number(line.slice(2, end))
  if (kind === undefined || end < 3 || !Number.isSafeInteger(index) || index < 0) {
    throw new ProtocolError(`unexpected answer of a worker: ${line.slice(0, 80)}`)
  }
  return { kind, index, text: line.slice(end + 1) }
}

/** One line of ASCII: whatever there is above is escaped. */
export function formatRequest(request: Greeting | Batch): string {
  const json = JSON.stringify(request)
  return `${json.replaceAll(/[^\x00-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`
}

/** Puts lines together from pieces as they come. */
export class LineReader {
  readonly #take: (line: string) => void
  #pieces: string[] = []
  #length = 0

  constructor(take: (line: string) => void) {
    this.#take = take
  }

  /** @throws {ProtocolError} if a line is too long */
  push(bytes: Buffer): void {
    const text = bytes.toString("latin1")
    let from = 0
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#pieces.push(text.slice(from, end))
      const line = this.#pieces.join("")
      this.#pieces = []
      this.#length = 0
      from = end + 1
      this.#take(line)
    }
    this.#pieces.push(text.slice(from))
    this.#length += text.length - from
    if (this.#length > LINE_LENGTH_MAX) throw new ProtocolError("a worker's answer does not end")
  }
}
