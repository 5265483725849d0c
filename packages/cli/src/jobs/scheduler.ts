/**
 * Hands attributes to workers and takes in what they find. Whatever happens to a worker, each attribute has one result in
 * the end: those that a worker had in hand when it died are looked at again, one at a time, and one that kills a worker
 * which did nothing else before is a failed attribute.
 */
import { Lines } from "../output.ts"
import { errorRecord } from "./record.ts"
import { NO_TWIN, type Answer, type SetNames } from "./protocol.ts"
import { Queue, type Attribute, type Node, type Range, type Share } from "./queue.ts"
import { Twins } from "./twins.ts"
import { WorkerProcess, type End, type WorkerBounds } from "./worker-process.ts"
import { orderedOutput, unorderedOutput, type ResultOutput } from "./output.ts"

export interface SchedulerOptions extends WorkerBounds {
  /** Of the command line: what workers read. */
  readonly words: readonly string[]
  readonly ordered: boolean
  /** Whether derivations are printed when their worker says that they are in the store, and not before. */
  readonly writes: boolean
  readonly message: (bytes: Buffer) => void
  readonly progress: (totals: Totals) => void
}

export interface Totals {
  /** Attributes looked at, and known of. */
  done: number
  known: number
  derivations: number
  failed: number
  /** Workers that died or grew too large, and others that took their places. */
  replaced: number
  /** Bytes in use, by worker. */
  memory: readonly number[]
}

/** The program itself cannot be evaluated, or no worker can be kept alive. */
export class FatalProblem extends Error {
  override readonly name = "FatalProblem"
  /** A byte string for people, `error:` included. */
  readonly text: string
  constructor(text: string) {
    super(text)
    this.text = text
  }
}

/** How long the attributes of a batch should take, as far as those before tell. */
const BATCH_MS = 100
const BATCH_LENGTH_MAX = 128
/** A batch is at most this part of what each worker has left, so that all come to an end together. */
const BATCH_SHARE = 4
/** Before anything is known of a set: they differ by a thousand times. */
const MS_PER_ATTRIBUTE = 20
/** Workers that die before they have evaluated the program: after so many in a row, more will not help. */
const DEATHS_AT_START_MAX = 2

/** A place for a worker, and who has it. */
class Seat {
  readonly share: Share
  process: WorkerProcess | undefined
  /** The program is evaluated. */
  ready = false
  /** It has looked at nothing yet. */
  fresh = true
  /** What it is at: the first of them has no result yet. */
  batch: Range | undefined
  since = 0
  batchLength = 0
  /** It is no work, and tells nothing of how long others take. */
  batchIsBound = false
  /** How many workers have died with this batch in hand, which then is one attribute. */
  deaths = 0
  /** What it has found and not yet written. */
  held: Result[] = []
  /** Bytes in use. */
  memory = 0

  constructor(share: Share) {
    this.share = share
  }
}

interface Result extends Attribute {
  readonly line: string
}

/** An attribute that a worker died of, or may have. */
interface Suspect extends Attribute {
  readonly deaths: number
  /** One has died of nothing else: the next must have no other reason. */
  readonly needsFresh: boolean
}

