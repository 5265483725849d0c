/** Our evaluator as something to ask, as repl.ts asks C++ Nix: one evaluation, and a store in memory. */
import { byteStringOf } from "@tvix-ts/bytes"
import { deeply, describe, Evaluation, Failure, makeGlobals, NixString, nixText, type Value } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { evaluationStore, storeBuiltins, storeIo, type EvaluationStore } from "@tvix-ts/glue"
import { SourceFile } from "@tvix-ts/syntax"
import type { Reply } from "./repl.ts"

const ORIGIN = byteStringOf("«string»")

export class Session {
  /** Paths of the derivations and texts that were added. */
  readonly added = new Set<string>()
  readonly #store: EvaluationStore = evaluationStore()
  readonly #evaluation: Evaluation
  readonly #scope = new Map<string, Value>()
  readonly #directory: string

  /** @param directory where relative paths start */
  constructor(directory: string) {
    const { added } = this
    const store = this.#store
    const addDerivation = store.addDerivation.bind(store)
    store.addDerivation = (path, record, contents) => {
      added.add(path)
      return addDerivation(path, record, contents)
    }
    const addText = store.addText.bind(store)
    store.addText = (path, contents, references) => {
      added.add(path)
      return addText(path, contents, references)
    }
    this.#directory = byteStringOf(directory)
    this.#evaluation = new Evaluation(
      { io: storeIo(nodeIo(), store), builtins: storeBuiltins(store), system: "x86_64-linux" },
      makeGlobals,
    )
  }

  /** A variable for later questions. */
  define(name: string, expression: string): void {
    this.#scope.set(name, this.#load(byteStringOf(expression)))
  }

  /** @param question as {@link askRepl} takes it */
  ask(question: string): Reply {
    try {
      const value = this.#evaluation.runSync(deeply(this.#load(question)))
      if (typeof value === "string") return { value }
      return value instanceof NixString ? { value: value.bytes } : { error: "not a string", trace: "" }
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const { positions } = this.#evaluation
      return { error: describe(error.problem, positions), trace: nixText(error, { positions, showTrace: true }) }
    }
  }

  /** The bytes of what was added at `path`, if anything was. */
  async text(path: string): Promise<string | undefined> {
    return this.#store.text(path)
  }

  #load(expression: string): Value {
    return this.#evaluation.load(new SourceFile(ORIGIN, expression), this.#directory, this.#scope)
  }
}
