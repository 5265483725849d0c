/** What a worker of `tvix eval-jobs` does: it evaluates the program once, then looks at the attributes it is told to. */
import { Socket } from "node:net"
import { dirname } from "node:path"
import { AttrSet, autoCall, nixText, plain, typeName, type Failure, type Forced, type Value } from "@tvix-ts/eval"
import { call, fail, type Task } from "@tvix-ts/eval/builtins"
import { wordBytes } from "../command-line.ts"
import { failureOf } from "../failure.ts"
import { applyConfiguration } from "../nix-config.ts"
import { parseOptions } from "../options.ts"
import { writeOut } from "../output.ts"
import { Session, type Program } from "../session.ts"
import { Memory } from "./memory.ts"
import { formatAnswer, LineReader, type AnswerKind, type Batch, type Greeting } from "./protocol.ts"
import { errorRecord } from "./record.ts"
import { jobSettings, OPTIONS, programOf, type JobSettings } from "./settings.ts"
import { Walk, type Found } from "./walk.ts"
import { Written } from "./written.ts"

/** Answers are sent on after so long: each time wakes the command, which shares the processors with the workers. */
const SEND_AFTER_MS = 50

/** Serves until the command closes the pipe, or is gone. */
export async function serve(): Promise<void> {
  // Ctrl-C reaches all processes of a terminal; it is the command that ends its workers.
  process.on("SIGINT", () => {})
  const requests = readLines(new Socket({ fd: 0, readable: true, writable: false }))
  const greeting = await requests.next()
  if (greeting.done === true) return
  const { words } = JSON.parse(greeting.value) as Greeting
  const settings = jobSettings()
  applyConfiguration(settings)
  const operands = parseOptions(words, OPTIONS, settings, { clusters: false, unknown: String, missing: String })
  const worker = new Worker(settings, programOf(operands, settings))
  if (await worker.start()) {
    for await (const line of requests) {
      if (!(await worker.work(JSON.parse(line) as Batch))) break
    }
  }
  await worker.end()
}

/** The lines that come. In the middle of an evaluation, the process ends when there can be no more. */
async function* readLines(socket: Socket): AsyncGenerator<string, void, undefined> {
  const lines: string[] = []
  /** Tells whoever waits whether there are more. */
  let wake: ((more: boolean) => void) | undefined
  const reader = new LineReader((line) => void lines.push(line))
  socket.on("data", (bytes: Buffer) => {
    reader.push(bytes)
    wake?.(true)
  })
  socket.on("close", () => {
    // Whoever asked is gone, and nobody wants the answer.
    if (wake === undefined) process.exit(0)
    wake(false)
  })
  socket.on("error", () => socket.destroy())
  for (;;) {
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) yield line
    const more = await new Promise<boolean>((resolve) => void (wake = resolve))
    wake = undefined
    if (!more) return
  }
}

class Worker {
  readonly #settings: JobSettings
  readonly #program: Program
  readonly #timeoutMs: number | undefined
  readonly #session: Session
  readonly #memory = new Memory()
  readonly #written: Written | undefined
  #walk: Walk | undefined
  /** Answers that are not sent yet. */
  #answers = ""
  #sent = 0

  constructor(settings: JobSettings, program: Program) {
    // A limit for each attribute, and not for all of them.
    this.#timeoutMs = settings.timeoutMs
    settings.timeoutMs = undefined
    this.#settings = settings
    this.#program = program
    settings.memoryMax ??= this.#memory.max
    const folders = program.kind === "file" ? [wordBytes(dirname(program.path))] : []
    this.#session = new Session(settings, { palette: () => plain, folders })
    if (settings.write) this.#written = new Written(this.#session, settings.gcRootsDir, this.#durable, this.#fatal)
  }