/** The set that holds the root. */
const SUPER: Node = { path: [], names: ["the program"], parent: undefined }

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #output: ResultOutput
  readonly #queue = new Queue()
  readonly #twins = new Twins<WorkerProcess>()
  readonly #suspects: Suspect[] = []
  readonly #seats: Seat[] = []
  /** How long the attributes of a set have taken: a running mean. */
  readonly #msPerAttribute = new WeakMap<Node, number>()
  readonly #totals = { done: 0, known: 1, derivations: 0, failed: 0, replaced: 0 }
  readonly #finished = Promise.withResolvers<Totals>()
  #deathsAtStart = 0
  /** Workers that have not ended. */
  #alive = 0
  #over = false

  constructor(options: SchedulerOptions) {
    this.#options = options
    const lines = new Lines()
    this.#output = options.ordered ? orderedOutput(SUPER, lines) : unorderedOutput(lines)
    for (let i = 0; i < options.workers; i++) this.#seats.push(new Seat(this.#queue.join()))
    this.#queue.put(this.#seats[0]!.share, { node: SUPER, from: 0, to: 1 })
  }

  /** @throws {FatalProblem} and what the system has against the output */
  async run(): Promise<Totals> {
    for (const seat of this.#seats) this.#start(seat)
    return this.#finished.promise
  }

  /** Ends all workers, at once. */
  stop(): void {
    this.#over = true
    for (const { process } of this.#seats) process?.kill()
  }

  #start(seat: Seat): void {
    seat.ready = false
    seat.fresh = true
    const { words, message } = this.#options
    const worker = new WorkerProcess(words, this.#options, {
      message,
      answer: (answer) => {
        if (!this.#over && seat.process === worker) this.#orFail(() => this.#take(seat, answer))
      },
      end: (end) => {
        this.#alive--
        if (!this.#over && seat.process === worker) this.#orFail(() => this.#ended(seat, end))
        else if (this.#alive === 0) this.#finished.resolve(this.#all())
      },
    })
    seat.process = worker
    this.#alive++
  }

  /** A result that cannot be printed ends everything. */
  #orFail(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.stop()
      this.#finished.reject(error)
    }
  }

  #replace(seat: Seat): void {
    this.#totals.replaced++
    this.#queue.unbind(seat.share)
    this.#start(seat)
  }

  // -------------------------------------------------------------------------------------------- answers

  #take(seat: Seat, { kind, index, text }: Answer): void {
    switch (kind) {
      case "r":
        seat.ready = true
        this.#deathsAtStart = 0
        return this.#assign(seat)
      case "d":
        this.#totals.derivations++
        if (this.#options.writes) seat.held.push({ ...this.#looked(seat), line: text })
        else this.#result(seat, text)
        return
      case "e":
        this.#totals.failed++
        return this.#result(seat, text)
      case "n":
        return this.#result(seat, undefined)
      case "s":
        return this.#enter(seat, JSON.parse(text) as SetNames)
      case "m":
        return this.#tooLarge(seat, text)
      case "b":
        this.#endBatch(seat, text)
        return this.#assign(seat)
      case "l":
        this.#endBatch(seat, text)
        return this.#replace(seat)
      case "f":
        this.#release(seat, index)
        return this.#assign(seat)
      case "x":
        return this.#fail(JSON.parse(text) as string)
    }
  }

  /** The next attribute of the batch is done: whatever has the same value is, too, for this worker. */
  #looked(seat: Seat): Attribute {
    const attribute = this.#next(seat)
    this.#bindTwins(seat, attribute)
    return attribute
  }
  #bindTwins(seat: Seat, attribute: Attribute): void {
    for (const twin of this.#twins.looked(seat.process!, attribute)) this.#queue.bind(seat.share, twin)
  }

  /** The next attribute of the batch is not the worker's any more. */
  #next(seat: Seat): Attribute {
    seat.fresh = false
    this.#totals.done++
    const { node, from } = seat.batch!
    seat.batch = { ...seat.batch!, from: from + 1 }
    return { node, index: from }
  }

  #result(seat: Seat, line: string | undefined): void {
    const { node, index } = this.#looked(seat)
    this.#output.result(node, index, line)
  }

  /** Its next `count` derivations are in the store. */
  #release(seat: Seat, count: number): void {
    for (const { node, index, line } of seat.held.splice(0, count)) this.#output.result(node, index, line)
    this.#output.flush()
  }

  #enter(seat: Seat, { names, twins }: SetNames): void {
    const { node, index } = this.#looked(seat)
    const path = node === SUPER ? [] : [...node.path, node.names[index]!]
    const inner: Node = { path, names, parent: { node, index } }
    this.#output.enter(node, index, inner)
    this.#totals.known += names.length
    this.#twins.told(seat.process!, inner)
    // The last is the next.
    for (const range of this.#rangesFor(seat, inner, twins).reverse()) this.#queue.put(seat.share, range)
    for (const other of this.#seats) if (other.batch === undefined) this.#assign(other)
  }

  /** The attributes of a set that `seat` has found, without those that are left to the worker that looks at their twins. */
  #rangesFor(seat: Seat, node: Node, twins: SetNames["twins"]): Range[] {
    const to = node.names.length
    if (twins === undefined) return [{ node, from: 0, to }]
    const ranges: Range[] = []
    let from = 0
    for (const [index, number] of twins.entries()) {
      if (number === NO_TWIN || !this.#leave(seat, { node, index }, number)) continue
      ranges.push({ node, from, to: index })
      from = index + 1
    }
    ranges.push({ node, from, to })
    return ranges
  }
  /** Leaves `attribute` to the worker that looks at its twin, unless that is gone. */
  #leave(seat: Seat, attribute: Attribute, number: number): boolean {
    const twin = this.#twins.find(seat.process!, number)
    if (twin === undefined) return false
    const worker = this.#twins.lookedAtBy(twin)
    if (worker === undefined) {
      this.#twins.wait(attribute, twin)
      return true
    }
    const knows = this.#seats.find(({ process }) => process === worker)
    if (knows !== undefined) this.#queue.bind(knows.share, attribute)
    return knows !== undefined
  }

  #tooLarge(seat: Seat, record: string): void {
    const { fresh } = seat
    if (fresh) {
      this.#totals.failed++
      return this.#result(seat, record)
    }
    const { node, index } = this.#next(seat)
    this.#totals.done--
    this.#suspects.push({ node, index, deaths: 0, needsFresh: true })
  }

  #endBatch(seat: Seat, memory: string): void {
    const { batch, batchLength, since } = seat
    const done = batchLength - (batch!.to - batch!.from)
    if (done > 0 && !seat.batchIsBound) {
      const { node } = batch!
      this.#msPerAttribute.set(node, (this.#msOf(node) + (performance.now() - since) / done) / 2)
    }
    seat.memory = Number(memory)
    seat.batch = undefined
    this.#queue.put(seat.share, batch!)
    this.#output.flush()
    this.#report()
  }

  // -------------------------------------------------------------------------------------------- work

  #assign(seat: Seat): void {
    if (!seat.ready || seat.batch !== undefined) return
    seat.deaths = 0
    const bound = this.#queue.takeBound(seat.share, BATCH_LENGTH_MAX)
    seat.batchIsBound = bound !== undefined
    const batch = bound ?? this.#suspect(seat) ?? this.#nextBatch(seat)
    if (batch !== undefined) {
      const { node, from, to } = batch
      seat.batch = { node, from, to }
      seat.batchLength = to - from
      seat.since = performance.now()
      seat.process!.send({ path: node.path, names: node === SUPER ? [] : node.names.slice(from, to) })
      return
    }
    if (this.#seats.some(({ ready, batch, held }) => !ready || batch !== undefined || held.length > 0)) return
    // Nobody is about to be fresh for it.
    if (this.#suspects.length > 0) this.#replaceIdle(seat)
    else this.#finish()
  }

  #suspect(seat: Seat): Range | undefined {
    // A fresh worker is for who needs one.
    const first = this.#suspects.findIndex(({ needsFresh }) => needsFresh === seat.fresh)
    const at = first < 0 ? this.#suspects.findIndex(({ needsFresh }) => !needsFresh) : first
    if (at < 0) return undefined
    const [{ node, index, deaths }] = this.#suspects.splice(at, 1) as [Suspect]
    seat.deaths = deaths
    return { node, from: index, to: index + 1 }
  }

  #replaceIdle(seat: Seat): void {
    seat.process!.dismiss()
    this.#replace(seat)
  }

  #nextBatch({ share }: Seat): Range | undefined {
    const node = this.#queue.next(share)
    if (node === undefined) return undefined
    const fair = Math.ceil(this.#queue.length / (BATCH_SHARE * this.#seats.length))
    const length = Math.min(Math.floor(BATCH_MS / this.#msOf(node)), BATCH_LENGTH_MAX, fair)
    return this.#queue.take(share, Math.max(1, length))
  }
  #msOf(node: Node): number {
    return this.#msPerAttribute.get(node) ?? MS_PER_ATTRIBUTE
  }

  // -------------------------------------------------------------------------------------------- ends

  /** A worker is gone that should not be. */
  #ended(seat: Seat, end: End): void {
    if (!seat.ready && ++this.#deathsAtStart >= DEATHS_AT_START_MAX) {
      return this.#fail(`error: a worker ${wordsFor(end)} while it evaluated the program itself`)
    }
    const { batch, batchLength, deaths, fresh, held } = seat
    seat.batch = undefined
    seat.held = []
    // Nobody knows whether they are in the store.
    for (const { node, index } of held) {
      this.#totals.done--
      this.#totals.derivations--
      this.#queue.put(seat.share, { node, from: index, to: index + 1 })
    }
    if (batch !== undefined) {
      const { node, from, to } = batch
      if (batchLength === 1 && from < to && fresh && deaths > 0) {
        const path = node === SUPER ? [] : [...node.path, node.names[from]!]
        this.#totals.failed++
        this.#totals.done++
        this.#bindTwins(seat, { node, index: from })
        this.#output.result(node, from, errorRecord(path, this.#deathText(end)))
      } else {
        for (let index = from; index < to; index++) {
          this.#suspects.push({ node, index, deaths: deaths + 1, needsFresh: batchLength === 1 })
        }
      }
    }
    this.#replace(seat)
  }

  #deathText(end: End): string {
    const bound = `memory may have run out, which is bounded to ${this.#options.memoryMiB} MiB (--max-memory-size)`
    return `error: the process that evaluated this attribute ${wordsFor(end)}, twice; ${bound}`
  }

  #report(): void {
    this.#options.progress(this.#all())
  }
  #all(): Totals {
    return { ...this.#totals, memory: this.#seats.map(({ memory }) => memory) }
  }

  /** All is done: when the workers have closed what they had open, so is the command. */
  #finish(): void {
    this.#over = true
    this.#output.flush()
    for (const { process } of this.#seats) process?.dismiss()
  }

  #fail(text: string): void {
    this.#output.flush()
    this.stop()
    this.#finished.reject(new FatalProblem(text))
  }
}

function wordsFor({ code, signal }: End): string {
  if (signal !== null) return `was killed by ${signal}`
  return code === null ? "could not be started" : `ended with exit code ${code}`
}
