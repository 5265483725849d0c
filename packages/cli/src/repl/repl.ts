/** The REPL without its terminal: lines in, texts out. All texts are byte strings. */
import {
  asFailure,
  AttrSet,
  autoCall,
  printPretty,
  type Evaluation,
  type Failure,
  type Forced,
  type Task,
  type Value,
  type ValuePalette,
} from "@tvix-ts/eval"
import { isIncomplete, parse, parseBindings, SourceFile, type Bindings, type Expr } from "@tvix-ts/syntax"
import { COMMANDS, type ReplCommand } from "./commands.ts"
import { ReplError } from "./error.ts"

export interface ReplOptions {
  readonly evaluation: Evaluation
  /** Directory that relative paths start from. */
  readonly directory: string
  readonly palette: ValuePalette
  /** Values for functions that loaded files turn out to be. */
  readonly args: ReadonlyMap<string, Value>
  readonly print: (text: string) => void
  readonly report: (failure: Failure) => void
  /** Opens a file at a line (0: anywhere), and returns when the user is done. */
  readonly edit: (path: string, line: number) => void
}

export type Answer =
  | "done"
  /** More text may make sense of what was typed. */
  | "incomplete"
  | "quit"

const ORIGIN = "\xc2\xabrepl\xc2\xbb"

export class Repl {
  readonly options: ReplOptions
  readonly evaluation: Evaluation
  /** What has been bound so far. */
  readonly scope = new Map<string, Value>()
  /** Whether problems come with the whole chain of what was evaluated. */
  showTrace = false
  /** Names that the last `:a` or `:l` brought. */
  lastLoaded: readonly string[] | undefined
  readonly #files: string[] = []
  /** What interrupts the evaluation under way. */
  #controller: AbortController | undefined

  constructor(options: ReplOptions) {
    this.options = options
    this.evaluation = options.evaluation
  }

  /** Does what `text` says, which may have several lines. Problems are reported; nothing is thrown. */
  async process(text: string): Promise<Answer> {
    const line = text.trim()
    if (line === "") return "done"
    this.#controller = new AbortController()
    try {
      return line.startsWith(":") ? await this.#command(line) : await this.#program(line)
    } catch (problem) {
      if (problem instanceof ReplError) this.options.print(`error: ${problem.message}\n`)
      else this.options.report(asFailure(problem))
      return "done"
    } finally {
      this.#controller = undefined
    }
  }

  /** Stops the evaluation under way, if there is one; whether there was. */
  interrupt(): boolean {
    this.#controller?.abort()
    return this.#controller !== undefined
  }

  async #command(line: string): Promise<Answer> {
    const [, name = "", argument = ""] = /^(:\S*)\s*(.*)$/s.exec(line) ?? []
    const command: ReplCommand | undefined = COMMANDS.find(({ names }) => names.includes(name))
    if (command === undefined) throw new ReplError(`unknown command '${name}'; :? lists them`)
    // An expression may go on in the next line.
    if (command.argument === "EXPR" && argument !== "" && this.#understand(argument) === "incomplete")
      return "incomplete"
    if (command.argument !== undefined && argument === "" && command.optional !== true) {
      throw new ReplError(`${name} needs ${command.argument === "EXPR" ? "an expression" : "a file"}`)
    }
    return (await command.run(this, argument)) === "quit" ? "quit" : "done"
  }

  async #program(text: string): Promise<Answer> {
    const understood = this.#understand(text)
    if (understood === "incomplete") return "incomplete"
    const { source, bindings } = understood
    if (bindings === undefined) {
      this.options.print(`${await this.show(this.#load(understood), 1)}\n`)
      return "done"
    }
    const set: Expr = { kind: "attrs", from: 0, to: source.text.length, recursive: false, bindings, explicit: true }
    const bound = await this.run(this.evaluation.loadParsed(source, set, this.options.directory, this.scope))
    for (const [name, value] of (bound as AttrSet).entries()) this.scope.set(name, value)
    return "done"
  }

  /** An expression, or bindings; `x = 1` may do without its semicolon. */
  #understand(text: string): Understood | "incomplete" {
    const options = { pipeOperators: this.evaluation.options.pipeOperators === true }
    const source = new SourceFile(ORIGIN, text)
    const parsed = parse(source, options)
    if (parsed.problems.length === 0) return { source, bindings: undefined }
    for (const each of [source, new SourceFile(ORIGIN, `${text};`)]) {
      const { bindings, problems } = parseBindings(each, options)
      if (problems.length === 0) return { source: each, bindings }
      if (each === source && problems[0] !== undefined && isIncomplete(problems[0]) && looksLikeBinding(text))
        return "incomplete"
    }
    return isIncomplete(parsed.problems[0]!) ? "incomplete" : { source, bindings: undefined }
  }

  #load({ source }: Understood): Value {
    return this.evaluation.load(source, this.options.directory, this.scope)
  }

  // -------------------------------------------------------------------------------------------- for commands

  /** Evaluates until the user interrupts. @throws {Failure} */
  run<T = Forced>(start: Value | Task<T>): Promise<T> {
    return this.evaluation.run<T>(start, this.#controller?.signal)
  }
  async evaluate(text: string): Promise<Forced> {
    return this.run(this.#load({ source: new SourceFile(ORIGIN, text), bindings: undefined }))
  }
  /** The text of a value, evaluated and printed `depth` levels deep. */
  show(value: Value, depth: number): Promise<string> {
    const { palette } = this.options
    return this.run(printPretty(value, { depth, positions: this.evaluation.positions, palette }))
  }
  /** Binds every attribute of `value`. */
  add(value: Forced): void {
    if (!(value instanceof AttrSet)) throw new ReplError("only the attributes of a set can be added")
    const names: string[] = []
    for (const [name, item] of value.entries()) {
      this.scope.set(name, item)
      names.push(name)
    }
    this.lastLoaded = names
    this.options.print(`Added ${names.length} variable${names.length === 1 ? "" : "s"}.\n`)
    if (names.length > 0) this.options.print(`${names.slice(0, 20).join(", ")}${names.length > 20 ? ", ..." : ""}\n`)
  }
  /** Evaluates a file, calls it if it is a function, and adds its attributes. */
  async loadFile(path: string): Promise<void> {
    const file = /^(?:[./~<]|\w+:)/.test(path) ? path : `./${path}`
    if (!this.#files.includes(path)) this.#files.push(path)
    // A path by itself, so that `<name>`, `~` and relative ones mean what they mean anywhere.
    const value = await this.evaluate(
      `import ${/^[\w./~<>+-]+$/.test(file) ? file.replace(/\/+$/, "") : `(./. + ${quoted(file)})`}`,
    )
    this.add(await this.run(autoCall(value, this.options.args)))
  }
  async reload(): Promise<void> {
    this.evaluation.forgetFiles()
    for (const file of this.#files) await this.loadFile(file)
  }
}

interface Understood {
  readonly source: SourceFile
  readonly bindings: Bindings | undefined
}

function looksLikeBinding(text: string): boolean {
  return /^\s*(?:inherit\b|(?:[\w'-]+|"(?:[^"\\]|\\.)*")(?:\s*\.\s*(?:[\w'-]+|"(?:[^"\\]|\\.)*"))*\s*=(?!=))/s.test(
    text,
  )
}
function quoted(path: string): string {
  return `"/${path.replace(/["\\$]/g, "\\$&")}"`
}