  /** Whether the program could be evaluated; if not, that has been told. */
  async start(): Promise<boolean> {
    try {
      this.#session.loadArguments()
      const { args, evaluation, store } = this.#session
      const program = await this.#session.load(this.#program)
      const select = await this.#function(this.#settings.select)
      const apply = await this.#function(this.#settings.apply)
      const root = await evaluation.run(rootOf(program, select, args))
      const { forceRecurse, pathLengthMax: depthMax, meta, inputDerivations } = this.#settings
      this.#walk = new Walk(root, {
        forceRecurse,
        depthMax,
        meta,
        inputDerivations,
        args,
        apply,
        *find(path) {
          return (yield* evaluation.ask(() => store.derivation(path)))?.derivation
        },
      })
      await this.#written?.start()
      this.#answer("r", 0, "")
      this.#send()
      return true
    } catch (problem) {
      this.#fatal(problem)
      return false
    }
  }

  async end(): Promise<void> {
    await this.#session.close()
  }

  async #function(text: string | undefined): Promise<Value | undefined> {
    return text === undefined ? undefined : this.#session.load({ kind: "expression", text })
  }

  /** Looks at some attributes. False if it has not the memory for more; it then has done all it had to. */
  async work({ path, names }: Batch): Promise<boolean> {
    this.#sent = performance.now()
    const paths = names.length === 0 ? [path] : names.map((name) => [...path, name])
    for (const [index, each] of paths.entries()) {
      const fits = await this.#look(each, index)
      if (!fits || this.#memory.isFull()) {
        await this.#written?.all()
        this.#answer("l", 0, String(this.#memory.used()))
        this.#send()
        return false
      }
      if (performance.now() - this.#sent > SEND_AFTER_MS) this.#send()
    }
    this.#answer("b", 0, String(this.#memory.used()))
    this.#send()
    this.#written?.soon()
    return true
  }

  /** False if memory did not suffice. */
  async #look(path: readonly string[], index: number): Promise<boolean> {
    try {
      const signal = this.#timeoutMs === undefined ? undefined : AbortSignal.timeout(this.#timeoutMs)
      this.#found(index, await this.#session.evaluation.run<Found>(this.#walk!.look(path), signal))
      return true
    } catch (thrown) {
      const failure = failureOf(thrown)
      const { problem } = failure
      const full = problem.code === "limit" && problem.limit === "memory"
      this.#answer(full ? "m" : "e", index, errorRecord(path, this.#textOf(failure)))
      return !full
    }
  }

  #found(index: number, found: Found): void {
    switch (found.kind) {
      case "derivation":
        this.#written?.add(found.drvPath)
        return this.#answer("d", index, found.record)
      case "set":
        return this.#answer("s", index, JSON.stringify(found.names))
      case "other":
        return this.#answer("n", index, "")
    }
  }

  readonly #durable = (count: number): void => {
    this.#answer("f", count, "")
    this.#send()
  }
  readonly #fatal = (problem: unknown): void => {
    this.#answer("x", 0, JSON.stringify(this.#textOf(failureOf(problem))))
    this.#send()
  }

  #textOf(failure: Failure): string {
    const { positions } = this.#session.evaluation
    const options = { positions, showTrace: this.#settings.showTrace }
    if (failure.problem.code !== "interrupted") return nixText(failure, options)
    return nixText(failure.about({ code: "limit", limit: "time" }), options)
  }

  #answer(kind: AnswerKind, index: number, text: string): void {
    this.#answers += formatAnswer({ kind, index, text })
  }

  #send(): void {
    writeOut(this.#answers)
    this.#answers = ""
    this.#sent = performance.now()
  }
}

/** A task whose result is the set that is to be walked through. */
function* rootOf(program: Value, select: Value | undefined, args: Session["args"]): Task<AttrSet> {
  const value = (yield autoCall((yield program) as Forced, args)) as Forced
  const root = select === undefined ? value : ((yield call(select, value)) as Forced)
  if (root instanceof AttrSet) return root
  const advice = Array.isArray(root) ? "; lists are not gone into, but --select can make a set of one" : ""
  const message = `the program should be a set of derivations, or a function that returns one, but it is ${typeName(root)}`
  return fail({ code: "invalid-argument", message: message + advice })
}
